import { ConnectError, DataError, RetriableError, type SinkRecord, SinkTask, type SinkTaskContext, type TopicPartition } from '@millrace/connect-api';
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { PlanCache } from './catalog/plan-cache.js';
import { RowPlanner } from './catalog/row-planner.js';
import { parseSinkSettings, type SinkSettings } from './config/sink-settings.js';
import { errorCode } from './connection/error-code.js';
import { type PreparedCall, Session } from './connection/session.js';
import { failureKind } from './connection/sql-state.js';
import { isFencedError, OffsetTable } from './exactly-once/offset-table.js';
import { StoredOffsets } from './exactly-once/stored-offsets.js';
import { quoteTable } from './naming/identifier.js';
import { CopyBuffer } from './rows/copy-buffer.js';
import type { RowPlan } from './rows/row-plan.js';
import { applyOneByOne, recordError, type RecordCalls } from './write/bad-row-isolation.js';
import { BatchWriter } from './write/batch-writer.js';
import { PutBatch } from './write/put-batch.js';

/** A buffer that a huge put has left behind is not kept. */
const BUFFER_KEPT_MAX = 64 << 20;
const BUFFER_CAPACITY = 1 << 20;
/** A large put goes to the server in parts of at least so many rows, and in at most so many parts. */
const CHUNK_ROWS_MIN = 500;
const CHUNKS_MAX = 8;

/**
 * Writes records to PostgreSQL: each put is one transaction, and is over when that is committed.
 * Invariant 3: what was put is committed or was reported; after a failure the whole put is done again.
 */
export class PostgresSinkTask extends SinkTask {
  private context!: SinkTaskContext;
  private settings!: SinkSettings;
  private planner!: RowPlanner;
  private writer!: BatchWriter;
  private session: Session | undefined;
  /** Undefined: the records' offsets are not stored with them. */
  private offsets: StoredOffsets | undefined;
  private buffer = new CopyBuffer(false, BUFFER_CAPACITY);
  private readonly plans = new PlanCache();
  /** Records of the put under way that were reported: they are not written, however often it is tried. */
  private reported = new Set<SinkRecord>();
  /** Records that cannot be rows, to be reported before the transaction is committed. */
  private readonly refused = new Map<SinkRecord, DataError>();

  override start(context: SinkTaskContext): void {
    this.context = context;
    this.settings = parseSinkSettings(context.config);
    this.planner = new RowPlanner(this.settings, context.logger);
    this.writer = new BatchWriter(this.settings);
    const { exactlyOnce, flushRetryDelayMs: retryDelayMs } = this.settings;
    if (!exactlyOnce) return;
    const { connectorName, logger } = context;
    const table = new OffsetTable(exactlyOnce.table, connectorName, randomUUID());
    this.offsets = new StoredOffsets({ table, logger, fencedWaitMs: exactlyOnce.fencedWaitMs, retryDelayMs, seek: (partition, offset) => context.seek(partition, offset) });
  }

  override async open(partitions: readonly TopicPartition[]): Promise<void> {
    if (!this.offsets) return;
    try {
      await this.offsets.open(await this.connected(), partitions);
    } catch (error) {
      const kind = failureKind(error);
      if (kind !== 'connection' && kind !== 'transient') throw asFatal(error);
      this.context.logger.warn({ code: errorCode(error), error: messageOf(error) }, 'The stored offsets cannot be read yet: they will be before the first write');
      this.offsets.expect(partitions);
      await this.startAfresh();
    }
  }

  override close(partitions: readonly TopicPartition[]): void {
    this.offsets?.close(partitions);
  }

  override async put(records: readonly SinkRecord[]): Promise<void> {
    if (records.length === 0) return;
    this.reported = new Set();
    this.refused.clear();
    if (this.buffer.bytes.length > BUFFER_KEPT_MAX) this.buffer = new CopyBuffer(false, BUFFER_CAPACITY);
    let isRefreshed = false;
    for (let failures = 0; ; ) {
      try {
        await this.write(records);
        return;
      } catch (error) {
        if (error instanceof RetriableError) throw error;
        const kind = failureKind(error);
        if (kind === 'stale' && !isRefreshed) {
          isRefreshed = true;
          await this.startAfresh();
          continue;
        }
        if (kind !== 'connection' && kind !== 'transient') throw asFatal(error);
        if (kind === 'connection') await this.startAfresh();
        failures += 1;
        this.context.logger.warn({ failures, code: errorCode(error), error: messageOf(error) }, 'The transaction failed and is tried again');
        if (failures > this.settings.flushRetriesMax || this.context.signal.aborted) {
          throw new RetriableError(`The database did not take the records: ${messageOf(error)}`, { cause: error, retryAfterMs: this.settings.flushRetryDelayMs });
        }
        await this.pause(kind === 'transient' && failures === 1 ? 0 : this.settings.flushRetryDelayMs, error);
      }
    }
  }

  override async stop(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await session?.close();
  }

  private async write(records: readonly SinkRecord[]): Promise<void> {
    const session = await this.connected();
    if (!this.offsets) {
      await this.writeAll(session, records);
      return;
    }
    const accepted = await this.offsets.accept(session, records);
    if (!accepted.step) return;
    try {
      await this.writeAll(session, accepted.records, accepted.step);
    } catch (error) {
      throw isFencedError(error) ? await this.offsets.fenced(session, records) : error;
    }
    accepted.settle();
  }

