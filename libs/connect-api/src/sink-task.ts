import type { ConnectorConfig } from './connector.js';
import type { ConnectLogger } from './logger.js';
import type { SinkRecord, TopicPartition } from './records.js';

/** Takes records that the sink cannot store although the rest of the batch is fine. */
export interface ErrantRecordReporter {
  /**
   * With `errors.tolerance=all` it resolves when the record is safe: in the dead-letter topic, or counted (and logged) where there is none.
   * Otherwise it rejects with a ConnectError whose `cause` is `error`, and the task fails, even if that is caught: when the `put` under way has
   * ended, or at once where there is none. No offset behind the record is committed before it is safe, so `put` need not wait for it. Pass the record as `put` got it: the dead letter is then
   * the original from Kafka; another record is converted back.
   */
  report(record: SinkRecord, error: Error): Promise<void>;
}

/** What a sink task may ask of the runtime, from `start` to `stop`. `seek`, `pause` and `resume` throw nothing and take effect with the next put. */
export interface SinkTaskContext {
  /** The name under which the user made the connector. */
  readonly connectorName: string;
  /** From 0; the place of this task's map in the answer of `taskConfigs`. */
  readonly taskId: number;
  /** This task's map of `taskConfigs`. */
  readonly config: ConnectorConfig;
  /** Lines carry the connector's name and the task's id. */
  readonly logger: ConnectLogger;
  /** Aborted when the task must stop: every wait of the task should end on it. A put under way may still succeed, and is then committed. */
  readonly signal: AbortSignal;
  /** For records that are at fault themselves. */
  readonly errantRecordReporter: ErrantRecordReporter;
  /** The partitions that this task owns now. */
  assignment(): readonly TopicPartition[];
  /**
   * Whether these partitions are surely still this task's. False when the worker may have lost them unheard, as after it was frozen for longer than its session: another task may have written
   * newer records by now. A sink that overwrites asks right before it makes a write final (a COMMIT, a request), also when it tries again, and throws RetriableError when the answer is no:
   * the records come again, here or elsewhere.
   */
  ownsAssignment(): boolean;
  /**
   * Moves a partition's position: the next `put` of it starts there, and a commit that fails goes back no further. Other partitions are
   * not touched. May also be called within `put`: the offsets of that batch are then not committed for the partition.
   */
  seek(partition: TopicPartition, offset: number): void;
  /** No records of these partitions are put until `resume`, or until they are revoked. */
  pause(...partitions: TopicPartition[]): void;
  /** The reverse of `pause`. */
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
 * commit interval, when the task asks for it, and when partitions are revoked. The exception to the order is a task that is ended by force.
 */
export abstract class SinkTask {
  /** Called once, before anything else. Reads the settings and makes ready; no partition is assigned yet. A throw fails the task. */
  abstract start(context: SinkTaskContext): Promise<void> | void;

  /**
   * Stores a batch of at least one record. Resolve when the records are durable, or earlier if `preCommit` answers only what is durable.
   * Throw RetriableError to get the same batch again.
   */
  abstract put(records: readonly SinkRecord[]): Promise<void> | void;

  /** Called once and last, also when another method has thrown; frees everything. What was put and not committed comes again after the next start. */
  abstract stop(): Promise<void> | void;

  /** Partitions came, beside those that are open already; seek here if positions are kept outside. */
  open(_partitions: readonly TopicPartition[]): Promise<void> | void {}

  /** Partitions are revoked, maybe not all that are open: stop writing for them and free what belongs to them. What was put and not accepted by `preCommit` is put again, here or elsewhere. */
  close(_partitions: readonly TopicPartition[]): Promise<void> | void {}

  /** Makes everything put so far durable. Called by the default `preCommit`. */
  flush(_offsets: OffsetsToCommit): Promise<void> | void {}

  /**
   * What may be committed, of `offsets` (the positions after the last put, of all partitions or of those that are to be revoked): the same, less, or nothing for a partition. When it throws,
   * everything put since the last commit (or since the partition was assigned or moved) is put again.
   */
  async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    await this.flush(offsets);
    return offsets;
  }
}
