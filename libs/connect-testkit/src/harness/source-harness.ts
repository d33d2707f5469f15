import { DataError, type ConnectorConfig, type OffsetMap, type SourceRecord, type SourceTask, type SourceTaskContext, type TaskSignal, type TopicFollower } from '@millrace/connect-api';
import { hasCode, messageOf } from '../check.js';
import { LogCollector } from './log-collector.js';
import { OffsetStore } from './offset-store.js';
import { offsetText } from './offset-text.js';
import { plainValue, type PlainValue } from './plain-value.js';
import { TopicChannel } from './topic-channel.js';
import { pause } from './within.js';

/** A record as it would have reached its topic: converted, so it no longer points into anything of the task's. */
export interface DeliveredRecord {
  readonly taskId: number;
  readonly topic: string;
  readonly partition: number | null;
  readonly key: PlainValue;
  readonly value: PlainValue;
  readonly timestampMs: number | null;
  readonly headers: readonly { readonly key: string; readonly value: PlainValue }[];
  /** JSON texts, as the offset topic would have them. */
  readonly sourcePartition: string;
  readonly sourceOffset: string;
}

export interface SourceHarnessOptions {
  readonly task: SourceTask;
  readonly config: ConnectorConfig;
  readonly connectorName?: string;
  readonly taskId?: number;
  readonly offsets?: OffsetStore;
  readonly topics?: TopicChannel;
  readonly logger?: LogCollector;
  /** Called with every record at the moment when a converter would see it. */
  readonly onRecord?: (record: DeliveredRecord) => void;
  /** `later`: what was sent stays on its way until `acknowledge` is called. Default `at once`. */
  readonly acknowledges?: 'at once' | 'later';
  /** The longest wait before a retry, whatever the task asks for. */
  readonly retryWaitMsMax?: number;
}

interface Sent {
  readonly offsets: ReadonlyMap<OffsetMap, OffsetMap>;
}

/**
 * Runs a source task in memory by the runtime's contract: the same calls in the same order, with the clock and the cluster left out. One
 * `step` is one turn of the runtime's loop, `commit` one interval of `offset.flush.interval.ms`; nothing happens by itself.
 */
export class SourceHarness {
  readonly offsets: OffsetStore;
  readonly logger: LogCollector;
  readonly topics: TopicChannel;
  readonly records: DeliveredRecord[] = [];
  /** Records of each poll that returned some. */
  readonly pollSizes: number[] = [];
  /** How often poll asked to be called again. */
  retries = 0;
  private readonly stopping = new AbortController();
  private readonly due = new Map<string, { readonly partition: OffsetMap; readonly offset: OffsetMap }>();
  private readonly sent: Sent[] = [];
  private readonly usedTopics = new Set<string>();
  private readonly followers: TopicFollower[] = [];
  private busy: Promise<unknown> = Promise.resolve();
  private signals: Promise<unknown> = Promise.resolve();
  private followerFailure: unknown;
  private state: 'new' | 'running' | 'ended' | 'dead' = 'new';

  constructor(readonly options: SourceHarnessOptions) {
    this.offsets = options.offsets ?? new OffsetStore();
    this.logger = options.logger ?? new LogCollector();
    this.topics = options.topics ?? new TopicChannel();
  }

  /** The signal that the task was given. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Calls `start`; when that throws, `stop`, and throws what it threw. */
  async start(): Promise<void> {
    this.state = 'running';
    await this.exclusively(() => this.orEnd(async () => void (await this.options.task.start(this.context()))));
  }

  /** One poll, tried again while it asks for that, and what follows from it. Returns the number of records; -1 when the task is over. A fatal error ends the task in order and is thrown. */
  async step(): Promise<number> {
    return this.exclusively(() => this.orEnd(() => this.pollOnce()));
  }

  /** The acknowledgements of everything that was sent arrive. */
  acknowledge(): void {
    for (const { offsets } of this.sent.splice(0)) {
      for (const [partition, offset] of offsets) this.markDue(partition, offset);
    }
  }

  /** Stores the offsets of what is acknowledged, then tells the task, partition by partition. */
  async commit(): Promise<void> {
    const batch = [...this.due.values()];
    this.due.clear();
    for (const { partition, offset } of batch) this.offsets.set(partition, offset);
    for (const { partition, offset } of batch) {
      if (this.state === 'dead') return;
      try {
        await this.options.task.onCommitted(partition, offset);
      } catch (error) {
        this.logger.error({ error }, 'the task failed to take note of stored offsets');
      }
    }
  }

