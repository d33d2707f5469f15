import { OperationalError } from '@millrace/foundation';
import { LOG_LEVELS } from './log-levels.js';
import { createLogging, type Logging } from './pino-logger.js';

/** Logging to standard output at the level that the environment variable LOG_LEVEL names (INFO without it). An unknown word is refused. */
export function loggingFromEnvironment(app: string, environment: Readonly<Record<string, string | undefined>> = process.env): Logging {
  const text = environment.LOG_LEVEL?.toUpperCase() ?? 'INFO';
  const level = LOG_LEVELS.find((it) => it === text);
  if (!level) throw new OperationalError('CONFIG_LOG_LEVEL', `Invalid value ${text} for LOG_LEVEL: expected one of ${LOG_LEVELS.join(', ')}`);
  return createLogging({ level, base: { app } });
}
