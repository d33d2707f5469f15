import { parseArgs } from 'node:util';
import { closeOnSignal, createLogging, exitWithReason, loadConfig, type LogLevel } from '@millrace/hosting';
import { startBrokerApp } from './broker-app.js';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { override: { type: 'string', multiple: true } } });
  const config = loadConfig({ file: positionals[0], environmentPrefix: 'KAFKA_', overrides: values.override });
  const logging = createLogging({ level: (process.env.LOG_LEVEL?.toUpperCase() ?? 'INFO') as LogLevel, base: { app: 'broker' } });
  const app = await startBrokerApp({ config, logging, onFailure: exitWithReason });
  closeOnSignal(app, { logger: logging.logger, deadlineMs: 30_000 });
}

main().catch(exitWithReason);
