import { ConnectError, type ConnectorConfig, type SinkRecord, type SinkTask, type SinkTaskContext, type TopicPartition } from '@millrace/connect-api';
import { hasCode, messageOf } from '../check.js';
import { LogCollector } from './log-collector.js';
import type { SinkTopics } from './sink-topics.js';
import { pause } from './within.js';

export interface SinkHarnessOptions {
  readonly task: SinkTask;
  readonly config: ConnectorConfig;
  readonly topics: SinkTopics;
  readonly connectorName?: string;
  readonly taskId?: number;
  readonly logger?: LogCollector;
  /** `max.poll.records`. Default 500. */
  readonly recordsPerPutMax?: number;
  /** `errors.tolerance`: `all` collects what is reported in `deadLetters`, `none` refuses it. Default `none`. */
  readonly tolerance?: 'all' | 'none';
  /** What the task hears when it asks; default always true. */
  readonly ownsAssignment?: () => boolean;
  /** The longest wait before a retry, whatever the task asks for. */
  readonly retryWaitMsMax?: number;
}

export interface DeadLetter {
  readonly record: SinkRecord;
  readonly error: Error;
}

interface Batch {
  readonly records: SinkRecord[];
  readonly positions: Map<TopicPartition, number>;
}

/**
 * Runs a sink task in memory by the runtime's contract: the same calls in the same order, never two at once. One `step` is one turn of the
 * runtime's loop: a commit that is due, or the next batch. Partitions come and go by `assign`, `revoke` and `lose`.
 */
export class SinkHarness {
  readonly logger: LogCollector;
  readonly deadLetters: DeadLetter[] = [];
  /** Offsets that `preCommit` answered although they were not asked for, or that lie beyond what was put. */
  readonly overcommits: string[] = [];
  /** How often put asked for the same records again. */
  retries = 0;
  private readonly stopping = new AbortController();
  private assigned: readonly TopicPartition[] = [];
  private readonly paused = new Set<TopicPartition>();
  /** Where fetching goes on. */
  private readonly fetched = new Map<TopicPartition, number>();
  /** Behind what was put. */
  private readonly positions = new Map<TopicPartition, number>();
  private readonly beginnings = new Map<TopicPartition, number>();
  /** Since the partition was assigned or moved. */
  private readonly committed = new Map<TopicPartition, number>();
  private delivering: Batch | undefined;
  /** A record was reported although errors are not tolerated: the task fails, whatever it makes of the rejection. */
  private intolerable: Error | undefined;
  private isCommitDue = false;
  private isRevoking = false;
  private busy: Promise<unknown> = Promise.resolve();
  private state: 'new' | 'running' | 'ended' | 'dead' = 'new';

  constructor(readonly options: SinkHarnessOptions) {
    this.logger = options.logger ?? new LogCollector();
  }

  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Calls `start`; when that throws, `stop`, and throws what it threw. */
  async start(): Promise<void> {
    this.state = 'running';
    await this.exclusively(() => this.orEnd(async () => void (await this.options.task.start(this.context()))));
  }

  /** Partitions are assigned: fetching begins at their committed offsets, or at `from`, unless the task moves them in `open`. */
  async assign(partitions: readonly TopicPartition[], from?: number): Promise<void> {
    await this.exclusively(async () => {
      const { topics } = this.options;
      this.assigned = partitions.map((it) => topics.partition(it.topic, it.partition));
      for (const it of this.assigned) this.fetched.set(it, from ?? topics.committedOffset(it) ?? 0);
      this.isRevoking = false;
      if (this.assigned.length > 0) await this.orEnd(async () => void (await this.options.task.open(this.assigned)));
      for (const it of this.assigned) this.begin(it, this.fetched.get(it) ?? 0);
    });
  }

  /** A rebalance takes all partitions away in order: the put under way ends, then a last commit, then `close`. */
  async revoke(): Promise<void> {
    await this.closeAll(true);
  }

  /** The group has already given the partitions to others: `close` without a commit. */
  async lose(): Promise<void> {
    await this.closeAll(false);
  }