  /** One transaction; `last` is the last statement of it. */
  private async writeAll(session: Session, records: readonly SinkRecord[], last?: PreparedCall): Promise<void> {
    await this.planAll(session, records);
    this.expectOwnership();
    try {
      const isWritten = this.writer.prefersSingle(records.length) ? await this.writeSingly(session, records, last) : await this.writeInBulk(session, records, last);
      if (isWritten) return;
    } catch (error) {
      if (error instanceof RetriableError || failureKind(error) !== 'data' || isFencedError(error)) throw error;
      this.context.logger.debug({ code: errorCode(error), records: records.length }, 'A record is at fault: looking for it');
    }
    // Another task may have widened a column since its statements were prepared.
    await session.forgetPrepared();
    await applyOneByOne(session, this.oneByOne(records), {
      report: (record, error) => this.report(record, error),
      copyToProbe: (transaction, record) => this.writer.copyToProbe(transaction, this.encode([record])),
      expectOwnership: () => this.expectOwnership(),
    }, last);
  }

  /** Invariant 8: a worker that was frozen does not write over what another has written since. */
  private expectOwnership(): void {
    if (!this.context.ownsAssignment()) throw new RetriableError('The partitions may be read by another task by now', { retryAfterMs: this.settings.flushRetryDelayMs });
  }

  /** False: the records must be applied one by one. */
  private async writeSingly(session: Session, records: readonly SinkRecord[], last?: PreparedCall): Promise<boolean> {
    const batch = this.encode(records);
    await this.reportRefused();
    if (batch.sequential) return false;
    this.expectOwnership();
    await this.writer.writeSingly(session, batch, last);
    return true;
  }

  /** The same. Encodes the next rows while the server takes the last. */
  private async writeInBulk(session: Session, records: readonly SinkRecord[], last?: PreparedCall): Promise<boolean> {
    const transaction = this.writer.begin(session);
    const size = Math.max(CHUNK_ROWS_MIN, Math.ceil(records.length / CHUNKS_MAX));
    try {
      for (let start = 0; start < records.length && !transaction.hasFailed; start += size) {
        const batch = this.encode(records.slice(start, start + size));
        if (batch.sequential) {
          await transaction.rollback();
          return false;
        }
        transaction.add(batch);
        // What was added goes out, and an error comes in.
        await nextTurn();
      }
      await this.reportRefused();
      this.expectOwnership();
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
    await transaction.commit(last);
    return true;
  }

  /** Invariant 4: tables are looked up and changed before the transaction begins, not while it holds locks. */
  private async planAll(session: Session, records: readonly SinkRecord[]): Promise<void> {
    for (const record of records) {
      if (this.reported.has(record)) continue;
      try {
        if (this.plans.get(record, this.tableKey(record)) === undefined) await this.planFor(session, record);
      } catch (error) {
        if (!isDataError(error)) throw error;
        await this.report(record, recordError(record, error));
      }
    }
  }

  /** Records that cannot be rows are set aside for `reportRefused`. */
  private encode(records: readonly SinkRecord[], buffer = this.buffer): PutBatch {
    const batch = new PutBatch(this.settings, buffer);
    for (const record of records) {
      if (this.reported.size > 0 && this.reported.has(record)) continue;
      try {
        const plan = this.plans.get(record, this.tableKey(record));
        if (plan) batch.add(record, plan);
      } catch (error) {
        if (!isDataError(error)) throw error;
        this.refused.set(record, recordError(record, error));
      }
    }
    return batch;
  }

  private async reportRefused(): Promise<void> {
    for (const [record, error] of this.refused) await this.report(record, error);
    this.refused.clear();
  }

  private async planFor(session: Session, record: SinkRecord): Promise<RowPlan | null> {
    const { generation } = this.planner;
    const plan = await this.planner.plan(session, record);
    if (generation !== this.planner.generation) this.plans.clear();
    // A table that is missing now may be made by the next record.
    if (plan !== null) this.plans.set(record, this.tableKey(record), plan);
    return plan;
  }

  private tableKey(record: SinkRecord): string {
    return this.planner.dependsOnRecord && record.value !== null ? quoteTable(this.planner.tableName(record)) : '';
  }

  private oneByOne(records: readonly SinkRecord[]): RecordCalls[] {
    const buffer = new CopyBuffer(false, 1 << 16);
    const calls = records.map((record) => ({
      record,
      // The buffer is used again for the next record.
      calls: this.writer.calls(this.encode([record], buffer)).map((it) => ({ ...it, parameters: it.parameters.map((value) => value && Uint8Array.from(value)) })),
    }));
    return calls.filter((it) => it.calls.length > 0);
  }

  private async report(record: SinkRecord, error: Error): Promise<void> {
    if (this.reported.has(record)) return;
    await this.context.errantRecordReporter.report(record, error);
    this.reported.add(record);
  }

  private async connected(): Promise<Session> {
    if (this.session && !this.session.isLost) return this.session;
    this.session = await Session.open(this.settings.connection);
    return this.session;
  }

  /** Nothing is trusted that was known of the server. */
  private async startAfresh(): Promise<void> {
    this.plans.clear();
    this.planner.forget();
    const { session } = this;
    this.session = undefined;
    await session?.close();
  }

  private async pause(ms: number, cause: unknown): Promise<void> {
    if (ms === 0) return;
    try {
      await delay(ms, undefined, { signal: this.context.signal });
    } catch {
      throw new RetriableError('The task is being stopped', { cause });
    }
  }
}

function isDataError(error: unknown): boolean {
  return error instanceof DataError || errorCode(error) === 'CONNECT_DATA';
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

function asFatal(error: unknown): unknown {
  if (error instanceof ConnectError) return error;
  const code = errorCode(error);
  return code?.startsWith('CONNECT_') ? error : new ConnectError(`The database refused: ${messageOf(error)}${code === undefined ? '' : ` (SQLSTATE ${code})`}`, { cause: error });
}
