import { randomUUID } from 'node:crypto';
import { ConfigError, RetriableError, Schema, SourceTask, type Headers, type OffsetMap, type SourceLag, type SourceRecord, type SourceTaskContext, type TaskSignal } from '@millrace/connect-api';
import { readSettings, type SourceSettings } from './config/source-settings.js';
import { connect, connectForReplication } from './connection/connect.js';
import { fatal, isRetriable, isSlotBusy, reasonOf } from './connection/failure.js';
import type { SqlSession } from './connection/sql-session.js';
import { durableLsn, readStoredPosition, type StoredPosition } from './rows/position.js';
import { SourceBlock } from './rows/source-block.js';
import { Notifications } from './signals/notifications.js';
import { SignalInbox } from './signals/signal-inbox.js';
import { expression, type Signal } from './signals/signal.js';
import { IncrementalState } from './snapshot/incremental/incremental-state.js';
import type { SnapshotReader } from './snapshot/snapshot-reader.js';
import { startSnapshot } from './snapshot/start-snapshot.js';
import { ChangeStream } from './streaming/change-stream.js';
import { Heartbeat } from './streaming/heartbeat.js';
import { preparePublication, setReplicaIdentities } from './streaming/publication.js';
import { checkLog, checkOwner, checkPosition, clearSlot, createSlot, dropSlot, PositionLost, readSlot, type SlotState } from './streaming/slot.js';
import { TablePlanner } from './tables/table-planner.js';
import { formatLsn, type Lsn } from './wire/lsn.js';
import { VERSION } from './version.js';

const FIRST_RETRY_MS = 200;

/** What the task is about. `opening`: it has no connection, and the next poll makes one. */
type Phase = { readonly is: 'opening' } | { readonly is: 'snapshot'; readonly reader: SnapshotReader; readonly blocking?: BlockingSignal } | { readonly is: 'streaming'; readonly stream: ChangeStream } | { readonly is: 'done' };

type BlockingSignal = Extract<Signal, { type: 'execute-snapshot' }>;

/** Reads one database: first what is there, then what changes. */
export class PostgresSourceTask extends SourceTask {
  private context!: SourceTaskContext;
  private settings!: SourceSettings;
  private source!: SourceBlock;
  private heartbeat!: Heartbeat;
  private headers: Headers = [];
  private partition: OffsetMap = {};
  private phase: Phase = { is: 'opening' };
  /** Where the next connection goes on; undefined: nothing was stored or read yet. */
  private position: StoredPosition | undefined;
  private hasStarted = false;
  private hasTakenSnapshot = false;
  private confirmed: Lsn = 0;
  private storedQuietLsn: Lsn = 0;
  private failures = 0;
  private busySinceMs: number | undefined;
  private failure: unknown;
  private incremental = IncrementalState.IDLE;
  private inbox!: SignalInbox;
  private notifications!: Notifications;
  /** Blocking snapshots that are asked for. */
  private readonly blocking: BlockingSignal[] = [];
  private hasToldOfSkipping = false;
  private lagMillis: number | undefined;

  async start(context: SourceTaskContext): Promise<void> {
    this.context = context;
    this.settings = readSettings(context.config);
    const { values } = this.settings;
    const prefix = values['topic.prefix'];
    this.partition = { server: prefix };
    this.source = new SourceBlock({ version: VERSION, name: prefix, database: values['database.dbname'] });
    this.heartbeat = new Heartbeat(this.settings, this.partition);
    if (values['extended.headers.enabled']) this.headers = contextHeaders(prefix, context.taskId);
    this.notifications = new Notifications(this.settings, this.partition, context.logger);
    this.inbox = new SignalInbox(this.settings, context.logger);
    const offset = await context.offset(this.partition);
    this.position = readStoredPosition(offset);
    this.incremental = IncrementalState.load(offset);
    await this.inbox.open(context);
  }

  async poll(): Promise<readonly SourceRecord[]> {
    const records: SourceRecord[] = [];
    try {
      if (this.failure !== undefined) throw this.failure;
      await this.step(records);
      return records;
    } catch (error) {
      // What was read before the failure counts as sent: it is handed over first, and the failure is for the next poll.
      this.failure = records.length > 0 ? error : undefined;
      if (records.length > 0) return records;
      throw await this.failed(error);
    }
  }

  /** Debezium's signals: log, execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot. */
  override onSignal(signal: TaskSignal): void {
    if (this.phase.is === 'done') throw new ConfigError('The task does not stream (snapshot.mode): it takes no signals', 'type');
    this.inbox.push(signal);
  }