  /** A commit that is due, or the next batch until it is taken. False when there was nothing to do. A fatal error ends the task in order and is thrown. */
  async step(): Promise<boolean> {
    return this.exclusively(() =>
      this.orEnd(async () => {
        if (this.state !== 'running' || this.signal.aborted) return false;
        if (this.isCommitDue) {
          await this.commitNow(false);
          return true;
        }
        const batch = this.take();
        if (batch) await this.deliver(batch);
        return batch !== undefined;
      }),
    );
  }

  /** Steps until there is nothing to do. */
  async drain(): Promise<void> {
    while (await this.step());
  }

  /** What `offset.flush.interval.ms` brings: asks the task what may be committed, and commits it. */
  async commit(): Promise<void> {
    await this.exclusively(() => this.orEnd(() => this.commitNow(false)));
  }

  /** An orderly stop: abort, the end of the put under way, a last commit, `close`, `stop`. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.exclusively(async () => {
      if (this.state === 'running') await this.end();
    });
  }

  /** The task's process dies: it is told nothing, and nothing that it still does counts. */
  kill(): void {
    this.state = 'dead';
  }

  /** Resolves when no call of the task is under way. */
  async settled(): Promise<void> {
    await this.busy.catch(() => undefined);
  }

  /** Frees what a killed task still holds, once nobody looks any more. */
  async bury(): Promise<void> {
    this.stopping.abort();
    await this.settled();
    if (this.state !== 'dead') return;
    this.state = 'ended';
    try {
      await this.options.task.stop();
    } catch (error) {
      this.logger.debug({ error }, 'a killed task did not stop in order');
    }
  }

  private isDead(): boolean {
    return this.state === 'dead';
  }

  private take(): Batch | undefined {
    const { topics, recordsPerPutMax = 500 } = this.options;
    const batch: Batch = { records: [], positions: new Map() };
    for (const partition of this.assigned) {
      if (this.paused.has(partition) || batch.records.length >= recordsPerPutMax) continue;
      const from = this.fetched.get(partition) ?? 0;
      const records = topics.read(partition, from, recordsPerPutMax - batch.records.length);
      if (records.length === 0) continue;
      batch.records.push(...records);
      batch.positions.set(partition, from + records.length);
      this.fetched.set(partition, from + records.length);
    }
    return batch.records.length === 0 ? undefined : batch;
  }

  /** There is nothing to be committed of it: whoever reads it next begins there too. */
  private begin(partition: TopicPartition, offset: number): void {
    if (this.beginnings.has(partition)) return;
    this.beginnings.set(partition, offset);
    this.committed.set(partition, offset);
  }

  private async deliver(batch: Batch): Promise<void> {
    this.delivering = batch;
    try {
      for (let attempt = 1; !(await this.put(batch.records, attempt)); attempt++) {
        if (this.signal.aborted || this.isRevoking || this.state !== 'running') return;
      }
      for (const [partition, offset] of batch.positions) this.positions.set(partition, offset);
    } finally {
      this.delivering = undefined;
    }
  }

  /** False: the task asks for the same records again. */
  private async put(records: readonly SinkRecord[], attempt: number): Promise<boolean> {
    try {
      await this.options.task.put(records);
      if (this.intolerable) throw this.intolerable;
      return true;
    } catch (error) {
      if (this.state !== 'running') return false;
      if (!hasCode(error, 'CONNECT_RETRIABLE')) throw error;
      this.retries += 1;
      this.logger.warn({ error: messageOf(error) }, 'put failed and gets the same records again');
      const asked = (error as { readonly retryAfterMs?: unknown }).retryAfterMs;
      await pause(Math.min(typeof asked === 'number' ? asked : 2 ** Math.min(attempt, 10), this.options.retryWaitMsMax ?? 50), this.signal);
      return false;
    }
  }

