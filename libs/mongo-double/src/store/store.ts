import { ServerError } from '../server-error.js';
import { Catalog, type Change } from './catalog.js';
import { Journal } from './journal.js';

/** A place in the log: cluster time (seconds and increment), then the number within a transaction. */
export interface LogPosition {
  readonly seconds: number;
  readonly increment: number;
  readonly index: number;
}

export interface TransactionId {
  /** The session's id as a document. */
  readonly lsid: Buffer;
  readonly txnNumber: bigint;
}

export interface LogEntry extends LogPosition {
  readonly wallMs: number;
  readonly change: Change;
  readonly transaction: TransactionId | undefined;
}

function comparePositions(a: LogPosition, b: LogPosition): number {
  return a.seconds - b.seconds || a.increment - b.increment || a.index - b.index;
}

/** The data and its log. Every change goes through `append`, which gives it its time, and is on disk before it is answered when there is a file. */
export class Store {
  private catalogNow = new Catalog();
  private log: LogEntry[] = [];
  private last: LogPosition;
  private readonly journal: Journal | undefined;
  private readonly waiters = new Set<() => void>();

  constructor(file?: string) {
    this.last = { seconds: Math.floor(Date.now() / 1000), increment: 1, index: 0 };
    if (file === undefined) return;
    this.journal = new Journal(file);
    for (const entry of this.journal.load()) this.take(entry);
  }

  get catalog(): Catalog {
    return this.catalogNow;
  }

  /** The newest cluster time. */
  get now(): LogPosition {
    return this.last;
  }

  append(changes: readonly Change[], transaction?: TransactionId): void {
    const seconds = Math.max(this.last.seconds, Math.floor(Date.now() / 1000));
    const increment = seconds === this.last.seconds ? this.last.increment + 1 : 1;
    const wallMs = Date.now();
    const entries = changes.map((change, index): LogEntry => ({ seconds, increment, index, wallMs, change, transaction }));
    for (const entry of entries) this.take(entry);
    this.journal?.append(entries);
    for (const wake of [...this.waiters]) wake();
  }

  /** Entries behind a position, oldest first. ChangeStreamHistoryLost when the log does not reach back to it. */
  indexBehind(position: LogPosition): number {
    const first = this.log[0];
    if (this.forgotten && comparePositions(position, this.forgotten) < 0) {
      throw new ServerError(286, 'ChangeStreamHistoryLost', 'Resume of change stream was not possible, as the resume point may no longer be in the oplog.');
    }
    if (!first) return this.offset;
    let low = 0;
    let high = this.log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePositions(this.log[middle]!, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.offset + low;
  }

  /** The entry at an index of `indexBehind`; undefined behind the last one. */
  entry(index: number): LogEntry | undefined {
    if (index < this.offset) throw new ServerError(136, 'CappedPositionLost', 'CollectionScan died due to position in capped collection being deleted.');
    return this.log[index - this.offset];
  }

  hasEntry(position: LogPosition): boolean {
    if (this.forgotten && comparePositions(position, this.forgotten) === 0) return true;
    const before = this.indexBehind({ ...position, index: position.index - 1 });
    const found = this.entry(before);
    return found !== undefined && comparePositions(found, position) === 0;
  }

  /** Forgets the log up to now, as a server does whose log has wrapped around. */
  forgetLog(): void {
    this.offset += this.log.length;
    this.log = [];
    this.forgotten = this.last;
  }
  private offset = 0;
  private forgotten: LogPosition | undefined;

  /** Resolves at the next change, or when the signal says so. */
  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiters.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  close(): void {
    this.journal?.close();
  }

  private take(entry: LogEntry): void {
    this.catalogNow.apply(entry.change);
    this.log.push(entry);
    this.last = entry;
  }
}
