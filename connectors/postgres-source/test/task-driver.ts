import type { ConnectLogger, FollowTopicOptions, OffsetMap, SourceRecord, SourceTaskContext } from '@millrace/connect-api';
import { PostgresSourceTask } from '../src/postgres-source-task.js';

const SILENT: ConnectLogger = { trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export interface DriverOptions {
  readonly config: Readonly<Record<string, string>>;
  /** The stored offset at the start. */
  readonly offset?: OffsetMap | null;
  readonly logger?: ConnectLogger;
}

/** Runs a task as the runtime does: polls it, retries what can be retried, and stores offsets when it is told to. */
export class TaskDriver {
  readonly task = new PostgresSourceTask();
  private readonly abort = new AbortController();
  /** What a restart would find. */
  stored: OffsetMap | null;
  /** Topics that the task follows. */
  readonly followed: FollowTopicOptions[] = [];
  /** Errors that were retried. */
  readonly retried: Error[] = [];

  constructor(private readonly options: DriverOptions) {
    this.stored = options.offset ?? null;
  }

  async start(): Promise<this> {
    const context: SourceTaskContext = {
      connectorName: 'test',
      taskId: 0,
      config: this.options.config,
      logger: this.options.logger ?? SILENT,
      signal: this.abort.signal,
      offset: async () => this.stored,
      offsets: async (partitions) => partitions.map(() => this.stored),
      followTopic: async (followed) => {
        this.followed.push(followed);
        return { stop: async () => undefined };
      },
    };
    await this.task.start(context);
    return this;
  }

  /** One poll; a retriable failure counts as no records, after its wait. */
  async poll(): Promise<readonly SourceRecord[]> {
    try {
      return await this.task.poll();
    } catch (error) {
      const { code, retryAfterMs } = error as { code?: string; retryAfterMs?: number };
      if (code !== 'CONNECT_RETRIABLE') throw error;
      this.retried.push(error as Error);
      await new Promise((resolve) => setTimeout(resolve, retryAfterMs ?? 0));
      return [];
    }
  }

  /** Polls until `isEnough`, or fails after a deadline. */
  async until(isEnough: (records: SourceRecord[]) => boolean, deadlineMs = 20_000): Promise<SourceRecord[]> {
    const records: SourceRecord[] = [];
    const end = Date.now() + deadlineMs;
    while (!isEnough(records)) {
      if (Date.now() > end) throw new Error(`not enough after ${deadlineMs} ms: ${records.length} records`);
      records.push(...(await this.poll()));
    }
    return records;
  }

  take(count: number, deadlineMs?: number): Promise<SourceRecord[]> {
    return this.until((records) => records.length >= count, deadlineMs);
  }

  /** As if this record's offset had been written to the offset topic. */
  commit(record: SourceRecord): void {
    this.stored = structuredClone(record.sourceOffset);
    this.task.onCommitted(record.sourcePartition, this.stored);
  }

  /** As the runtime does at its commit interval when all records are acknowledged. */
  commitQuiet(): boolean {
    const offsets = this.task.offsetsWithoutRecords();
    for (const [partition, offset] of offsets ?? []) {
      this.stored = offset;
      this.task.onCommitted(partition, offset);
    }
    return offsets !== null;
  }

  /** As if the process died: its sessions end without a word. The task is not to be used any more, but for `stop`. */
  sever(): void {
    const { phase } = this.task as unknown as { phase: { stream?: { stream: { raw: { destroy(): void } }; catalog: { client: { connection: { stream: { destroy(): void } } } } }; reader?: { close(): void } } };
    phase.stream?.stream.raw.destroy();
    phase.stream?.catalog.client.connection.stream.destroy();
    phase.reader?.close();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.task.stop();
  }
}
