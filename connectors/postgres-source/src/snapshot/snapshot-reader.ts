import type { Headers, OffsetMap, SourceRecord } from '@millrace/connect-api';
import { RawStream } from '../connection/raw-stream.js';
import { quoteName, type SqlSession } from '../connection/sql-session.js';
import { nowMicros } from '../rows/clock.js';
import { ChangeEnvelope, Operation, RowKey, type RowBytes } from '../rows/change-rows.js';
import { MicrosText } from '../rows/digit-text.js';
import { snapshotOffset, type TransactionFacts } from '../rows/position.js';
import { tupleFromCopyLine } from '../rows/row-spans.js';
import { SNAPSHOT_MARKERS, type SourceBlock } from '../rows/source-block.js';
import type { Notification, Notifications } from '../signals/notifications.js';
import type { TableName } from '../tables/table-catalog.js';
import type { TablePlan } from '../tables/table-plan.js';
import type { Lsn } from '../wire/lsn.js';
import { Backend, queryMessage, readServerError } from '../wire/messages.js';

const BACKSLASH = 0x5c;

export interface SnapshotTable extends TableName {
  readonly columns: readonly string[];
  /** Read in place of the whole table. */
  readonly query?: string | undefined;
  readonly plan: TablePlan;
}

export interface SnapshotReaderOptions {
  /** Each in a transaction that sees the data as of `lsn`; they are used up. */
  readonly sessions: readonly SqlSession[];
  readonly tables: readonly SnapshotTable[];
  readonly source: SourceBlock;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  readonly lsn: Lsn;
  readonly xid: number;
  readonly micros: number;
  readonly signal: AbortSignal;
  readonly notifications: Notifications;
  /** The offset of its records; absent: that of an initial snapshot. */
  readonly offset?: OffsetMap;
}

/** A row that waits until it is known whether another follows: the last one is marked. */
interface WaitingRow {
  readonly plan: TablePlan;
  readonly row: RowBytes;
  readonly isFirstInTable: boolean;
  readonly isInFirstTable: boolean;
  isLastInTable: boolean;
}

/**
 * Reads the tables by COPY, one after another on each connection. The rows stay in the bytes in which they came. The last row of all is not known before every
 * connection is done: the last row of each table waits for a row of another.
 */
export class SnapshotReader {
  private readonly readers: readonly TableReader[];
  private readonly transaction: TransactionFacts;
  private readonly runningOffset: OffsetMap;
  private readonly lastOffset: OffsetMap;
  private nextTable = 0;
  private readonly waitingNotifications: Notification[] = [];
  /** The last row of a table that is read. */
  private held: WaitingRow | undefined;
  private clock = new MicrosText(0);
  isDone = false;

  constructor(private readonly options: SnapshotReaderOptions) {
    const { lsn, xid, micros } = options;
    this.readers = options.sessions.map((it) => new TableReader(it));
    this.transaction = { xid, commitMicros: micros, previousCommitLsn: undefined, finalLsn: lsn, origin: undefined, originLsn: undefined };
    this.runningOffset = options.offset ?? snapshotOffset({ lsn, xid, micros }, false);
    this.lastOffset = options.offset ?? snapshotOffset({ lsn, xid, micros }, true);
    this.tell('STARTED', {});
    for (const it of this.readers) this.startNextTable(it);
    if (options.tables.length === 0) this.finish();
  }

  get lsn(): Lsn {
    return this.options.lsn;
  }

  get tableCount(): number {
    return this.options.tables.length;
  }

  /** The offset that says that the snapshot is complete. */
  get completedOffset(): OffsetMap {
    return this.lastOffset;
  }

  /** At most so many records; none when no row has come yet. Throws when a connection is lost. */
  read(recordsMax: number, out: SourceRecord[]): void {
    this.clock = new MicrosText(nowMicros());
    this.tellWaiting(out);
    for (const it of this.readers) this.readFrom(it, recordsMax, out);
    if (!this.isDone) return;
    if (this.held) this.emit(this.held, true, out);
    this.held = undefined;
    this.tellWaiting(out);
  }

  async wait(timeoutMs: number): Promise<void> {
    const { signal } = this.options;
    const busy = this.readers.filter((it) => it.table !== undefined);
    await Promise.race(busy.map((it) => it.raw.wait(timeoutMs, signal)));
  }

  close(): void {
    for (const { raw } of this.readers) raw.destroy();
  }

  private readFrom(reader: TableReader, recordsMax: number, out: SourceRecord[]): void {
    const { raw } = reader;
    while (reader.table && out.length < recordsMax && raw.next()) {
      const { type, bytes, start, end } = raw.frames;
      if (type === Backend.copyData) this.row(reader, reader.table, bytes, start, end - 1, out);
      else if (type === Backend.error) throw readServerError(bytes, start, end);
      else if (type === Backend.readyForQuery) this.endTable(reader, reader.table, out);
    }
  }

