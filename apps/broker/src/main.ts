import { parseArgs } from 'node:util';
import { closeOnSignal, exitWithReason, loadConfig, loggingFromEnvironment } from '@millrace/hosting';
import { startBrokerApp } from './broker-app.js';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { override: { type: 'string', multiple: true } } });
  const config = loadConfig({ file: positionals[0], environmentPrefix: 'KAFKA_', overrides: values.override });
  const logging = loggingFromEnvironment('broker');
  const app = await startBrokerApp({ config, logging, onFailure: exitWithReason });
  closeOnSignal(app, { logger: logging.logger, deadlineMs: 30_000 });
}

main().catch(exitWithReason);
