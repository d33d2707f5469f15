import type { LogCleanerMetrics } from './cleaner/log-cleaner.js';
import type { ApiTraffic } from './request-dispatcher.js';

/** One partition on this broker; counts since it was opened. */
export interface PartitionMetrics {
  readonly topic: string;
  readonly partition: number;
  readonly isOffline: boolean;
  readonly isLeader: boolean;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  readonly sizeBytes: number;
  readonly segments: number;
  readonly messagesIn: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** All partitions, and totals since the start that count also those that are gone. */
export interface ReplicaMetrics {
  readonly partitions: readonly PartitionMetrics[];
  /** Their logs could not be opened. */
  readonly brokenPartitions: number;
  readonly messagesIn: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What a running broker tells of itself, put together when it is asked. */
export interface BrokerMetrics extends ReplicaMetrics {
  readonly brokerId: number;
  readonly topics: number;
  readonly connections: number;
  readonly requests: readonly Readonly<ApiTraffic>[];
  /** Undefined: this broker does not compact. */
  readonly cleaner: LogCleanerMetrics | undefined;
}
