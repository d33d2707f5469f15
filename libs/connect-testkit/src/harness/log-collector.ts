import { inspect } from 'node:util';
import type { ConnectLogger } from '@millrace/connect-api';

export interface LogLine {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A plugin's logger that keeps what was logged. */
export class LogCollector implements ConnectLogger {
  readonly lines: LogLine[] = [];

  trace(fields: LogLine['fields'], message: string): void {
    this.lines.push({ level: 'trace', fields, message });
  }
  debug(fields: LogLine['fields'], message: string): void {
    this.lines.push({ level: 'debug', fields, message });
  }
  info(fields: LogLine['fields'], message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: LogLine['fields'], message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: LogLine['fields'], message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }

  /** Everything that was logged, with errors and nested objects in full. */
  text(): string {
    return this.lines.map((it) => `${it.level} ${it.message} ${inspect(it.fields, { depth: 8 })}`).join('\n');
  }
}
