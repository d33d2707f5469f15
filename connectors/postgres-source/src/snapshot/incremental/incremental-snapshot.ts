import { randomUUID } from 'node:crypto';
import type { ConnectLogger, Headers, OffsetMap, Schema, SourceRecord, Value } from '@millrace/connect-api';
import type { SourceSettings } from '../../config/source-settings.js';
import { isRetriable, reasonOf } from '../../connection/failure.js';
import { quoteName, quoteText, type SqlSession } from '../../connection/sql-session.js';
import { ChangeEnvelope, Operation, RowKey, type RowBytes } from '../../rows/change-rows.js';
import { nowMicros } from '../../rows/clock.js';
import { MicrosText } from '../../rows/digit-text.js';
import type { TransactionFacts } from '../../rows/position.js';
import { newSpans } from '../../rows/row-spans.js';
import { SNAPSHOT_MARKERS, type SourceBlock } from '../../rows/source-block.js';
import type { Notifications } from '../../signals/notifications.js';
import { expression, type Signal } from '../../signals/signal.js';
import { listCapturedTables, readTable } from '../../tables/table-catalog.js';
import type { TablePlan } from '../../tables/table-plan.js';
import type { TablePlanner } from '../../tables/table-planner.js';
import { parseLsn, type Lsn } from '../../wire/lsn.js';
import { CopySession } from '../copy-session.js';
import { chunkQuery, maximumKeyQuery, type ChunkTable } from './chunk-query.js';
import { ChunkWindow, locate, textAt } from './chunk-window.js';
import { IncrementalState, type WaitingTable } from './incremental-state.js';
import type { Key, KeyPart } from './java-objects.js';

type ScanStatus = 'EMPTY' | 'NO_PRIMARY_KEY' | 'SQL_EXCEPTION' | 'SUCCEEDED' | 'UNKNOWN_SCHEMA';
type ExecuteSignal = Extract<Signal, { type: 'execute-snapshot' }>;

/** The place in the stream at which rows of the snapshot are put. */
export interface StreamPlace {
  readonly transaction: TransactionFacts;
  readonly lsn: Lsn;
  /** Behind the last change that was handed over. */
  readonly offset: OffsetMap;
}

export interface IncrementalSnapshotOptions {
  readonly settings: SourceSettings;
  readonly planner: TablePlanner;
  readonly source: SourceBlock;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly notifications: Notifications;
  readonly logger: ConnectLogger;
  /** What is already under way. */
  readonly state: IncrementalState;
  readonly catalog: () => Promise<SqlSession>;
  readonly place: () => StreamPlace;
}

const JAVA_TYPES: Readonly<Record<number, KeyPart['type']>> = { 16: 'Boolean', 20: 'Long', 21: 'Integer', 23: 'Integer', 26: 'Long', 2950: 'UUID' };
const CURRENT_LSN = 'SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn() END';
const keySpans = newSpans();

/**
 * Reads tables again while changes are streamed, chunk by chunk in the order of a key. A chunk waits until the stream has passed the moment
 * at which it was read; rows that change in the meantime are left out of it, since the change is newer or the same.
 *
 * That moment is told by rows in the signal table (`signal.data.collection`), as Debezium does, or, with `read.only` and where there is no
 * such table, by the end of the server's log, for which nothing is written.
 */
export class IncrementalSnapshot {
  state: IncrementalState;
  private window: ChunkWindow | undefined;
  private chunkId = '';
  private chunkEnd: Key | null;
  /** The window closes when the stream has come here; zero: a signal closes it. */
  private closesAt: Lsn = 0;
  private isPaused = false;
  private rowsScanned = 0;
  private rowKeyColumns: readonly { readonly position: number; readonly type: KeyPart['type'] }[] = [];
  private copy: CopySession | undefined;
  private readonly signalTable: string | undefined;
  private openedAt = '';

  constructor(private readonly options: IncrementalSnapshotOptions) {
    this.state = options.state;
    this.chunkEnd = options.state.lastKey;
    const { values } = options.settings;
    const table = values['read.only'] ? null : values['signal.data.collection'];
    this.signalTable = table === null ? undefined : table.split('.').slice(-2).map(quoteName).join('.');
  }

  /** The rows that wait, if changes must be looked for in them. */
  get openWindow(): ChunkWindow | undefined {
    return this.window?.isOpen ? this.window : undefined;
  }

