import type { ConnectLogger, Headers, OffsetMap, SourceRecord } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { connect } from '../connection/connect.js';
import type { SqlSession } from '../connection/sql-session.js';
import { reasonOf } from '../connection/failure.js';
import { ChangeRecord } from '../rows/change-record.js';
import { nowMicros } from '../rows/clock.js';
import { commitOffset, positionOffset, type StoredPosition } from '../rows/position.js';
import type { SourceBlock } from '../rows/source-block.js';
import type { Notifications } from '../signals/notifications.js';
import { parseSignal, type Signal } from '../signals/signal.js';
import { IncrementalSnapshot } from '../snapshot/incremental/incremental-snapshot.js';
import type { IncrementalState } from '../snapshot/incremental/incremental-state.js';
import type { TablePlan } from '../tables/table-plan.js';
import type { TablePlanner } from '../tables/table-planner.js';
import type { Lsn } from '../wire/lsn.js';
import { Change, readRelation, type Relation } from '../wire/pgoutput.js';
import { ChangeDecoder, type SignalRow } from './change-decoder.js';
import { ReplicationStream } from './replication-stream.js';
import { TransactionLedger } from './transaction-ledger.js';

export interface ChangeStreamStart {
  readonly settings: SourceSettings;
  readonly planner: TablePlanner;
  readonly source: SourceBlock;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** Where the log has everything up to; undefined: the server's own position. */
  readonly stored: StoredPosition | undefined;
  readonly startLsn: Lsn;
  readonly durable: Lsn;
  /** An incremental snapshot that is under way. */
  readonly incremental: IncrementalState;
  readonly notifications: Notifications;
  readonly logger: ConnectLogger;
  /** A signal of the signal table that is not about an incremental snapshot. */
  readonly onSignal: (signal: Signal) => void;
  /** For questions about tables; the stream takes it over. */
  readonly catalog: SqlSession;
}

/** A running stream of changes: the connection, the decoder of its messages, and a session for questions about the tables that appear. */
export class ChangeStream {
  private readonly relations = new Map<number, Relation>();
  private readonly keys = new Map<string, readonly string[]>();
  private readonly snapshot: IncrementalSnapshot;
  private isResumed = false;

  private constructor(
    private readonly start: ChangeStreamStart,
    private readonly stream: ReplicationStream,
    private readonly decoder: ChangeDecoder,
    private catalog: SqlSession,
  ) {
    this.snapshot = new IncrementalSnapshot({ ...start, state: start.incremental, catalog: () => this.session(), place: () => ({ ...decoder.place(), offset: this.offset() }) });
    decoder.snapshot = this.snapshot.state;
  }

  static async open(start: ChangeStreamStart): Promise<ChangeStream> {
    const { settings, stored, startLsn, durable, signal, catalog, partition } = start;
    const [server] = await catalog.query<{ version: number; timeout: number }>(
      "select current_setting('server_version_num')::int as version, (extract(epoch from current_setting('wal_sender_timeout')::interval) * 1000)::int as timeout",
    );
    const stream = await ReplicationStream.start({ settings, lsn: startLsn, serverVersion: server?.version ?? 0, walSenderTimeoutMs: server?.timeout ?? 0, durable, signal });
    const { values } = settings;
    const ledger = values['provide.transaction.metadata'] ? new TransactionLedger([values['topic.prefix'], values['topic.transaction']].join(values['topic.delimiter']), partition, () => decoder.snapshot) : undefined;
    const signalTable = values['signal.data.collection']?.trim().split('.').slice(-2).join('.');
    const decoder: ChangeDecoder = new ChangeDecoder({ signalTable, settings, source: start.source, partition, headers: start.headers, stored, ledger });
    return new ChangeStream(start, stream, decoder, catalog);
  }

  /** Makes records of what has come, at most about so many. Throws when the connection is lost, once everything that came has been read. */
  async read(recordsMax: number, out: SourceRecord[]): Promise<void> {
    const { stream, decoder } = this;
    decoder.tick();
    if (!this.isResumed) await this.resumeSnapshot(out);
    while (out.length < recordsMax && stream.next()) {
      if (stream.bytes[stream.at] === Change.relation) {
        await this.describe(readRelation(stream.bytes, stream.at));
        continue;
      }
      const from = out.length;
      const oid = decoder.decode(stream.bytes, stream.at, stream.lsn, out);
      if (oid !== 0) await this.readTypesAgain(oid, out);
      if (decoder.signals.length > 0) await this.takeSignals(from, out);
      else if (this.snapshot.waitsFor > 0) await this.advanceSnapshot(from, out);
    }
    if (this.snapshot.waitsFor > 0) {
      await this.advanceSnapshot(out.length, out);
      if (this.snapshot.waitsFor > 0) stream.ask();
    }
  }

  wait(timeoutMs: number): Promise<void> {
    return this.stream.wait(timeoutMs, this.start.signal);
  }

  confirm(lsn: Lsn): void {
    this.stream.confirm(lsn);
  }

  get confirmedLsn(): Lsn {
    return this.stream.confirmedLsn;
  }

  position(): StoredPosition | undefined {
    return this.decoder.position();
  }

  /** Up to where the server has told everything there is for us: the last commit, or the end of a quiet stretch of its log. Zero inside a transaction. */
  quietLsn(): Lsn {
    return this.decoder.isInTransaction ? 0 : Math.max(this.decoder.commitLsn ?? 0, this.stream.serverLsn);
  }

