import pino, { type DestinationStream, type Logger as Pino } from 'pino';
import type { LogFields, Logger } from '@millrace/foundation';
import { LogLevels, type LogLevel } from './log-levels.js';

export interface LoggingOptions {
  readonly level?: LogLevel;
  /** Where the lines go; standard output by default. */
  readonly destination?: DestinationStream;
  /** Fields of every line, such as the app's name. */
  readonly base?: LogFields;
}

export interface Logging {
  readonly logger: Logger;
  readonly levels: LogLevels;
}

/** pino behind the Logger port: JSON lines, levels by the field `logger`, changed at run time. */
export function createLogging(options: LoggingOptions = {}): Logging {
  const levels = new LogLevels(options.level ?? 'INFO');
  const root = pino({ level: 'trace', base: options.base ?? null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, options.destination ?? pino.destination(1));
  return { logger: new PinoLogger(root, 'root', levels), levels };
}

class PinoLogger implements Logger {
  constructor(
    private readonly pino: Pino,
    private readonly name: string,
    private readonly levels: LogLevels,
  ) {}

  trace(fields: LogFields, message: string): void {
    if (this.levels.isEnabled(this.name, 'TRACE')) this.pino.trace(withError(fields), message);
  }
  debug(fields: LogFields, message: string): void {
    if (this.levels.isEnabled(this.name, 'DEBUG')) this.pino.debug(withError(fields), message);
  }
  info(fields: LogFields, message: string): void {
    if (this.levels.isEnabled(this.name, 'INFO')) this.pino.info(withError(fields), message);
  }
  warn(fields: LogFields, message: string): void {
    if (this.levels.isEnabled(this.name, 'WARN')) this.pino.warn(withError(fields), message);
  }
  error(fields: LogFields, message: string): void {
    if (this.levels.isEnabled(this.name, 'ERROR')) this.pino.error(withError(fields), message);
  }
  child(fields: LogFields): Logger {
    return new PinoLogger(this.pino.child(fields), typeof fields.logger === 'string' ? fields.logger : this.name, this.levels);
  }
}

/** An error under any name is written with its code, message and stack. */
function withError(fields: LogFields): LogFields {
  const errors = Object.entries(fields).filter(([, value]) => value instanceof Error);
  if (errors.length === 0) return fields;
  return { ...fields, ...Object.fromEntries(errors.map(([name, value]) => [name, pino.stdSerializers.errWithCause(value as Error)])) };
}