  override lag(): SourceLag | null {
    if (this.phase.is !== 'streaming' || this.lagMillis === undefined) return null;
    return { milliseconds: this.lagMillis, bytes: this.phase.stream.unreadBytes };
  }

  override onCommitted(_partition: OffsetMap, offset: OffsetMap): void {
    const lsn = durableLsn(offset);
    if (lsn === undefined || !this.settings.flushesPosition) return;
    this.confirmed = Math.max(this.confirmed, lsn);
    if (this.phase.is === 'streaming') this.phase.stream.confirm(lsn);
  }

  override offsetsWithoutRecords(): ReadonlyMap<OffsetMap, OffsetMap> | null {
    if (this.phase.is !== 'streaming') return null;
    const lsn = this.phase.stream.quietLsn();
    if (lsn <= this.storedQuietLsn || lsn <= this.confirmed) return null;
    this.storedQuietLsn = lsn;
    return new Map([[this.partition, this.phase.stream.moveTo(lsn)]]);
  }

  async stop(): Promise<void> {
    await this.inbox?.close();
    await this.closePhase();
    const { values } = this.settings ?? {};
    if (!values?.['slot.drop.on.stop'] || !this.hasStarted) return;
    const session = await connect(this.settings);
    try {
      await dropSlot(session, values['slot.name']).catch((error: unknown) => this.context.logger.warn({ slot: values['slot.name'], reason: reasonOf(error) }, 'The replication slot could not be dropped'));
    } finally {
      await session.end().catch(() => undefined);
    }
  }

  private async step(records: SourceRecord[]): Promise<void> {
    const { values } = this.settings;
    const { signal } = this.context;
    if (this.phase.is === 'opening') await this.open();
    const { phase } = this;
    if (phase.is === 'done') {
      await pause(values['poll.interval.ms'], signal);
    } else if (phase.is === 'snapshot') {
      const { reader } = phase;
      reader.read(values['max.batch.size'], records);
      if (reader.isDone) await this.finishSnapshot(reader, phase.blocking !== undefined);
      else if (records.length === 0) await reader.wait(values['poll.interval.ms']);
    } else if (phase.is === 'streaming') {
      await this.readChanges(phase.stream, records);
    }
    this.failures = 0;
    this.busySinceMs = undefined;
  }

  private async readChanges(stream: ChangeStream, records: SourceRecord[]): Promise<void> {
    const { values } = this.settings;
    this.tellOfSkipping(stream, records);
    for (const signal of this.inbox.take()) await this.act(signal, stream, records);
    await stream.read(values['max.batch.size'], records);
    if (records.length === 0) {
      await stream.wait(values['poll.interval.ms']);
      if (!this.context.signal.aborted) await stream.read(values['max.batch.size'], records);
    }
    const nowMs = Date.now();
    this.measureLag(stream, records.length > 0, nowMs);
    if (this.blocking.length > 0 && !stream.isInTransaction) return this.openBlocking(stream);
    const lsn = stream.quietLsn();
    if (lsn > 0 && this.heartbeat.isDue(nowMs)) {
      const action = values['heartbeat.action.query'];
      if (action) await stream.act(action).catch((error: unknown) => this.context.logger.warn({ reason: reasonOf(error) }, 'heartbeat.action.query failed'));
      records.push(this.heartbeat.record(stream.moveTo(lsn), nowMs));
    }
  }

  /** Streaming began without a snapshot. */
  private tellOfSkipping(stream: ChangeStream, records: SourceRecord[]): void {
    if (this.hasTakenSnapshot || this.hasToldOfSkipping) return;
    this.hasToldOfSkipping = true;
    this.notifications.send(records, stream.offset(), { aggregate: 'Initial Snapshot', type: 'SKIPPED', data: {} });
  }

  private async act(signal: Signal, stream: ChangeStream, records: SourceRecord[]): Promise<void> {
    if (signal.type === 'log' || (signal.type === 'execute-snapshot' && signal.isBlocking)) this.actAlone(signal);
    else await stream.handle(signal, records);
  }

  /** Signals that are not about an incremental snapshot. */
  private actAlone(signal: Signal): void {
    if (signal.type === 'log') this.context.logger.info({ id: signal.id, message: signal.message }, 'Signal log');
    else if (signal.type === 'execute-snapshot') this.blocking.push(signal);
  }