  /** Hands a signal over as REST would: at any time, one at a time. */
  async send(signal: TaskSignal): Promise<void> {
    const mine = this.signals.then(() => this.options.task.onSignal(signal));
    this.signals = mine.catch(() => undefined);
    await mine;
  }

  /** An orderly stop: abort, the end of the poll under way, acknowledgements, a last commit, `stop`. */
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

  private async pollOnce(): Promise<number> {
    if (this.state !== 'running' || this.signal.aborted) return -1;
    const records = await this.poll();
    if (this.state !== 'running') return -1;
    if (this.followerFailure !== undefined) throw this.followerFailure;
    if (records.length > 0) return this.deliver(records);
    if (this.sent.length === 0) {
      for (const [partition, offset] of this.options.task.offsetsWithoutRecords() ?? []) this.markDue(partition, offset);
    }
    return 0;
  }

  private async poll(): Promise<readonly SourceRecord[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.options.task.poll();
      } catch (error) {
        if (this.signal.aborted || this.state !== 'running') return [];
        if (!hasCode(error, 'CONNECT_RETRIABLE')) throw error;
        this.retries += 1;
        this.logger.warn({ error: messageOf(error) }, 'poll failed and is tried again');
        const asked = (error as { readonly retryAfterMs?: unknown }).retryAfterMs;
        await pause(Math.min(typeof asked === 'number' ? asked : 2 ** Math.min(attempt, 10), this.options.retryWaitMsMax ?? 50), this.signal);
        if (this.signal.aborted) return [];
      }
    }
  }

  private deliver(records: readonly SourceRecord[]): number {
    const offsets = new Map<OffsetMap, OffsetMap>();
    for (const [i, record] of records.entries()) {
      if (!this.usedTopics.has(record.topic)) {
        if (typeof record.topic !== 'string' || record.topic === '') throw new DataError('a source record has no topic');
        // A task that is stopping makes no topic any more: the rest of its poll stays unsent, and its offsets are never stored.
        if (this.signal.aborted) return i;
        this.usedTopics.add(record.topic);
      }
      const delivered = this.delivered(record);
      this.records.push(delivered);
      this.options.onRecord?.(delivered);
      if (records[i + 1]?.sourcePartition !== record.sourcePartition) {
        offsets.delete(record.sourcePartition);
        offsets.set(record.sourcePartition, record.sourceOffset);
      }
    }
    this.pollSizes.push(records.length);
    this.sent.push({ offsets });
    if (this.options.acknowledges !== 'later') this.acknowledge();
    return records.length;
  }

  private delivered(record: SourceRecord): DeliveredRecord {
    return {
      taskId: this.options.taskId ?? 0,
      topic: record.topic,
      partition: record.partition ?? null,
      key: plainValue(record.keySchema, record.key),
      value: plainValue(record.valueSchema, record.value),
      timestampMs: record.timestampMs ?? null,
      headers: (record.headers ?? []).map((it) => ({ key: it.key, value: plainValue(it.schema, it.value) })),
      sourcePartition: offsetText(record.sourcePartition),
      sourceOffset: offsetText(record.sourceOffset),
    };
  }

  private markDue(partition: OffsetMap, offset: OffsetMap): void {
    this.due.set(offsetText(partition), { partition, offset });
  }

  /** What an error leaves behind is put in order as by a stop; then it is thrown. */
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
    this.state = 'ended';
    this.acknowledge();
    await this.commit();
    await Promise.all(this.followers.map((it) => it.stop()));
    try {
      await this.options.task.stop();
    } catch (error) {
      this.logger.warn({ error }, 'the task did not stop in order');
    }
  }

  private async exclusively<T>(step: () => Promise<T>): Promise<T> {
    const mine = this.busy.catch(() => undefined).then(step);
    this.busy = mine.catch(() => undefined);
    return mine;
  }

  private context(): SourceTaskContext {
    return {
      connectorName: this.options.connectorName ?? 'under-test',
      taskId: this.options.taskId ?? 0,
      config: this.options.config,
      logger: this.logger,
      signal: this.signal,
      offset: async (partition) => Promise.resolve(this.offsets.get(partition)),
      offsets: async (partitions) => Promise.resolve(partitions.map((it) => this.offsets.get(it))),
      followTopic: async (options) => {
        const follower = this.topics.follow(options, (error) => (this.followerFailure ??= error));
        this.followers.push(follower);
        return Promise.resolve(follower);
      },
    };
  }
}
