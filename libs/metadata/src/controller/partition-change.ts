import type { BrokerId, Uuid } from '@millrace/foundation';
import type { MetadataRecord, PartitionChangeRecord } from '@millrace/protocol';
import { isActive } from '../image/broker-registration.js';
import type { MetadataImage } from '../image/metadata-image.js';
import { changed, NO_LEADER, type PartitionRegistration } from '../image/topic-image.js';

/** `online`: keep the leader while it is fit. `preferred`: the first replica if it is fit. `unclean`: also a replica that may lack records, when nobody else is left. */
export type Election = 'online' | 'preferred' | 'unclean';

export interface PartitionGoal {
  readonly election: Election;
  /** Absent: as it is. An empty set is never written: the last member is remembered, for only it has all records. */
  readonly isr?: readonly BrokerId[];
  /** A broker that may not lead although the image still says it could: it is about to be fenced or shut down. */
  readonly without?: BrokerId;
  /** A broker that may lead although the image says it is fenced: it is about to be unfenced. */
  readonly with?: BrokerId;
  /** The leader says that it recovered from an unclean election. */
  readonly isRecovered?: boolean;
}

const NO_CHANGE = { isr: null, leader: -2, replicas: null, removingReplicas: null, addingReplicas: null, leaderRecoveryState: -1, directories: null, eligibleLeaderReplicas: null, lastKnownElr: null } as const;

/** The record that brings a partition to this goal, or null when it is there already. */
export function changePartition(image: MetadataImage, topicId: Uuid, partition: PartitionRegistration, goal: PartitionGoal): PartitionChangeRecord | null {
  const isFit = (id: BrokerId): boolean => id !== goal.without && (id === goal.with || isActive(image.broker(id)));
  const targetIsr = goal.isr ?? partition.isr;
  const elected = elect(partition, targetIsr, goal.election, isFit);
  const record: PartitionChangeRecord = { partitionId: partition.partitionId, topicId, ...NO_CHANGE };
  if (elected.isUnclean) {
    record.isr = [elected.leader];
    record.leaderRecoveryState = 1;
  } else if (targetIsr.length > 0 && !sameMembers(targetIsr, partition.isr)) {
    record.isr = [...targetIsr];
  }
  if (elected.leader !== partition.leader) record.leader = elected.leader;
  if (goal.isRecovered === true && partition.isRecovering && !elected.isUnclean) record.leaderRecoveryState = 0;
  return record.isr === null && record.leader === -2 && record.leaderRecoveryState === -1 ? null : record;
}

function elect(partition: PartitionRegistration, isr: readonly BrokerId[], election: Election, isFit: (id: BrokerId) => boolean): { readonly leader: BrokerId; readonly isUnclean: boolean } {
  const isElectable = (id: BrokerId): boolean => isr.includes(id) && isFit(id);
  const [preferred] = partition.replicas;
  if (election === 'preferred' && preferred !== undefined && isElectable(preferred)) return { leader: preferred, isUnclean: false };
  if (isElectable(partition.leader)) return { leader: partition.leader, isUnclean: false };
  const clean = partition.replicas.find(isElectable);
  if (clean !== undefined) return { leader: clean, isUnclean: false };
  const any = election === 'unclean' ? partition.replicas.find(isFit) : undefined;
  return any === undefined ? { leader: NO_LEADER, isUnclean: false } : { leader: any, isUnclean: true };
}

/** What the image will say once the record is replayed. */
export function afterChange(partition: PartitionRegistration, record: PartitionChangeRecord | null): PartitionRegistration {
  return record === null ? partition : changed(partition, record);
}

export function partitionChangeRecord(record: PartitionChangeRecord): MetadataRecord {
  return { type: 'PartitionChangeRecord', version: 1, record };
}

/** A broker stops: it leaves every in-sync set, and others lead. Invariant 3: the last member of a set stays in it, without a leader. */
export function leaveEverything(image: MetadataImage, brokerId: BrokerId, allowsUnclean: (topic: string) => boolean): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of image.topics.values()) {
    for (const partition of topic.partitions) {
      if (!partition.isr.includes(brokerId) && partition.leader !== brokerId) continue;
      const isr = partition.isr.filter((id) => id !== brokerId);
      const record = changePartition(image, topic.topicId, partition, { election: allowsUnclean(topic.name) ? 'unclean' : 'online', isr, without: brokerId });
      if (record !== null) records.push(partitionChangeRecord(record));
    }
  }
  return records;
}

/** A broker is back: partitions that wait for a leader get it, if it may lead them. */
export function leadWhatWaits(image: MetadataImage, brokerId: BrokerId, allowsUnclean: (topic: string) => boolean): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of image.topics.values()) {
    for (const partition of topic.partitions) {
      if (partition.leader !== NO_LEADER || !partition.replicas.includes(brokerId)) continue;
      const record = changePartition(image, topic.topicId, partition, { election: allowsUnclean(topic.name) ? 'unclean' : 'online', with: brokerId });
      if (record !== null) records.push(partitionChangeRecord(record));
    }
  }
  return records;
}

function sameMembers(a: readonly BrokerId[], b: readonly BrokerId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
