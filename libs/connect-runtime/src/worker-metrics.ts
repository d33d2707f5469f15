import type { ErrorTotals } from './errors/error-totals.js';

/** Counters of one running task; totals since it started. */
export interface TaskMetrics {
  readonly connector: string;
  readonly task: number;
  readonly type: 'source' | 'sink';
  readonly state: string;
  /** Source: records that poll returned. Sink: records read from Kafka. */
  readonly recordsIn: number;
  /** Source: records acknowledged by Kafka. Sink: records put. */
  readonly recordsOut: number;
  readonly bytesOut: number;
  /** Source: records sent and not yet acknowledged (dropped ones count as acknowledged). Sink: records converted and waiting for put. */
  readonly recordsActive: number;
  /** The same two a second, over the last half minute. */
  readonly recordsInRate: number;
  readonly recordsOutRate: number;
  /** Looked at every second, over the last half minute. */
  readonly recordsActiveAvg: number;
  readonly recordsActiveMax: number;
  /** Sink: records in the log that were not put yet. */
  readonly lag: number;
  /** Sink: of its partitions, the most records between what was fetched and the end of the log (Connect's sink-record-lag-max). */
  readonly lagMax: number;
  /** Sink: records in the log whose offsets are not committed yet: what would be put again, or at all, if the task ended now. */
  readonly lagCommitted: number;
  /** Sink: assigned partitions. */
  readonly partitions: number;
  /** Source: polls that gave records. Sink: puts. Size and time are of the last half minute. */
  readonly batches: number;
  readonly batchSizeAvg: number;
  readonly batchSizeMax: number;
  readonly batchMsAvg: number;
  readonly batchMsMax: number;
  /** Commits of offsets: those that succeeded and failed, and the time that they took in the last half minute. */
  readonly commits: number;
  readonly commitFailures: number;
  /** Sink: commits whose end came too late; they count as failed too. */
  readonly commitsSkipped: number;
  /** A second, over the last half minute. */
  readonly commitRate: number;
  readonly commitSkipRate: number;
  readonly commitMsAvg: number;
  readonly commitMsMax: number;
  /** Source: what the task says of its lag behind the source (`SourceTask.lag`); null where it does not say. */
  readonly sourceLagMs: number | null;
  readonly sourceLagBytes: number | null;
  /** From the record's timestamp to its acknowledgement (source) or the end of its put (sink): of the last second that had records. */
  readonly latencyAvgMs: number;
  readonly latencyMaxMs: number;
  /** Memory of the task's thread outside and inside its heap. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** An operation has not come to its end for longer than the stall limit. */
  readonly isStalled: boolean;
  /** Which: start, poll, send, put, commit or membership; null when not stalled. */
  readonly stalledIn: string | null;
  readonly stalledForMs: number;
  /** When an operation last came to its end, by the wall clock. */
  readonly lastProgressMs: number;
  readonly errors: ErrorTotals;
}

/** A version is null where the plugin tells none. */
export interface PluginName {
  readonly class: string;
  readonly version: string | null;
}

/** A transformation or predicate, under its name in the configuration. */
export interface StepName extends PluginName {
  readonly alias: string;
}

/** What a task is made of. */
export interface TaskPlugins {
  readonly connectorClass: string;
  readonly taskClass: string;
  readonly version: string | null;
  readonly keyConverter: PluginName;
  readonly valueConverter: PluginName;
  readonly headerConverter: PluginName;
  readonly transformations: readonly StepName[];
  /** Those that a transformation uses. */
  readonly predicates: readonly StepName[];
}

/** A task with what its worker knows of it. */
export interface SupervisedTaskMetrics extends TaskMetrics, TaskPlugins {
  /** Shares of the time since its start; what is missing to 1 is start and failure. */
  readonly runningRatio: number;
  readonly pauseRatio: number;
  /** By the worker, since the task came there or was started by hand. */
  readonly restarts: number;
}

export interface StartupMetrics {
  readonly attempts: number;
  readonly successes: number;
  readonly failures: number;
}

export interface ConnectorMetrics {
  readonly connector: string;
  readonly type: 'source' | 'sink' | 'unknown';
  readonly connectorClass: string;
  readonly version: string | null;
  /** As its status says: RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING. */
  readonly state: string;
  readonly restarts: number;
}

export interface RebalanceMetrics {
  readonly completed: number;
  readonly isRebalancing: boolean;
  /** Since the start. */
  readonly avgMs: number;
  readonly maxMs: number;
  /** Null: there was none yet. */
  readonly sinceLastMs: number | null;
}

export interface WorkerMetrics {
  readonly workerId: string;
  readonly groupGeneration: number;
  readonly isLeader: boolean;
  /** URL of the worker that leads; null while it is not known. */
  readonly leader: string | null;
  readonly protocol: string;
  readonly rebalances: RebalanceMetrics;
  /** Connectors and tasks that run on this worker. */
  readonly connectors: readonly ConnectorMetrics[];
  readonly connectorStartups: StartupMetrics;
  readonly tasks: readonly SupervisedTaskMetrics[];
  readonly taskStartups: StartupMetrics;
}
