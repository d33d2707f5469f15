import type { Connection, Submittable } from 'pg';

/** A statement of a pipeline: prepared under `name`, and its parameters as text (null: SQL null). */
export interface PreparedCall {
  readonly name: string;
  readonly sql: string;
  readonly parameters: readonly (Uint8Array | null)[];
}

interface Wire {
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
}

const COPY_CHUNK = 1 << 16;
const COPY_DONE = Uint8Array.of(0x63, 0, 0, 0, 4);

/**
 * Several statements in one round trip, all or nothing: the server is sent everything at once and answers at the end.
 * Resolves with the rows counted for each statement; rejects with the error of the first that failed, with `completed` before it.
 */
abstract class Script implements Submittable {
  readonly done: Promise<readonly number[]>;
  private readonly counts: number[] = [];
  private resolve!: (counts: readonly number[]) => void;
  private reject!: (error: unknown) => void;
  private failure: unknown;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  get completed(): number {
    return this.counts.length;
  }

  protected abstract send(wire: Wire): void;

  submit(connection: Connection): void {
    const wire = connection.stream as unknown as Wire;
    wire.cork();
    this.send(wire);
    wire.uncork();
  }

  handleCommandComplete(message: { text?: string }): void {
    const count = /(\d+)$/.exec(message.text ?? '');
    this.counts.push(count ? Number(count[1]) : 0);
  }
  handleReadyForQuery(): void {
    if (this.failure === undefined) this.resolve(this.counts);
    else this.reject(this.failure);
  }
  handleError(error: unknown): void {
    this.failure ??= error;
    this.reject(error);
  }
  handleCopyInResponse(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

/**
 * Statements as one simple query, which is one transaction, and behind it the rows of each COPY … FROM STDIN among them, in order.
 * A server that fails before a COPY throws its rows away, as the protocol has it.
 */
export class BulkScript extends Script {
  constructor(
    private readonly statements: readonly string[],
    private readonly copies: readonly Uint8Array[],
  ) {
    super();
  }

  protected send(wire: Wire): void {
    const text = Buffer.from(this.statements.join(';\n'), 'utf8');
    const query = Buffer.allocUnsafe(text.length + 6);
    query[0] = 0x51;
    query.writeUInt32BE(text.length + 5, 1);
    text.copy(query, 5);
    query[query.length - 1] = 0;
    wire.write(query);
    for (const rows of this.copies) {
      for (let start = 0; start < rows.length; start += COPY_CHUNK) {
        const chunk = rows.subarray(start, start + COPY_CHUNK);
        const head = Buffer.allocUnsafe(5);
        head[0] = 0x64;
        head.writeUInt32BE(chunk.length + 4, 1);
        wire.write(head);
        wire.write(chunk);
      }
      wire.write(COPY_DONE);
    }
  }
}

/** Prepared statements one after the other before one Sync: outside of BEGIN that is one transaction. */
export class PipelineScript extends Script {
  constructor(
    private readonly calls: readonly PreparedCall[],
    /** Names that the server does not know yet. */
    private readonly unprepared: ReadonlySet<string>,
  ) {
    super();
  }

  protected send(wire: Wire): void {
    const parts: Uint8Array[] = [];
    const prepared = new Set<string>();
    for (const call of this.calls) {
      if (this.unprepared.has(call.name) && !prepared.has(call.name)) {
        prepared.add(call.name);
        parts.push(message(0x50, [cString(call.name), cString(call.sql), NO_ITEMS]));
      }
      parts.push(message(0x42, [NO_NAME, cString(call.name), NO_ITEMS, ...parameterParts(call.parameters), NO_ITEMS]), EXECUTE);
    }
    parts.push(SYNC);
    wire.write(Buffer.concat(parts));
  }
}

const NO_ITEMS = Uint8Array.of(0, 0);
const NO_NAME = Uint8Array.of(0);
const EXECUTE = Uint8Array.of(0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0);
const SYNC = Uint8Array.of(0x53, 0, 0, 0, 4);
const NULL_LENGTH = Uint8Array.of(0xff, 0xff, 0xff, 0xff);

function message(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const head = Buffer.allocUnsafe(5);
  head[0] = type;
  head.writeUInt32BE(parts.reduce((sum, it) => sum + it.length, 4), 1);
  return Buffer.concat([head, ...parts]);
}

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, 'utf8');
}

function parameterParts(parameters: readonly (Uint8Array | null)[]): Uint8Array[] {
  const count = Buffer.allocUnsafe(2);
  count.writeUInt16BE(parameters.length, 0);
  const parts: Uint8Array[] = [count];
  for (const value of parameters) {
    if (value === null) {
      parts.push(NULL_LENGTH);
      continue;
    }
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(value.length, 0);
    parts.push(length, value);
  }
  return parts;
}
