import type { PartitionMetrics, ReplicaMetrics } from '../broker-metrics.js';
import type { HostedPartition } from './hosted-partition.js';

type Traffic = Pick<PartitionMetrics, 'messagesIn' | 'bytesIn' | 'bytesOut' | 'replicationBytesIn' | 'replicationBytesOut'>;

export const NO_TRAFFIC: Traffic = { messagesIn: 0, bytesIn: 0, bytesOut: 0, replicationBytesIn: 0, replicationBytesOut: 0 };

export function partitionMetrics(hosted: HostedPartition): PartitionMetrics {
  const { machine, log } = hosted;
  const isLeader = machine.role === 'leader';
  return {
    topic: hosted.topic,
    partition: hosted.partition,
    isOffline: machine.role === 'offline',
    isLeader,
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    highWatermark: machine.highWatermark,
    sizeBytes: log.bytes,
    segments: log.segments.length,
    messagesIn: hosted.appendedRecords,
    bytesIn: hosted.appendedBytes,
    bytesOut: hosted.fetchedBytes,
    replicationBytesIn: hosted.replicatedBytes,
    replicationBytesOut: hosted.fetchedByReplicasBytes,
    replicas: machine.replicas.length,
    inSyncReplicas: machine.isr.committed.length,
    isUnderReplicated: isLeader && machine.isr.committed.length < machine.replicas.length,
    isUnderMinIsr: isLeader && machine.isUnderMinIsr,
    isAtMinIsr: isLeader && machine.isAtMinIsr,
  };
}

export function withTraffic(sum: Traffic, it: Traffic): Traffic {
  return {
    messagesIn: sum.messagesIn + it.messagesIn,
    bytesIn: sum.bytesIn + it.bytesIn,
    bytesOut: sum.bytesOut + it.bytesOut,
    replicationBytesIn: sum.replicationBytesIn + it.replicationBytesIn,
    replicationBytesOut: sum.replicationBytesOut + it.replicationBytesOut,
  };
}

/** With what partitions had carried that are gone: totals of a broker never fall. */
export function replicaTotals(partitions: readonly PartitionMetrics[], gone: Traffic): Traffic & Pick<ReplicaMetrics, 'partitions'> {
  return { partitions, ...partitions.reduce<Traffic>(withTraffic, gone) };
}
