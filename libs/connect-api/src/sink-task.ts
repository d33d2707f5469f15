import type { ConnectorConfig } from './connector.js';
import type { ConnectLogger } from './logger.js';
import type { SinkRecord, TopicPartition } from './records.js';

/** Takes records that the sink cannot store although the rest of the batch is fine; they go where `errors.tolerance` says. */
export interface ErrantRecordReporter {
  /** Resolves when the record is safe in the dead-letter topic (or counted, if none is set). Rejects when errors are not tolerated: let that fail `put`. */
  report(record: SinkRecord, error: Error): Promise<void>;
}

export interface SinkTaskContext {
  readonly connectorName: string;
  readonly taskId: number;
  readonly config: ConnectorConfig;
  readonly logger: ConnectLogger;
  readonly signal: AbortSignal;
  readonly errantRecordReporter: ErrantRecordReporter;
  /** The partitions that this task owns now. */
  assignment(): readonly TopicPartition[];
  /** Moves the position: the next `put` starts there. From `open` or between puts. */
  seek(partition: TopicPartition, offset: number): void;
  pause(...partitions: TopicPartition[]): void;
  resume(...partitions: TopicPartition[]): void;
  /** Commit as soon as possible instead of at the next interval. */
  requestCommit(): void;
}

/** Next offset to consume, by `topic-partition` name order of insertion: what is committed. */
export type OffsetsToCommit = ReadonlyMap<TopicPartition, number>;

/**
 * The working half of a sink plugin; runs alone in its thread. Order of calls: `start`; `open` for partitions gained; `put` … `preCommit` …;
 * `close` for partitions lost (after a last preCommit, unless they were lost for good); `stop`. Never two at once.
 */
export abstract class SinkTask {
  abstract start(context: SinkTaskContext): Promise<void> | void;

  /**
   * Stores a batch; may be empty. Resolve when the records are durable, or earlier if `preCommit` answers only what is durable.
   * Throw RetriableError to get the same batch again.
   */
  abstract put(records: readonly SinkRecord[]): Promise<void> | void;

  abstract stop(): Promise<void> | void;

  /** Partitions were assigned; seek here if positions are kept outside. */
  open(_partitions: readonly TopicPartition[]): Promise<void> | void {}

  close(_partitions: readonly TopicPartition[]): Promise<void> | void {}

  /** Makes everything put so far durable. Called by the default `preCommit`. */
  flush(_offsets: OffsetsToCommit): Promise<void> | void {}

  /** What may be committed, of `offsets` (the positions after the last put): the same, less, or nothing for a partition. */
  async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    await this.flush(offsets);
    return offsets;
  }
}
