import type { Connection, Submittable } from 'pg';

/** A statement of a pipeline, known by its name, and its parameters as text (null: SQL null). */
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
    const messages = new MessageBuffer();
    const prepared = new Set<string>();
    for (const { name, sql, parameters } of this.calls) {
      if (this.unprepared.has(name) && !prepared.has(name)) {
        prepared.add(name);
        messages.parse(name, sql);
      }
      messages.bind(name, parameters);
      messages.bytes(EXECUTE);
    }
    messages.bytes(SYNC);
    wire.write(messages.written());
  }
}

const EXECUTE = Uint8Array.of(0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0);
const SYNC = Uint8Array.of(0x53, 0, 0, 0, 4);
const SQL_NULL = -1;

/** Messages of the extended query protocol, one after the other. */
class MessageBuffer {
  private buffer = Buffer.allocUnsafe(4096);
  private length = 0;

  written(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  parse(name: string, sql: string): void {
    const start = this.begin(0x50);
    this.text(name);
    this.text(sql);
    this.int16(0);
    this.end(start);
  }

  /** To the unnamed portal; parameters and results as text. */
  bind(statement: string, parameters: readonly (Uint8Array | null)[]): void {
    const start = this.begin(0x42);
    this.text('');
    this.text(statement);
    this.int16(0);
    this.int16(parameters.length);
    for (const value of parameters) {
      this.int32(value === null ? SQL_NULL : value.length);
      if (value !== null) this.bytes(value);
    }
    this.int16(0);
    this.end(start);
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  private begin(type: number): number {
    this.reserve(5);
    this.buffer[this.length] = type;
    this.length += 5;
    return this.length - 4;
  }

  private end(start: number): void {
    this.buffer.writeUInt32BE(this.length - start, start);
  }

  private text(value: string): void {
    this.reserve(value.length * 3 + 1);
    this.length += this.buffer.write(value, this.length, 'utf8');
    this.buffer[this.length++] = 0;
  }

  private int16(value: number): void {
    this.reserve(2);
    this.length = this.buffer.writeUInt16BE(value, this.length);
  }

  private int32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeInt32BE(value, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.length + count, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
