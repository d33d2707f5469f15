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
  /** In a transaction that sees the data as of `lsn`; it is used up. */
  readonly session: SqlSession;
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

/** Reads the tables one after another by COPY. The rows stay in the bytes in which they came. */
export class SnapshotReader {
  private readonly raw: RawStream;
  private readonly transaction: TransactionFacts;
  private readonly runningOffset: OffsetMap;
  private readonly lastOffset: OffsetMap;
  private tableIndex = -1;
  private isTableStarted = false;
  private rowsInTable = 0;
  private readonly waitingNotifications: Notification[] = [];
  private waiting: WaitingRow | undefined;
  private clock = new MicrosText(0);
  private searched: Buffer | undefined;
  private nextEscape = 0;
  isDone = false;

  constructor(private readonly options: SnapshotReaderOptions) {
    const { lsn, xid, micros } = options;
    this.raw = new RawStream(options.session, { moderates: false });
    this.transaction = { xid, commitMicros: micros, previousCommitLsn: undefined, finalLsn: lsn, origin: undefined, originLsn: undefined };
    this.runningOffset = options.offset ?? snapshotOffset({ lsn, xid, micros }, false);
    this.lastOffset = options.offset ?? snapshotOffset({ lsn, xid, micros }, true);
    this.tell('STARTED', {});
    this.startNextTable();
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

  /** At most so many records; none when no row has come yet. Throws when the connection is lost. */
  read(recordsMax: number, out: SourceRecord[]): void {
    this.clock = new MicrosText(nowMicros());
    this.tellWaiting(out);
    const { frames } = this.raw;
    while (!this.isDone && out.length < recordsMax && this.raw.next()) {
      const { type, bytes, start, end } = frames;
      if (type === Backend.copyData) this.row(bytes, start, end - 1, out);
      else if (type === Backend.error) throw readServerError(bytes, start, end);
      else if (type === Backend.readyForQuery) {
        if (this.waiting) this.waiting.isLastInTable = true;
        this.tell('TABLE_SCAN_COMPLETED', { scanned_collection: this.tableName(), data_collections: this.tableNames(), total_rows_scanned: String(this.rowsInTable), status: 'SUCCEEDED' });
        this.rowsInTable = 0;
        if (!this.startNextTable()) this.finish(out);
        this.tellWaiting(out);
      }
    }
  }

  wait(timeoutMs: number): Promise<void> {
    return this.raw.wait(timeoutMs, this.options.signal);
  }

  close(): void {
    this.raw.destroy();
  }

  private startNextTable(): boolean {
    const table = this.options.tables[++this.tableIndex];
    if (!table) {
      if (this.tableIndex === 0) this.isDone = true;
      this.tell('COMPLETED', {});
      return false;
    }
    this.tell('IN_PROGRESS', { current_collection_in_progress: this.tableName(), data_collections: this.tableNames() });
    this.isTableStarted = false;
    const columns = table.columns.map(quoteName).join(', ');
    this.raw.write(queryMessage(`COPY (SELECT ${columns} FROM ${table.query === undefined ? `${quoteName(table.schema)}.${quoteName(table.table)}` : `(${table.query}) snapshot`}) TO STDOUT`));
    return true;
  }

  private row(bytes: Buffer, start: number, end: number, out: SourceRecord[]): void {
    if (this.waiting) this.emit(this.waiting, false, out);
    const { plan } = this.options.tables[this.tableIndex]!;
    const row: RowBytes = this.hasEscape(bytes, start, end) ? { bytes: tupleFromCopyLine(bytes, start, end), at: 0, end: 0 } : { bytes, at: start, end };
    this.waiting = { plan, row, isFirstInTable: !this.isTableStarted, isInFirstTable: this.tableIndex === 0, isLastInTable: false };
    this.isTableStarted = true;
    this.rowsInTable += 1;
  }

  private tableName(): string {
    const table = this.options.tables[this.tableIndex];
    return table ? `${table.schema}.${table.table}` : '';
  }

  private tableNames(): string {
    return this.options.tables.map((it) => `${it.schema}.${it.table}`).join(',');
  }

  private tell(type: string, data: Readonly<Record<string, string>>): void {
    this.waitingNotifications.push({ aggregate: 'Initial Snapshot', type, data });
  }

  private tellWaiting(out: SourceRecord[]): void {
    for (const it of this.waitingNotifications.splice(0)) this.options.notifications.send(out, it.type === 'COMPLETED' ? this.lastOffset : this.runningOffset, it);
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

  private finish(out: SourceRecord[]): void {
    if (this.waiting) this.emit(this.waiting, true, out);
    this.waiting = undefined;
    this.isDone = true;
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