  /** Where the stream must come for the rows that wait; zero: nothing waits for that. */
  get waitsFor(): Lsn {
    return this.closesAt;
  }

  /** Goes on with what was under way when the stream ended. */
  async resume(out: SourceRecord[]): Promise<void> {
    if (this.state.isRunning) await this.readChunk(out);
  }

  /** The stream has come to `waitsFor`. */
  async reached(out: SourceRecord[]): Promise<void> {
    await this.closeWindow(out);
  }

  async handle(signal: Signal, out: SourceRecord[]): Promise<void> {
    switch (signal.type) {
      case 'execute-snapshot':
        return this.add(signal, out);
      case 'stop-snapshot':
        return this.stop(signal.collections, out);
      case 'pause-snapshot':
        if (!this.state.isRunning || this.isPaused) return;
        this.isPaused = true;
        return this.notify(out, 'PAUSED', { data_collections: this.names() });
      case 'resume-snapshot':
        if (!this.state.isRunning || !this.isPaused) return;
        this.isPaused = false;
        this.notify(out, 'RESUMED', { data_collections: this.names() });
        return this.window ? undefined : this.readChunk(out);
      case 'snapshot-window-open':
        if (this.window && this.isOurs(signal.id)) this.window.isOpen = true;
        return;
      case 'snapshot-window-close':
        return this.isOurs(signal.id) ? this.closeWindow(out) : undefined;
      case 'log':
        return;
    }
  }

  close(): void {
    this.copy?.close();
    this.copy = undefined;
  }

  /** Windows of a former run may come again. */
  private isOurs(id: string): boolean {
    return this.chunkId !== '' && id.startsWith(this.chunkId);
  }

  private async add(signal: ExecuteSignal, out: SourceRecord[]): Promise<void> {
    const wasRunning = this.state.isRunning;
    const tables = await this.expand(signal.collections);
    const added = tables.map((id): WaitingTable => ({ id, condition: signal.conditions.find((it) => it.collection.test(id))?.filter ?? '', surrogateKey: signal.surrogateKey }));
    this.state = this.state.with({ tables: [...this.state.tables, ...added], correlationId: signal.id });
    if (wasRunning) return;
    this.isPaused = false;
    this.notify(out, 'STARTED', { data_collections: this.names() });
    await this.readChunk(out);
  }

  private async stop(collections: readonly string[] | undefined, out: SourceRecord[]): Promise<void> {
    if (!this.state.isRunning) return;
    const asked = collections && collections.length > 0 ? await this.expand(collections) : this.state.tables.map((it) => it.id);
    const stopped = this.state.tables.filter((it) => asked.includes(it.id)).map((it) => it.id);
    const isCurrent = this.state.tables[0] !== undefined && stopped.includes(this.state.tables[0].id);
    const tables = this.state.tables.filter((it) => !stopped.includes(it.id));
    this.state = isCurrent ? this.state.with({ tables, lastKey: null, maximumKey: null }) : this.state.with({ tables });
    if (isCurrent) this.forgetChunk();
    this.notify(out, 'ABORTED', { data_collections: stopped.join(',') });
    if (!this.state.isRunning) {
      this.state = IncrementalState.IDLE;
      this.close();
    } else if (isCurrent) await this.readChunk(out);
  }

  private forgetChunk(): void {
    this.window = undefined;
    this.closesAt = 0;
    this.chunkEnd = null;
    this.rowsScanned = 0;
  }

  /** Tables that the expressions name; one that names none stands for itself. */
  private async expand(collections: readonly string[]): Promise<string[]> {
    const captured = (await listCapturedTables(await this.options.catalog(), this.options.settings.filter)).map((it) => `${it.schema}.${it.table}`);
    return [
      ...new Set(
        collections.flatMap((text) => {
          const pattern = expression(text, '');
          const found = captured.filter((it) => it === text || pattern.test(it));
          return found.length > 0 ? found : [text];
        }),
      ),
    ];
  }

  private async closeWindow(out: SourceRecord[]): Promise<void> {
    const { window } = this;
    this.window = undefined;
    this.closesAt = 0;
    if (window) this.emit(window, out);
    await this.readChunk(out);
  }

