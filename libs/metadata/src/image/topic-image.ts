import type { BrokerId, LeaderEpoch, PartitionEpoch, Uuid } from '@millrace/foundation';
import type { PartitionChangeRecord, PartitionRecord } from '@millrace/protocol';
import { UNASSIGNED_DIRECTORY } from './directory-id.js';

/** No leader now. */
export const NO_LEADER: BrokerId = -1;

/** One partition as the metadata log has it. Never changed in place: a change makes a new one. */
export interface PartitionRegistration {
  readonly partitionId: number;
  /** In order of preference. */
  readonly replicas: readonly BrokerId[];
  /** The log directory of each replica, in their order. */
  readonly directories: readonly Uuid[];
  /** May be empty with eligible leader replicas: none is in sync, and the next leader is one of them. */
  readonly isr: readonly BrokerId[];
  readonly removingReplicas: readonly BrokerId[];
  readonly addingReplicas: readonly BrokerId[];
  /** Left the in-sync set while it was too small to acknowledge anything: they have every committed record. Never also in sync. */
  readonly eligibleLeaderReplicas: readonly BrokerId[];
  /** Of a partition without a leader, the broker that led last. */
  readonly lastKnownElr: readonly BrokerId[];
  readonly leader: BrokerId;
  /** True after an unclean election, until the leader says that it has recovered. */
  readonly isRecovering: boolean;
  readonly leaderEpoch: LeaderEpoch;
  readonly partitionEpoch: PartitionEpoch;
}

/** A topic with its partitions, by their number. Never changed in place. */
export interface TopicImage {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitions: readonly PartitionRegistration[];
}

export function registrationOf(record: PartitionRecord): PartitionRegistration {
  return {
    partitionId: record.partitionId,
    replicas: record.replicas,
    directories: record.directories.length === record.replicas.length ? record.directories : record.replicas.map(() => UNASSIGNED_DIRECTORY),
    isr: record.isr,
    removingReplicas: record.removingReplicas,
    addingReplicas: record.addingReplicas,
    eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? [],
    lastKnownElr: record.lastKnownElr ?? [],
    leader: record.leader,
    isRecovering: record.leaderRecoveryState === 1,
    leaderEpoch: record.leaderEpoch,
    partitionEpoch: record.partitionEpoch,
  };
}

/** Invariant 2: each change raises the partition epoch by one; a change of leader raises the leader epoch by one. */
export function changed(partition: PartitionRegistration, record: PartitionChangeRecord): PartitionRegistration {
  const replicas = record.replicas ?? partition.replicas;
  const hasNewLeader = record.leader !== -2;
  return {
    partitionId: partition.partitionId,
    replicas,
    directories: record.directories ?? replicas.map((id) => partition.directories[partition.replicas.indexOf(id)] ?? UNASSIGNED_DIRECTORY),
    isr: record.isr ?? partition.isr,
    removingReplicas: record.removingReplicas ?? partition.removingReplicas,
    addingReplicas: record.addingReplicas ?? partition.addingReplicas,
    eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? partition.eligibleLeaderReplicas,
    lastKnownElr: record.lastKnownElr ?? partition.lastKnownElr,
    leader: hasNewLeader ? record.leader : partition.leader,
    isRecovering: record.leaderRecoveryState === -1 ? partition.isRecovering : record.leaderRecoveryState === 1,
    leaderEpoch: hasNewLeader ? partition.leaderEpoch + 1 : partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch + 1,
  };
}

/** Null when there was nothing to forget: the log says that nobody but the in-sync set may lead any more. */
export function withoutEligibleReplicas(partition: PartitionRegistration): PartitionRegistration | null {
  if (partition.eligibleLeaderReplicas.length === 0 && partition.lastKnownElr.length === 0) return null;
  return { ...partition, eligibleLeaderReplicas: [], lastKnownElr: [], partitionEpoch: partition.partitionEpoch + 1 };
}

export function isReassigning(partition: PartitionRegistration): boolean {
  return partition.addingReplicas.length > 0 || partition.removingReplicas.length > 0;
}

/** The log directory of one of its replicas. */
export function directoryOf(partition: PartitionRegistration, brokerId: BrokerId): Uuid {
  return partition.directories[partition.replicas.indexOf(brokerId)] ?? UNASSIGNED_DIRECTORY;
}

/** Whether two values say the same of a partition. */
export function samePartition(a: PartitionRegistration, b: PartitionRegistration): boolean {
  return (
    a.partitionEpoch === b.partitionEpoch &&
    a.leaderEpoch === b.leaderEpoch &&
    a.leader === b.leader &&
    a.isRecovering === b.isRecovering &&
    LISTS.every((key) => a[key].length === b[key].length && a[key].every((it, i) => it === b[key][i]))
  );
}

const LISTS = ['replicas', 'directories', 'isr', 'removingReplicas', 'addingReplicas', 'eligibleLeaderReplicas', 'lastKnownElr'] as const;
