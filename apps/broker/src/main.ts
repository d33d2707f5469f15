import { parseArgs } from 'node:util';
import { closeOnSignal, exitWithReason, loadConfig, loggingFromEnvironment, type Closable } from '@millrace/hosting';
import { startBrokerApp } from './broker-app.js';

/** A controlled shutdown alone may take half of it. */
const DEADLINE_MS = 60_000;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { override: { type: 'string', multiple: true } } });
  const config = loadConfig({ file: positionals[0], environmentPrefix: 'KAFKA_', overrides: values.override });
  const logging = loggingFromEnvironment('broker');
  let application: Closable | undefined;
  let isClosing = false;
  const close = async (): Promise<void> => {
    isClosing = true;
    await application?.close();
  };
  closeOnSignal({ close }, { logger: logging.logger, deadlineMs: DEADLINE_MS });
  try {
    application = await startBrokerApp({ config, logging, onFailure: exitWithReason, onStarting: (starting) => (application = starting) });
  } catch (error) {
    // Whoever closes a broker that starts ends the process when all is closed.
    if (!isClosing) throw error;
  }
}

main().catch(exitWithReason);
