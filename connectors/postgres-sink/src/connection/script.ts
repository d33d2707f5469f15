import type { Connection, Submittable } from 'pg';
import { MessageBuffer } from './message-buffer.js';

interface Wire {
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
}

const COPY_CHUNK = 1 << 16;
/** What has gathered is sent when it is this much, or when a COPY or the end comes. */
const SEND_AT = 1 << 16;

/**
 * Statements that are sent one behind the other without waiting for answers, up to one Sync: a pipeline. Statements and rows may be added
 * while the server works on those before. What comes after a statement that failed is thrown away by the server, rows of a COPY included.
 * Hand it to `client.query`, add, `end`, await `done`.
 */
export class Script implements Submittable {
  /** Resolves when all has succeeded; rejects with the first error. */
  readonly done: Promise<void>;
  /** How many statements have succeeded. */
  completed = 0;
  private readonly messages = new MessageBuffer();
  private readonly unsent: Uint8Array[] = [];
  private wire: Wire | undefined;
  private failure: unknown;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Whoever adds statements looks at the promise only at the end.
    this.done.catch(() => undefined);
  }

  /** Nothing that is added now will be done. */
  get hasFailed(): boolean {
    return this.failure !== undefined;
  }

  run(sql: string): void {
    this.messages.parse('', sql);
    this.messages.bind('', []);
    this.messages.execute();
    this.send(SEND_AT);
  }

  /** `sql` is a COPY … FROM STDIN. The rows are not copied: they must stay as they are until `done`. */
  copy(sql: string, rows: Uint8Array): void {
    this.messages.parse('', sql);
    this.messages.bind('', []);
    this.messages.execute();
    for (let start = 0; start < rows.length; start += COPY_CHUNK) {
      const chunk = rows.subarray(start, start + COPY_CHUNK);
      this.messages.copyDataHead(chunk.length);
      this.send(0);
      this.write(chunk);
    }
    this.messages.copyDone();
    this.send(SEND_AT);
  }

  /** Lets the server know a statement by a name. */
  prepare(name: string, sql: string): void {
    this.messages.parse(name, sql);
    this.send(SEND_AT);
  }

  /** Runs a prepared statement. `sql` is given where the server does not know the name yet. */
  call(name: string, sql: string | undefined, parameters: readonly (Uint8Array | null)[]): void {
    if (sql !== undefined) this.messages.parse(name, sql);
    this.messages.bind(name, parameters);
    this.messages.execute();
    this.send(SEND_AT);
  }

  end(): void {
    this.messages.sync();
    this.send(0);
  }

  submit(connection: Connection): void {
    this.wire = connection.stream as unknown as Wire;
    this.wire.cork();
    for (const bytes of this.unsent.splice(0)) this.wire.write(bytes);
    this.wire.uncork();
  }

  handleCommandComplete(): void {
    this.completed += 1;
  }
  handleReadyForQuery(): void {
    this.resolve();
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

  private send(atLeast: number): void {
    if (this.messages.length < Math.max(atLeast, 1)) return;
    this.write(this.messages.take());
  }

  private write(bytes: Uint8Array): void {
    if (this.wire) this.wire.write(bytes);
    else this.unsent.push(bytes);
  }
}
