import type { SourceSettings } from '../config/source-settings.js';
import { connect } from '../connection/connect.js';
import { RawStream } from '../connection/raw-stream.js';
import type { RowBytes } from '../rows/change-rows.js';
import { tupleFromCopyLine } from '../rows/row-spans.js';
import { Backend, queryMessage, readServerError } from '../wire/messages.js';

const BACKSLASH = 0x5c;
const WAIT_MS = 1_000;

/** A session that reads rows by COPY, one statement after another. The rows stay in the bytes in which they came. */
export class CopySession {
  private constructor(
    private readonly raw: RawStream,
    private readonly signal: AbortSignal,
  ) {}

  static async open(settings: SourceSettings, signal: AbortSignal): Promise<CopySession> {
    const session = await connect(settings);
    await session.run('SET statement_timeout = 0');
    return new CopySession(new RawStream(session, { moderates: false }), signal);
  }

  get isLost(): boolean {
    return this.raw.error !== undefined;
  }

  /** The rows of a query. Throws what the server says against it; the session stays usable then. */
  copy(query: string): Promise<RowBytes[]> {
    return this.statement(`COPY (${query}) TO STDOUT`);
  }

  async run(sql: string): Promise<void> {
    await this.statement(sql);
  }

  close(): void {
    this.raw.destroy();
  }

  private async statement(sql: string): Promise<RowBytes[]> {
    const rows: RowBytes[] = [];
    let failure: Error | undefined;
    this.raw.write(queryMessage(sql));
    for (;;) {
      while (this.raw.next()) {
        const { type, bytes, start, end } = this.raw.frames;
        if (type === Backend.copyData) rows.push(rowOf(bytes, start, end - 1));
        else if (type === Backend.error) failure = readServerError(bytes, start, end);
        else if (type === Backend.readyForQuery) {
          if (failure) throw failure;
          return rows;
        }
      }
      this.signal.throwIfAborted();
      await this.raw.wait(WAIT_MS, this.signal);
    }
  }
}

function rowOf(bytes: Buffer, start: number, end: number): RowBytes {
  const escape = bytes.subarray(start, end).indexOf(BACKSLASH);
  return escape < 0 ? { bytes, at: start, end } : { bytes: tupleFromCopyLine(bytes, start, end), at: 0, end: 0 };
}