  /** The offset that says so. Later offsets do not fall behind it, since the slot may be moved there. */
  moveTo(quietLsn: Lsn): OffsetMap {
    this.decoder.commitLsn = quietLsn;
    return { ...commitOffset(quietLsn, this.decoder.committedXid, this.decoder.lastCommitMicros), ...this.snapshot.state.members };
  }

  get incremental(): IncrementalState {
    return this.snapshot.state;
  }

  get isInTransaction(): boolean {
    return this.decoder.isInTransaction;
  }

  /** When the last change that was read was committed; since 1970. */
  get lastCommitMicros(): number {
    return this.decoder.lastCommitMicros;
  }

  /** Up to where the log was read. */
  get readLsn(): Lsn {
    return Math.max(this.decoder.commitLsn ?? 0, this.stream.serverLsn);
  }

  /** Of the server's log, as far as it said when it last sent something. */
  get unreadBytes(): number {
    return Math.max(0, this.stream.serverEndLsn - this.readLsn);
  }

  /** The offset behind the last change that was handed over. */
  offset(): OffsetMap {
    const position = this.position();
    return { ...(position ? positionOffset(position) : commitOffset(this.start.startLsn, undefined, nowMicros())), ...this.snapshot.state.members };
  }

  /** A signal about an incremental snapshot. */
  async handle(signal: Signal, out: SourceRecord[]): Promise<void> {
    await this.snapshot.handle(signal, out);
    this.showSnapshot();
  }

  /** An SQL statement of the user, with a heartbeat. */
  async act(sql: string): Promise<void> {
    await (await this.session()).run(sql);
  }

  async close(): Promise<void> {
    this.stream.close();
    this.snapshot.close();
    await this.catalog.end().catch(() => undefined);
  }

  private async resumeSnapshot(out: SourceRecord[]): Promise<void> {
    this.isResumed = true;
    await this.snapshot.resume(out);
    this.showSnapshot();
  }

  /** The decoder asks these two for each change. */
  private showSnapshot(): void {
    this.decoder.snapshot = this.snapshot.state;
    this.decoder.window = this.snapshot.openWindow;
  }

  /** Signals are acted upon before the record of their row, `out[from]`, so that its offset has what follows from them. */
  private async takeSignals(from: number, out: SourceRecord[]): Promise<void> {
    const own = out.splice(from);
    for (const row of this.decoder.signals.splice(0)) {
      const signal = this.signalOf(row);
      if (signal?.type === 'log' || (signal?.type === 'execute-snapshot' && signal.isBlocking)) this.start.onSignal(signal);
      else if (signal) await this.handle(signal, out);
    }
    for (const record of own) {
      if (record instanceof ChangeRecord) record.snapshot = this.snapshot.state;
      out.push(record);
    }
  }

  private signalOf(row: SignalRow): Signal | undefined {
    const [id, type, data] = row.columns;
    const { values } = this.start.settings;
    if (row.isDeleted) return id?.endsWith('-open') && values['incremental.snapshot.watermarking.strategy'].toLowerCase() === 'insert_delete' ? { type: 'snapshot-window-close', id } : undefined;
    try {
      const signal = parseSignal(id ?? '', type ?? '', data ? JSON.parse(data) : null);
      return signal.type.startsWith('snapshot-window') || values['signal.enabled.channels'].includes('source') ? signal : undefined;
    } catch (error) {
      this.start.logger.warn({ id, type, reason: reasonOf(error) }, 'A signal is not known and is left out');
      return undefined;
    }
  }

  /** The rows that wait go before the records from `from` on, which are of a transaction that they do not show. */
  private async advanceSnapshot(from: number, out: SourceRecord[]): Promise<void> {
    if (!this.decoder.hasPassed(this.snapshot.waitsFor, this.stream.serverLsn)) return;
    const own = out.splice(from);
    await this.snapshot.reached(out);
    this.showSnapshot();
    out.push(...own);
  }

  private async describe(relation: Relation): Promise<void> {
    const { settings, planner } = this.start;
    this.relations.set(relation.oid, relation);
    if (!settings.filter.includesTable(relation.schema, relation.table)) return this.decoder.setPlan(relation.oid, null);
    const name = `${relation.schema}.${relation.table}`;
    const plan = await planner.fromRelation(await this.session(), relation, this.keys.get(name));
    this.keys.set(name, keyNames(plan));
    this.decoder.setPlan(relation.oid, plan);
  }

  /** The change at hand holds an enum label that came after its type was read. */
  private async readTypesAgain(oid: number, out: SourceRecord[]): Promise<void> {
    const { stream, decoder } = this;
    const relation = this.relations.get(oid);
    this.start.planner.forgetTypes();
    if (relation) await this.describe(relation);
    // A label that has gone again since is not asked for twice.
    if (decoder.decode(stream.bytes, stream.at, stream.lsn, out) !== 0) {
      decoder.acceptLabels(oid);
      decoder.decode(stream.bytes, stream.at, stream.lsn, out);
    }
  }

  private async session(): Promise<SqlSession> {
    if (this.catalog.isLost) this.catalog = await connect(this.start.settings);
    return this.catalog;
  }
}

function keyNames(plan: TablePlan): string[] {
  return plan.keySchema?.fields.map((it) => it.name) ?? [];
}
