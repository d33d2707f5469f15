import { ZERO_UUID, type BrokerId, type LeaderEpoch, type PartitionEpoch, type Uuid } from '@millrace/foundation';
import type { PartitionChangeRecord, PartitionRecord } from '@millrace/protocol';

/** No leader now. */
export const NO_LEADER: BrokerId = -1;
/** A replica whose log directory is not known: a directory id of zero. */
export const UNASSIGNED_DIRECTORY: Uuid = ZERO_UUID;

/** One partition as the metadata log has it. Never changed in place: a change makes a new one. */
export interface PartitionRegistration {
  readonly partitionId: number;
  /** In order of preference. */
  readonly replicas: readonly BrokerId[];
  /** The log directory of each replica, in their order. */
  readonly directories: readonly Uuid[];
  readonly isr: readonly BrokerId[];
  readonly removingReplicas: readonly BrokerId[];
  readonly addingReplicas: readonly BrokerId[];
  readonly eligibleLeaderReplicas: readonly BrokerId[];
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