  /** Streaming rests while the tables are read, and goes on where it was. */
  private async openBlocking(stream: ChangeStream): Promise<void> {
    const signal = this.blocking.shift()!;
    const offset = stream.offset();
    this.position = stream.position() ?? this.position;
    this.incremental = stream.incremental;
    await this.closePhase();
    const patterns = signal.collections.map((it) => expression(it, ''));
    try {
      const reader = await startSnapshot({
        ...this.common(), isForStreaming: false, hasSlot: true, offset,
        chosen: { includes: (table) => signal.collections.includes(table) || patterns.some((it) => it.test(table)), queryOf: (table) => signal.conditions.find((it) => it.collection.test(table))?.filter },
      });
      this.context.logger.info({ tables: reader.tableCount, id: signal.id }, 'A blocking snapshot begins');
      this.phase = { is: 'snapshot', reader, blocking: signal };
    } catch (error) {
      if (isRetriable(error)) {
        this.blocking.unshift(signal);
        throw error;
      }
      this.context.logger.warn({ id: signal.id, reason: reasonOf(error) }, 'The blocking snapshot is given up');
    }
  }

  private measureLag(stream: ChangeStream, hasRecords: boolean, nowMs: number): void {
    if (hasRecords) this.lagMillis = Math.max(0, nowMs - stream.lastCommitMicros / 1000);
    else if (this.lagMillis === undefined || !stream.isInTransaction) this.lagMillis = 0;
  }

  /** Looks at the database and the stored offset, and starts what they call for. */
  private async open(): Promise<void> {
    const { values, snapshot } = this.settings;
    const session = await connect(this.settings);
    try {
      const isForStreaming = snapshot.streams;
      await checkServer(session, isForStreaming);
      if (isForStreaming) {
        await preparePublication(session, this.settings);
        if (!this.hasStarted) await setReplicaIdentities(session, this.settings);
      }
      const slot = isForStreaming ? await readSlot(session, values['slot.name']) : undefined;
      const startLsn = await this.decideStart(session, slot);
      if (startLsn === 'snapshot') await this.openSnapshot(slot !== undefined, isForStreaming);
      else if (!isForStreaming) this.phase = { is: 'done' };
      else await this.openStream(session, startLsn, slot);
    } finally {
      if (this.phase.is !== 'streaming') await session.end().catch(() => undefined);
    }
    this.hasStarted = true;
  }

  private async decideStart(session: SqlSession, slot: SlotState | undefined): Promise<Lsn | 'snapshot'> {
    const { position, settings } = this;
    const { reads, streams, renewsLost } = settings.snapshot;
    if (slot) checkOwner(slot, settings);
    const isNew = position === undefined || position.snapshot === 'running';
    if (!streams) return (isNew && reads !== 'never') || (reads === 'each' && !this.hasTakenSnapshot) ? 'snapshot' : 0;
    try {
      if (slot) checkLog(slot, settings);
      if (isNew) return reads === 'never' ? (slot?.confirmedLsn ?? 0) : 'snapshot';
      if (reads === 'each' && !this.hasTakenSnapshot) return 'snapshot';
      if (!slot) {
        throw new PositionLost(
          `The connector is to go on from ${formatLsn(position.commitLsn ?? position.lsn)}, but the replication slot ${settings.values['slot.name']} does not exist any more, so changes are missing. ` +
            'Reconfigure the connector to use a snapshot mode when needed (snapshot.mode=when_needed), or delete its offsets for a new snapshot',
        );
      }
      return await checkPosition(session, slot, position, settings);
    } catch (error) {
      if (!renewsLost || !(error instanceof PositionLost)) throw error;
      if (slot) await clearSlot(session, slot, settings);
      this.context.logger.warn({ reason: reasonOf(error) }, 'The position is lost: taking a new snapshot');
      // They are of a log that has ended, perhaps of another server.
      this.confirmed = this.storedQuietLsn = 0;
      return 'snapshot';
    }
  }

  private async openSnapshot(hadSlot: boolean, isForStreaming: boolean): Promise<void> {
    const { values } = this.settings;
    await pause(values['snapshot.delay.ms'], this.context.signal);
    const check = await connect(this.settings);
    const hasSlot = hadSlot && (await readSlot(check, values['slot.name'])) !== undefined;
    await check.end();
    const reader = await startSnapshot({ ...this.common(), isForStreaming, hasSlot });
    this.context.logger.info({ tables: reader.tableCount, lsn: formatLsn(reader.lsn) }, 'The snapshot begins');
    this.phase = { is: 'snapshot', reader };
  }

