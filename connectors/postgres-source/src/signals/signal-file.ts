import fs from 'node:fs';
import type { ConnectLogger } from '@millrace/connect-api';

/** A signal as a line of the file, or a record of the topic, has it. */
export interface SignalText {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

/** A file in which somebody leaves signals, a line each; it is emptied when it has been read. */
export class SignalFile {
  private nextAt = 0;

  constructor(
    private readonly path: string,
    private readonly intervalMs: number,
    private readonly logger: ConnectLogger,
  ) {}

  /** What has been written since; looks no more often than every interval. */
  read(nowMs: number): SignalText[] {
    if (nowMs < this.nextAt) return [];
    this.nextAt = nowMs + this.intervalMs;
    let text: string;
    try {
      text = fs.readFileSync(this.path, 'utf8');
      if (text !== '') fs.truncateSync(this.path);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') this.logger.warn({ file: this.path, reason: (error as Error).message }, 'The file of signals cannot be read');
      return [];
    }
    return text.split('\n').flatMap((line) => signalText(line, this.logger) ?? []);
  }
}

/** Undefined for an empty text, or one that is not a signal, which is told in the log. */
export function signalText(text: string, logger: ConnectLogger): SignalText | undefined {
  if (text.trim() === '') return undefined;
  try {
    const { id, type, data } = JSON.parse(text) as Record<string, unknown>;
    if (typeof type !== 'string') throw new Error('it has no type');
    return { id: typeof id === 'string' ? id : '', type, data: data ?? null };
  } catch (error) {
    logger.warn({ reason: (error as Error).message }, 'A signal cannot be read and is left out');
    return undefined;
  }
}
