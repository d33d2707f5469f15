import type { ConnectorConfig } from './connector.js';
import { ConfigError } from './errors.js';
import type { ConnectLogger } from './logger.js';
import type { OffsetMap, SourceRecord } from './records.js';
import type { SourceLag, TaskSignal } from './signal.js';
import type { FollowTopicOptions, TopicFollower } from './topic-follower.js';

/** What a source task may ask of the runtime, from `start` to `stop`. */
export interface SourceTaskContext {
  /** The name under which the user made the connector. */
  readonly connectorName: string;
  /** From 0; the place of this task's map in the answer of `taskConfigs`. */
  readonly taskId: number;
  /** This task's map of `taskConfigs`. */
  readonly config: ConnectorConfig;
  /** Lines carry the connector's name and the task's id. */
  readonly logger: ConnectLogger;
  /** Aborted when the task must stop: every wait of the task should end on it. */
  readonly signal: AbortSignal;
  /** The last stored offset of a source partition, or null. Reads the offset topic; use it in `start`. */
  offset(partition: OffsetMap): Promise<OffsetMap | null>;
  /** The same for several partitions, in their order. */
  offsets(partitions: readonly OffsetMap[]): Promise<(OffsetMap | null)[]>;
  /**
   * Reads a topic of the worker's cluster besides the task's own work (a channel of signals, a control topic). Records come one at a time,
   * in order per partition, also while `poll` runs; the group's offset is stored behind each one that `onRecord` has settled. A rejection
   * of `onRecord` fails the task. Ends with the task at the latest.
   */
  followTopic(options: FollowTopicOptions): Promise<TopicFollower>;
}

/**
 * The working half of a source plugin; runs alone in its thread. `start`, then `poll` again and again (never two at once), `stop` last,
 * also when start or poll has thrown. New hooks will be added with a do-nothing default.
 */
export abstract class SourceTask {
  /** Called once, before the first poll. Reads the settings and the stored offsets, and makes ready. A throw fails the task; a RetriableError as well, so what may pass is better tried in `poll`. */
  abstract start(context: SourceTaskContext): Promise<void> | void;

  /**
   * The next records, in order per source partition; waits while there are none, but should come back at least every few hundred
   * milliseconds with an empty array. The runtime applies back-pressure by not calling. Throw RetriableError to be called again.
   */
  abstract poll(): Promise<readonly SourceRecord[]> | readonly SourceRecord[];

  /** Called once, after the last poll has returned. Frees everything. */
  abstract stop(): Promise<void> | void;

  /**
   * The offset is durable in the offset topic: everything up to it may be forgotten at the source (acknowledge, advance the slot).
   * In order per source partition; not called for each record, only for what was stored.
   */
  onCommitted(_partition: OffsetMap, _offset: OffsetMap): Promise<void> | void {}

  /**
   * Positions that the source has passed with no record to carry them: changes that were filtered out, a quiet database whose log
   * moves on. Asked between polls, after one that returned nothing and when every earlier record is acknowledged; the answer is stored
   * with the next offsets, as if a record had carried it, and `onCommitted` follows. Null: nothing new.
   */
  offsetsWithoutRecords(): ReadonlyMap<OffsetMap, OffsetMap> | null {
    return null;
  }

  /**
   * Somebody asks the task to do something now: over REST, by a scheduled job. May come at any time between `start` and `stop`, also while
   * a poll waits, one at a time. Resolve when the signal is taken over (not when its work is done: tell that by notifications or the log);
   * reject with a ConfigError for a type or data that the task does not know. The default knows none.
   */
  onSignal(signal: TaskSignal): Promise<void> | void {
    throw new ConfigError(`This connector takes no signals (type ${signal.type})`, 'type');
  }

  /** How far the task is behind its source, for metrics; asked every few seconds, so it must be cheap. Null: not known. */
  lag(): SourceLag | null {
    return null;
  }
}