  private async readChunk(out: SourceRecord[]): Promise<void> {
    if (!this.state.isRunning || this.isPaused) return;
    this.chunkId = randomUUID();
    await this.markOpen();
    while (this.state.isRunning && !this.window) {
      const status = await this.readTableChunk(out).catch((error: unknown): ScanStatus => {
        if (isRetriable(error) || this.options.signal.aborted) throw error;
        this.options.logger.warn({ table: this.state.tables[0]?.id, reason: reasonOf(error) }, 'The table is left out of the incremental snapshot');
        return 'SQL_EXCEPTION';
      });
      if (status) this.finishTable(status, out);
    }
    await this.markClose();
    if (!this.state.isRunning) this.close();
  }

  /** Undefined: rows wait in the window. */
  private async readTableChunk(out: SourceRecord[]): Promise<ScanStatus | undefined> {
    const [waiting] = this.state.tables;
    if (!waiting) return 'UNKNOWN_SCHEMA';
    const { settings, planner } = this.options;
    const chunk = await this.describe(waiting);
    if (typeof chunk === 'string') return chunk;
    const plan = await planner.fromCatalog(await this.options.catalog(), chunk.table);
    const copy = await this.session();
    if (this.state.maximumKey === null) {
      const [row] = await copy.copy(maximumKeyQuery(chunk));
      if (!row) return 'EMPTY';
      this.state = this.state.with({ maximumKey: keyOf(row, chunk.keyColumns.map((it, position) => ({ position, type: javaType(it.typeOid) }))) });
    }
    const rows = await copy.copy(chunkQuery(chunk, this.chunkEnd, this.state.maximumKey ?? [], settings.values['incremental.snapshot.chunk.size']));
    const last = rows.at(-1);
    if (!last) return 'SUCCEEDED';
    this.rowKeyColumns = chunk.keyColumns.map((it) => ({ position: chunk.table.columns.findIndex((column) => column.name === it.name), type: javaType(it.typeOid) }));
    this.chunkEnd = keyOf(last, this.rowKeyColumns);
    this.rowsScanned += rows.length;
    this.window = new ChunkWindow(plan, plan.keyColumns.length > 0 ? plan.keyColumns.map((it) => plan.columnNames[it]!) : chunk.keyColumns.map((it) => it.name));
    for (const row of rows) this.window.add(row);
    this.notify(out, 'IN_PROGRESS', { data_collections: this.names(), current_collection_in_progress: waiting.id, maximum_key: shown(this.state.maximumKey), last_processed_key: shown(this.chunkEnd) });
    return undefined;
  }

  private async describe(waiting: WaitingTable): Promise<ChunkTable | ScanStatus> {
    const { filter } = this.options.settings;
    const at = waiting.id.indexOf('.');
    const name = { schema: waiting.id.slice(0, at), table: waiting.id.slice(at + 1) };
    const table = at > 0 && filter.includesTable(name.schema, name.table) ? await readTable(await this.options.catalog(), name) : undefined;
    if (!table) return 'UNKNOWN_SCHEMA';
    const chosen = filter.keyColumns(name.schema, name.table);
    const keyNames = waiting.surrogateKey !== '' ? [waiting.surrogateKey] : chosen ? table.columns.map((it) => it.name).filter((it) => chosen.includes(it)) : table.key;
    const keyColumns = keyNames.flatMap((it) => table.columns.find((column) => column.name === it) ?? []);
    if (keyColumns.length < keyNames.length) throw new Error(`the surrogate key ${waiting.surrogateKey} is not a column of ${waiting.id}`);
    if (keyColumns.length === 0) {
      this.options.logger.warn({ table: waiting.id }, 'The table is left out of the incremental snapshot: it has no primary key, and the signal names no surrogate-key');
      return 'NO_PRIMARY_KEY';
    }
    return { table, waiting, keyColumns };
  }

  private finishTable(status: ScanStatus, out: SourceRecord[]): void {
    const id = this.state.tables[0]?.id ?? '';
    this.notify(out, 'TABLE_SCAN_COMPLETED', { data_collections: this.names(), scanned_collection: id, total_rows_scanned: String(this.rowsScanned), status });
    this.forgetChunk();
    this.state = this.state.with({ tables: this.state.tables.slice(1), lastKey: null, maximumKey: null });
    if (this.state.isRunning) return;
    this.notify(out, 'COMPLETED', {});
    this.state = IncrementalState.IDLE;
  }

