import type { OffsetMap, SourceRecord, SourceTaskContext } from '@millrace/connect-api';
import { FileSourceTask } from '../src/file-source-task.js';

const quiet = (): void => undefined;
const NO_WATCH = { close: () => Promise.resolve() };

/** The offsets that Connect has stored, for all tasks and lives of a connector. */
export class OffsetTopic {
  private readonly offsets = new Map<string, string>();

  get(partition: OffsetMap): OffsetMap | null {
    const text = this.offsets.get(JSON.stringify(partition));
    return text === undefined ? null : (JSON.parse(text) as OffsetMap);
  }
  set(partition: OffsetMap, offset: OffsetMap): void {
    this.offsets.set(JSON.stringify(partition), JSON.stringify(offset));
  }
  get size(): number {
    return this.offsets.size;
  }
}

/** A task as the runtime drives it. */
export class SourceDriver {
  readonly task = new FileSourceTask(() => Promise.resolve(NO_WATCH));
  readonly warnings: string[] = [];
  private readonly abort = new AbortController();

  constructor(
    readonly config: Readonly<Record<string, string>>,
    readonly topic: OffsetTopic = new OffsetTopic(),
  ) {}

  async start(): Promise<this> {
    const context: SourceTaskContext = {
      connectorName: 'files', taskId: 0, config: { topic: 't', 'scan.interval.ms': '10', 'rotate.wait.ms': '0', ...this.config }, signal: this.abort.signal,
      logger: { trace: quiet, debug: quiet, info: quiet, warn: (_, message) => void this.warnings.push(message), error: quiet },
      offset: async (partition) => this.topic.get(partition),
      offsets: async (partitions) => partitions.map((it) => this.topic.get(it)),
      followTopic: () => Promise.reject(new Error('not asked for')),
    };
    await this.task.start(context);
    return this;
  }

  /** One poll; a failure that can be tried again counts as no records. */
  async poll(): Promise<readonly SourceRecord[]> {
    try {
      return await this.task.poll();
    } catch (error) {
      if ((error as { code?: string }).code !== 'CONNECT_RETRIABLE') throw error;
      return [];
    }
  }

  /** As if these records were written and their offsets stored. */
  commit(records: readonly SourceRecord[]): void {
    for (const [i, it] of records.entries()) {
      if (records[i + 1]?.sourcePartition === it.sourcePartition) continue;
      this.topic.set(it.sourcePartition, it.sourceOffset);
      this.task.onCommitted(it.sourcePartition, this.topic.get(it.sourcePartition) ?? {});
    }
  }

  /** As the runtime does between polls when nothing is on its way. */
  commitQuiet(): void {
    for (const [partition, offset] of this.task.offsetsWithoutRecords() ?? []) {
      this.topic.set(partition, offset);
      this.task.onCommitted(partition, offset);
    }
  }

  /** Polls and commits until so many records were seen. */
  async take(count: number, deadlineMs = 10_000): Promise<SourceRecord[]> {
    const all: SourceRecord[] = [];
    const end = Date.now() + deadlineMs;
    while (all.length < count) {
      if (Date.now() > end) throw new Error(`${all.length} of ${count} records: ${JSON.stringify(all.slice(-3).map((it) => it.value))}`);
      const records = await this.poll();
      this.commit(records);
      all.push(...records);
    }
    return all;
  }

  /** Polls until `polls` of them in a row, each with a scan, bring nothing. */
  async drain(polls = 3): Promise<SourceRecord[]> {
    const all: SourceRecord[] = [];
    for (let empty = 0; empty < polls; ) {
      const records = await this.poll();
      this.commit(records);
      if (records.length === 0) this.commitQuiet();
      empty = records.length === 0 ? empty + 1 : 0;
      all.push(...records);
    }
    return all;
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.task.stop();
  }
}

export function values(records: readonly SourceRecord[]): unknown[] {
  return records.map((it) => it.value);
}
