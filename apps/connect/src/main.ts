import path from 'node:path';
import { parseArgs } from 'node:util';
import { closeOnSignal, exitWithReason, loadConfig, loggingFromEnvironment } from '@millrace/hosting';
import { startConnectApp } from './connect-app.js';
import { VERSION } from './version.js';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { override: { type: 'string', multiple: true } } });
  const config = loadConfig({ file: positionals[0], environmentPrefix: 'CONNECT_', overrides: values.override });
  const logging = loggingFromEnvironment('connect');
  const app = await startConnectApp({ config, logging, pluginRoots: [path.resolve(__dirname, '../../..'), process.cwd()], version: VERSION, onFailure: exitWithReason });
  closeOnSignal(app, { logger: logging.logger, deadlineMs: 30_000 });
}

main().catch(exitWithReason);