  private row(reader: TableReader, table: SnapshotTable, bytes: Buffer, start: number, end: number, out: SourceRecord[]): void {
    if (this.held) this.emit(this.held, false, out);
    this.held = undefined;
    if (reader.waiting) this.emit(reader.waiting, false, out);
    reader.waiting = { plan: table.plan, row: reader.rowOf(bytes, start, end), isFirstInTable: reader.rowsInTable === 0, isInFirstTable: table === this.options.tables[0], isLastInTable: false };
    reader.rowsInTable += 1;
  }

  private endTable(reader: TableReader, table: SnapshotTable, out: SourceRecord[]): void {
    if (reader.waiting) {
      if (this.held) this.emit(this.held, false, out);
      this.held = { ...reader.waiting, isLastInTable: true };
    }
    reader.waiting = undefined;
    this.tell('TABLE_SCAN_COMPLETED', { scanned_collection: nameOf(table), data_collections: this.tableNames(), total_rows_scanned: String(reader.rowsInTable), status: 'SUCCEEDED' });
    this.startNextTable(reader);
    if (this.readers.every((it) => it.table === undefined)) this.finish();
    else this.tellWaiting(out);
  }

  private startNextTable(reader: TableReader): void {
    const table = this.options.tables[this.nextTable];
    if (table) {
      this.nextTable += 1;
      this.tell('IN_PROGRESS', { current_collection_in_progress: nameOf(table), data_collections: this.tableNames() });
    }
    reader.start(table);
  }

  private finish(): void {
    this.tell('COMPLETED', {});
    this.isDone = true;
  }

  private tableNames(): string {
    return this.options.tables.map(nameOf).join(',');
  }

  private tell(type: string, data: Readonly<Record<string, string>>): void {
    this.waitingNotifications.push({ aggregate: 'Initial Snapshot', type, data });
  }

  private tellWaiting(out: SourceRecord[]): void {
    for (const it of this.waitingNotifications.splice(0)) this.options.notifications.send(out, it.type === 'COMPLETED' ? this.lastOffset : this.runningOffset, it);
  }

  private emit(waiting: WaitingRow, isLast: boolean, out: SourceRecord[]): void {
    const { plan, row } = waiting;
    const { source, partition, headers, lsn } = this.options;
    const marker = isLast
      ? SNAPSHOT_MARKERS.last
      : waiting.isFirstInTable && waiting.isInFirstTable
        ? SNAPSHOT_MARKERS.first
        : waiting.isLastInTable
          ? SNAPSHOT_MARKERS.lastInTable
          : waiting.isFirstInTable
            ? SNAPSHOT_MARKERS.firstInTable
            : SNAPSHOT_MARKERS.inside;
    out.push({
      topic: plan.topic,
      keySchema: plan.keySchema,
      key: plan.keySchema ? new RowKey(plan, plan.keySchema, row) : null,
      valueSchema: plan.envelope,
      value: new ChangeEnvelope({ source, plan, transaction: this.transaction, lsn, operation: Operation.read, before: undefined, after: row, unchanged: undefined, marker, clock: this.clock, order: undefined }),
      headers,
      sourcePartition: partition,
      sourceOffset: isLast ? this.lastOffset : this.runningOffset,
    });
  }
}

/** One connection, which reads a table at a time. */
class TableReader {
  readonly raw: RawStream;
  /** The one that is read; undefined: none is left. */
  table: SnapshotTable | undefined;
  rowsInTable = 0;
  waiting: WaitingRow | undefined;
  private searched: Buffer | undefined;
  private nextEscape = 0;

  constructor(session: SqlSession) {
    this.raw = new RawStream(session, { moderates: false });
  }

  start(table: SnapshotTable | undefined): void {
    this.table = table;
    this.rowsInTable = 0;
    if (!table) return;
    const columns = table.columns.map(quoteName).join(', ');
    this.raw.write(queryMessage(`COPY (SELECT ${columns} FROM ${table.query === undefined ? `${quoteName(table.schema)}.${quoteName(table.table)}` : `(${table.query}) snapshot`}) TO STDOUT`));
  }

  rowOf(bytes: Buffer, start: number, end: number): RowBytes {
    return this.hasEscape(bytes, start, end) ? { bytes: tupleFromCopyLine(bytes, start, end), at: 0, end: 0 } : { bytes, at: start, end };
  }

  /** The place of the next backslash is kept, so that a chunk is searched once and not once per row. */
  private hasEscape(bytes: Buffer, start: number, end: number): boolean {
    if (this.searched !== bytes || this.nextEscape < start) {
      const found = bytes.indexOf(BACKSLASH, start);
      this.searched = bytes;
      this.nextEscape = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.nextEscape < end;
  }
}

function nameOf({ schema, table }: TableName): string {
  return `${schema}.${table}`;
}
