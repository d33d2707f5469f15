import type { LogCleanerMetrics } from './cleaner/log-cleaner.js';
import type { MoverMetrics } from './replicas/log-directory-mover.js';
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
  /** Bytes taken over from the leader, and given to followers. */
  readonly replicationBytesIn: number;
  readonly replicationBytesOut: number;
  readonly replicas: number;
  readonly inSyncReplicas: number;
  /** Of partitions that this broker leads; false of all others. */
  readonly isUnderReplicated: boolean;
  readonly isUnderMinIsr: boolean;
  readonly isAtMinIsr: boolean;
}

/** Changes of in-sync replicas that the controller took from this broker as leader, or refused, since the start. */
export interface IsrChangeMetrics {
  readonly isrShrinks: number;
  readonly isrExpands: number;
  readonly failedIsrUpdates: number;
}

/** What this broker fetches from leaders. */
export interface FetcherMetrics {
  /** Of all followed partitions: how many records, at most, consumers of the leader could see at its last answer that are not here. */
  readonly maxLag: number;
  /** Partitions whose replication was given up after a fault. */
  readonly failedPartitions: number;
}

/** All partitions, and totals since the start that count also those that are gone. */
export interface ReplicaMetrics extends IsrChangeMetrics, FetcherMetrics, MoverMetrics {
  readonly partitions: readonly PartitionMetrics[];
  /** Their logs could not be opened. */
  readonly brokenPartitions: number;
  readonly messagesIn: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly replicationBytesIn: number;
  readonly replicationBytesOut: number;
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