  private async commitNow(isClosing: boolean): Promise<void> {
    this.isCommitDue = false;
    // The task is asked about every partition that it has, also about those that nothing came of.
    const current = new Map([...this.beginnings].map(([it, beginning]) => [it, this.positions.get(it) ?? beginning]));
    if (current.size === 0 || this.isDead()) return;
    let accepted: ReadonlyMap<TopicPartition, number>;
    try {
      accepted = await this.options.task.preCommit(current);
    } catch (error) {
      this.logger.error({ error: messageOf(error) }, 'the task failed before a commit');
      if (!isClosing) this.rewind();
      return;
    }
    if (this.isDead()) return;
    for (const [it, offset] of accepted) {
      const partition = this.options.topics.partition(it.topic, it.partition);
      const known = current.get(partition);
      if (known === undefined || offset > known) this.overcommits.push(`${it.topic}-${it.partition}: ${offset}, but ${known === undefined ? 'the partition was not asked for' : `${known} is the end of what was put`}`);
      else if (offset !== this.committed.get(partition)) {
        this.committed.set(partition, offset);
        this.options.topics.commit(partition, offset);
      }
    }
  }

  /** After a failed commit everything since the last one is put again. */
  private rewind(): void {
    for (const partition of this.positions.keys()) {
      const offset = this.committed.get(partition) ?? this.beginnings.get(partition) ?? 0;
      this.positions.set(partition, offset);
      this.fetched.set(partition, offset);
    }
  }

  private async closeAll(isStillOurs: boolean): Promise<void> {
    this.isRevoking = true;
    await this.exclusively(() => this.orEnd(() => this.closePartitions(isStillOurs)));
  }

  private async closePartitions(isStillOurs: boolean): Promise<void> {
    if (this.state === 'dead') return;
    const partitions = this.assigned;
    if (isStillOurs) await this.commitNow(true);
    this.assigned = [];
    this.paused.clear();
    this.positions.clear();
    this.beginnings.clear();
    this.committed.clear();
    if (partitions.length > 0) await this.options.task.close(partitions);
  }

  private async orEnd<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (this.state === 'running') await this.end();
      throw error;
    }
  }

  private async end(): Promise<void> {
    this.stopping.abort();
    for (const step of [() => this.closePartitions(true), async () => void (await this.options.task.stop())]) {
      try {
        await step();
      } catch (error) {
        this.logger.warn({ error }, 'the task did not stop in order');
      }
    }
    this.state = 'ended';
  }

  private async exclusively<T>(step: () => Promise<T>): Promise<T> {
    const mine = this.busy.catch(() => undefined).then(step);
    this.busy = mine.catch(() => undefined);
    return mine;
  }

  private context(): SinkTaskContext {
    const { topics } = this.options;
    const known = (it: TopicPartition): TopicPartition => topics.partition(it.topic, it.partition);
    return {
      connectorName: this.options.connectorName ?? 'under-test',
      taskId: this.options.taskId ?? 0,
      config: this.options.config,
      logger: this.logger,
      signal: this.signal,
      errantRecordReporter: { report: (record, error) => this.report(record, error) },
      assignment: () => this.assigned,
      ownsAssignment: () => this.options.ownsAssignment?.() ?? true,
      seek: (to, offset) => {
        const partition = known(to);
        this.fetched.set(partition, offset);
        this.positions.set(partition, offset);
        this.beginnings.set(partition, offset);
        this.committed.delete(partition);
        this.delivering?.positions.delete(partition);
      },
      pause: (...partitions) => partitions.forEach((it) => this.paused.add(known(it))),
      resume: (...partitions) => partitions.forEach((it) => this.paused.delete(known(it))),
      requestCommit: () => {
        this.isCommitDue = true;
      },
    };
  }

  private async report(record: SinkRecord, error: Error): Promise<void> {
    await Promise.resolve();
    if (this.options.tolerance !== 'all') {
      this.intolerable ??= Object.assign(new ConnectError(`Tolerance exceeded in error handler (the record at ${record.topic}-${record.partition}, offset ${record.kafkaOffset})`), { cause: error });
      throw this.intolerable;
    }
    this.deadLetters.push({ record, error });
  }
}
