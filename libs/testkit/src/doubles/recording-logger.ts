import type { LogFields, Logger } from '@millrace/foundation';

export interface LogLine {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps what was logged, for tests of what an operator is told. */
export class RecordingLogger implements Logger {
  constructor(readonly lines: LogLine[] = [], private readonly bound: LogFields = {}) {}

  trace(fields: LogFields, message: string): void {
    this.keep('trace', fields, message);
  }
  debug(fields: LogFields, message: string): void {
    this.keep('debug', fields, message);
  }
  info(fields: LogFields, message: string): void {
    this.keep('info', fields, message);
  }
  warn(fields: LogFields, message: string): void {
    this.keep('warn', fields, message);
  }
  error(fields: LogFields, message: string): void {
    this.keep('error', fields, message);
  }
  child(fields: LogFields): Logger {
    return new RecordingLogger(this.lines, { ...this.bound, ...fields });
  }

  /** Lines of warnings and errors whose message contains the text. */
  complaints(text = ''): LogLine[] {
    return this.lines.filter((it) => (it.level === 'warn' || it.level === 'error') && it.message.includes(text));
  }

  private keep(level: LogLine['level'], fields: LogFields, message: string): void {
    this.lines.push({ level, message, fields: { ...this.bound, ...fields } });
  }
}
