import path from 'node:path';
import { parseArgs } from 'node:util';
import { closeOnSignal, createLogging, exitWithReason, loadConfig, type LogLevel } from '@millrace/hosting';
import { startConnectApp } from './connect-app.js';
import { VERSION } from './version.js';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { override: { type: 'string', multiple: true } } });
  const config = loadConfig({ file: positionals[0], environmentPrefix: 'CONNECT_', overrides: values.override });
  const logging = createLogging({ level: (process.env.LOG_LEVEL?.toUpperCase() ?? 'INFO') as LogLevel, base: { app: 'connect' } });
  const app = await startConnectApp({ config, logging, pluginRoots: [path.resolve(__dirname, '../../..'), process.cwd()], version: VERSION, onFailure: exitWithReason });
  closeOnSignal(app, { logger: logging.logger, deadlineMs: 30_000 });
}

main().catch(exitWithReason);