  private async markOpen(): Promise<void> {
    if (this.signalTable === undefined) return;
    this.openedAt = new Date().toISOString();
    await this.insertSignal('open', `{"openWindowTimestamp": "${this.openedAt}"}`);
  }

  private async markClose(): Promise<void> {
    if (this.signalTable === undefined) {
      if (!this.window) return;
      const copy = await this.session();
      const [row] = await copy.copy(CURRENT_LSN);
      this.closesAt = row ? parseLsn(lineText(row)) : 0;
      this.window.isOpen = true;
    } else if (this.options.settings.values['incremental.snapshot.watermarking.strategy'].toLowerCase() === 'insert_delete') {
      await (await this.session()).run(`DELETE FROM ${this.signalTable} WHERE id = ${quoteText(`${this.chunkId}-open`)}`);
    } else {
      await this.insertSignal('close', `{"openWindowTimestamp": "${this.openedAt}", "closeWindowTimestamp": "${new Date().toISOString()}"}`);
    }
  }

  private async insertSignal(kind: 'open' | 'close', data: string): Promise<void> {
    const values = [`${this.chunkId}-${kind}`, `snapshot-window-${kind}`, data].map(quoteText).join(', ');
    await (await this.session()).run(`INSERT INTO ${this.signalTable} VALUES (${values})`);
  }

  private async session(): Promise<CopySession> {
    if (this.copy?.isLost) this.close();
    return (this.copy ??= await CopySession.open(this.options.settings, this.options.signal));
  }

  private emit(window: ChunkWindow, out: SourceRecord[]): void {
    const { source, partition, headers } = this.options;
    const { transaction, lsn, offset } = this.options.place();
    const micros = nowMicros();
    const clock = new MicrosText(micros);
    const facts: TransactionFacts = { ...transaction, commitMicros: micros, text: undefined };
    const { plan } = window;
    for (const row of window.values()) {
      this.state = this.state.with({ lastKey: keyOf(row, this.rowKeyColumns) });
      const value = new ChangeEnvelope({ source, plan, transaction: facts, lsn, operation: Operation.read, before: undefined, after: row, unchanged: undefined, marker: SNAPSHOT_MARKERS.incremental, clock, order: undefined });
      out.push(new SnapshotRow(plan, row, value, headers, partition, offset, this.state));
    }
  }

  private names(): string {
    return this.state.tables.map((it) => it.id).join(',');
  }

  private notify(out: SourceRecord[], type: string, data: Readonly<Record<string, string>>): void {
    const { offset } = this.options.place();
    this.options.notifications.send(out, { ...offset, ...this.state.members }, { id: this.state.correlationId, aggregate: 'Incremental Snapshot', type, data });
  }
}

/** A row of the snapshot; its offset is made only when it is asked for. */
class SnapshotRow implements SourceRecord {
  readonly topic: string;
  readonly keySchema: Schema | null;
  readonly key: Value;
  readonly valueSchema: Schema;

  constructor(
    plan: TablePlan,
    row: RowBytes,
    readonly value: Value,
    readonly headers: Headers,
    readonly sourcePartition: OffsetMap,
    private readonly offset: OffsetMap,
    private readonly state: IncrementalState,
  ) {
    this.topic = plan.topic;
    this.keySchema = plan.keySchema;
    this.key = plan.keySchema ? new RowKey(plan, plan.keySchema, row) : null;
    this.valueSchema = plan.envelope;
  }

  get sourceOffset(): OffsetMap {
    return { ...this.offset, last_snapshot_record: false, snapshot: 'INCREMENTAL', snapshot_completed: false, ...this.state.members };
  }
}

function javaType(oid: number): KeyPart['type'] {
  return JAVA_TYPES[oid] ?? 'String';
}

function keyOf(row: RowBytes, columns: readonly { readonly position: number; readonly type: KeyPart['type'] }[]): Key {
  locate(row, keySpans);
  return columns.map(({ position, type }) => {
    const text = textAt(row, keySpans, position);
    return text === null ? null : { type, text };
  });
}

function lineText(row: RowBytes): string {
  locate(row, keySpans);
  return textAt(row, keySpans, 0) ?? '';
}

function shown(key: Key | null): string {
  return key === null ? '"<null>"' : key.map((it) => it?.text ?? '<null>').join(',');
}
