import type { ConnectorConfig, FollowTopicOptions, OffsetMap, SourceRecord, SourceTask, SourceTaskContext } from '@millrace/connect-api';
import { hasCode } from '../check.js';
import { LogCollector } from './log-collector.js';
import { OffsetStore } from './offset-store.js';
import { pause } from './within.js';

export interface SourceTaskDriverOptions<T extends SourceTask> {
  readonly task: T;
  readonly config: ConnectorConfig;
  /** What is stored at the start, for whichever partition the task asks for. */
  readonly offset?: OffsetMap | null;
  /** What is stored, partition by partition; shared by the lives of a task. */
  readonly offsets?: OffsetStore;
  readonly logger?: LogCollector;
}

/** No task of a spec has to be waited for as long as a broken one in production. */
const RETRY_WAIT_MS_MAX = 50;

/**
 * Runs a source task for a spec of its own connector: call by call, its records as they are, offsets stored when the spec says so. `SourceHarness` runs
 * one as the worker would.
 */
export class SourceTaskDriver<T extends SourceTask = SourceTask> {
  readonly task: T;
  readonly offsets: OffsetStore;
  readonly logger: LogCollector;
  /** What was stored last: what a restart of a task with one partition would find. */
  stored: OffsetMap | null;
  /** Topics that the task follows. */
  readonly followed: FollowTopicOptions[] = [];
  /** Failures of `poll` that asked to be tried again. */
  readonly retried: Error[] = [];
  private readonly abort = new AbortController();

  constructor(private readonly options: SourceTaskDriverOptions<T>) {
    this.task = options.task;
    this.offsets = options.offsets ?? new OffsetStore();
    this.logger = options.logger ?? new LogCollector();
    this.stored = options.offset ?? null;
  }

  async start(): Promise<this> {
    const { offset: first = null } = this.options;
    const context: SourceTaskContext = {
      connectorName: 'test',
      taskId: 0,
      config: this.options.config,
      logger: this.logger,
      signal: this.abort.signal,
      offset: async (partition) => Promise.resolve(this.offsets.get(partition) ?? first),
      offsets: async (partitions) => Promise.resolve(partitions.map((it) => this.offsets.get(it) ?? first)),
      followTopic: async (followed) => {
        this.followed.push(followed);
        return Promise.resolve({ stop: async () => Promise.resolve() });
      },
    };
    await this.task.start(context);
    return this;
  }

  /** One poll; a failure that can be tried again counts as no records, after a wait of 50 ms at most. */
  async poll(): Promise<readonly SourceRecord[]> {
    try {
      return await this.task.poll();
    } catch (error) {
      if (!hasCode(error, 'CONNECT_RETRIABLE')) throw error;
      this.retried.push(error as Error);
      await pause(Math.min((error as { readonly retryAfterMs?: number }).retryAfterMs ?? 0, RETRY_WAIT_MS_MAX), this.abort.signal);
      return [];
    }
  }

  /** Polls until `isEnough`; an error after the deadline. */
  async until(isEnough: (records: SourceRecord[]) => boolean, deadlineMs = 20_000): Promise<SourceRecord[]> {
    const records: SourceRecord[] = [];
    const end = Date.now() + deadlineMs;
    while (!isEnough(records)) {
      if (Date.now() > end) throw new Error(`not enough after ${deadlineMs} ms: ${records.length} records`);
      records.push(...(await this.poll()));
    }
    return records;
  }

  async take(count: number, deadlineMs?: number): Promise<SourceRecord[]> {
    return this.until((records) => records.length >= count, deadlineMs);
  }

  /** As if the offsets of these records, the last of each partition, were stored. */
  commit(...records: readonly SourceRecord[]): void {
    for (const [i, it] of records.entries()) {
      if (records[i + 1]?.sourcePartition !== it.sourcePartition) this.store(it.sourcePartition, it.sourceOffset);
    }
  }

  /** What the runtime does between polls when all records are acknowledged. False: the task has nothing to store. */
  commitQuiet(): boolean {
    const offsets = this.task.offsetsWithoutRecords();
    for (const [partition, offset] of offsets ?? []) this.store(partition, offset);
    return offsets !== null;
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.task.stop();
  }

  private store(partition: OffsetMap, offset: OffsetMap): void {
    this.offsets.set(partition, offset);
    this.stored = this.offsets.get(partition);
    void this.task.onCommitted(partition, this.stored ?? {});
  }
}
