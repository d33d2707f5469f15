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
  /** Sink: records in the log that were not put yet. */
  readonly lag: number;
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

export interface WorkerMetrics {
  readonly workerId: string;
  readonly groupGeneration: number;
  readonly isLeader: boolean;
  readonly connectors: number;
  readonly tasks: readonly TaskMetrics[];
}
