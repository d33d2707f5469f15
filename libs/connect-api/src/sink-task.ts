import type { ConnectorConfig } from './connector.js';
import type { ConnectLogger } from './logger.js';
import type { SinkRecord, TopicPartition } from './records.js';

/** Takes records that the sink cannot store although the rest of the batch is fine. */
export interface ErrantRecordReporter {
  /**
   * With `errors.tolerance=all` it resolves when the record is safe: in the dead-letter topic, or counted (and logged) where there is none.
   * Otherwise it rejects with a ConnectError whose `cause` is `error`, and the task fails when `put` ends, even if that is caught. No offset
   * behind the record is committed before it is safe, so `put` need not wait for it. Pass the record as `put` got it: the dead letter is then
   * the original from Kafka; another record is converted back.
   */
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
  /**
   * Moves a partition's position: the next `put` of it starts there, and a commit that fails goes back no further. Other partitions are
   * not touched. May also be called within `put`: the offsets of that batch are then not committed for the partition.
   */
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
 * `close` for partitions lost (after a last preCommit, unless they were lost for good); `stop`. Calls never overlap: each begins when what
 * the one before returned has settled. Commits do not come by empty puts: `put` gets at least one record, and `preCommit` is called at every
 * commit interval, when the task asks for it, and when partitions are given up. The exception to the order is a task that is ended by force.
 */
export abstract class SinkTask {
  abstract start(context: SinkTaskContext): Promise<void> | void;

  /**
   * Stores a batch of at least one record. Resolve when the records are durable, or earlier if `preCommit` answers only what is durable.
   * Throw RetriableError to get the same batch again.
   */
  abstract put(records: readonly SinkRecord[]): Promise<void> | void;

  abstract stop(): Promise<void> | void;

  /** Partitions were assigned; seek here if positions are kept outside. */
  open(_partitions: readonly TopicPartition[]): Promise<void> | void {}

  close(_partitions: readonly TopicPartition[]): Promise<void> | void {}

  /** Makes everything put so far durable. Called by the default `preCommit`. */
  flush(_offsets: OffsetsToCommit): Promise<void> | void {}

  /**
   * What may be committed, of `offsets` (the positions after the last put): the same, less, or nothing for a partition. When it throws,
   * everything put since the last commit (or since the partition was assigned or moved) is put again.
   */
  async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    await this.flush(offsets);
    return offsets;
  }
}
