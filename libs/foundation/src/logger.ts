export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The one way that our code logs. Messages are constant texts; what varies goes into fields, named by the glossary.
 * `hosting` adapts pino to it. Fields never hold secrets.
 */
export interface Logger {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds these fields to every line; `logger` among them names it for run-time levels. */
  child(fields: LogFields): Logger;
}

const drop = (): void => undefined;

export const SILENT_LOGGER: Logger = { trace: drop, debug: drop, info: drop, warn: drop, error: drop, child: () => SILENT_LOGGER };