  private async finishSnapshot(reader: SnapshotReader, isBlocking: boolean): Promise<void> {
    reader.close();
    if (isBlocking) {
      this.phase = { is: 'opening' };
      return;
    }
    this.context.logger.info({ lsn: formatLsn(reader.lsn) }, 'The snapshot is complete');
    this.position = readStoredPosition(reader.completedOffset);
    this.hasTakenSnapshot = true;
    this.phase = this.settings.snapshot.streams ? { is: 'opening' } : { is: 'done' };
    if (this.phase.is === 'opening') await pause(this.settings.values['streaming.delay.ms'], this.context.signal);
  }

  private async openStream(session: SqlSession, startLsn: Lsn, slot: SlotState | undefined): Promise<void> {
    const { values } = this.settings;
    let from = startLsn;
    if (!slot) {
      const replication = await connectForReplication(this.settings);
      try {
        from = (await createSlot(replication, { name: values['slot.name'], isTemporary: false, isFailover: values['slot.failover'] })).lsn;
      } finally {
        await replication.end().catch(() => undefined);
      }
    }
    const stream = await ChangeStream.open({ ...this.common(), stored: this.position, startLsn: from, durable: this.confirmed, catalog: session, incremental: this.incremental, logger: this.context.logger, onSignal: (signal) => this.actAlone(signal) });
    this.context.logger.info({ slot: values['slot.name'], from: formatLsn(from) }, 'Streaming begins');
    this.phase = { is: 'streaming', stream };
  }

  private common() {
    const { settings, source, partition, headers, notifications } = this;
    return { settings, source, partition, headers, notifications, planner: new TablePlanner(settings), signal: this.context.signal };
  }

  /** Gives the connection up, keeps the place, and says whether trying again makes sense. */
  private async failed(error: unknown): Promise<Error> {
    if (this.phase.is === 'streaming') {
      this.position = this.phase.stream.position() ?? this.position;
      this.incremental = this.phase.stream.incremental;
    } else if (this.phase.is === 'snapshot' && this.phase.blocking) this.blocking.unshift(this.phase.blocking);
    await this.closePhase();
    if (this.context.signal.aborted) return new RetriableError('The task is stopping', { cause: error });
    const { values } = this.settings;
    if (isSlotBusy(error)) return this.slotBusy(error);
    if (!isRetriable(error)) return error instanceof Error && 'code' in error && String(error.code).startsWith('CONNECT_') ? error : fatal('Reading the database failed', error);
    this.failures += 1;
    const most = values['errors.max.retries'];
    if (most >= 0 && this.failures > most) return fatal(`The connection to the database was lost, and ${most} attempts to get it back failed`, error);
    const retryAfterMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.failures - 1, 20), values['retriable.restart.connector.wait.ms']);
    this.context.logger.warn({ reason: reasonOf(error), attempt: this.failures, retryAfterMs }, 'The connection to the database was lost');
    return new RetriableError(`The connection to the database was lost: ${reasonOf(error)}`, { cause: error, retryAfterMs });
  }

  /** Tried again soon at first, since a session that has just died lets go of the slot within moments; in all as long as the settings say. */
  private slotBusy(error: unknown): Error {
    const { values } = this.settings;
    this.busySinceMs ??= Date.now();
    this.failures += 1;
    if (Date.now() - this.busySinceMs >= values['slot.max.retries'] * values['slot.retry.delay.ms']) return fatal(`The replication slot ${values['slot.name']} stays in use by another session`, error);
    const retryAfterMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.failures - 1, 20), values['slot.retry.delay.ms']);
    this.context.logger.warn({ reason: reasonOf(error), retryAfterMs }, 'The replication slot is in use');
    return new RetriableError(`The replication slot is in use: ${reasonOf(error)}`, { cause: error, retryAfterMs });
  }

  private async closePhase(): Promise<void> {
    const { phase } = this;
    this.phase = { is: 'opening' };
    if (phase.is === 'snapshot') phase.reader.close();
    else if (phase.is === 'streaming') await phase.stream.close();
    else if (phase.is === 'done') this.phase = phase;
  }
}

async function checkServer(session: SqlSession, streams: boolean): Promise<void> {
  const [row] = await session.query<{ level: string }>("select current_setting('wal_level') as level");
  if (streams && row?.level !== 'logical') throw fatal(`Postgres server wal_level property must be 'logical' but is: '${row?.level}'`);
}

function contextHeaders(prefix: string, taskId: number): Headers {
  const schema = Schema.of('string');
  const entries: [string, string][] = [
    ['connectorLogicalName', prefix],
    ['taskId', String(taskId)],
    ['connectorName', 'postgresql'],
    ['runId', randomUUID()],
  ];
  return entries.map(([name, value]) => ({ key: `__debezium.context.${name}`, schema, value }));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
