import type { BrokerId, Uuid } from '@millrace/foundation';
import { isReservedDirectory } from '../image/directory-id.js';
import { isReassigning, NO_LEADER, type PartitionRegistration, type TopicImage } from '../image/topic-image.js';
import { PartitionSets, type PartitionId } from './partition-sets.js';

const ALL = 'all';

/** Which partitions a broker, a directory or a check is about, kept up with each replayed record: to fence a broker looks at its own partitions, not at all. */
export class PartitionIndex {
  private readonly inSync = new PartitionSets<BrokerId>();
  private readonly eligible = new PartitionSets<BrokerId>();
  private readonly led = new PartitionSets<BrokerId>();
  private readonly inDirectory = new PartitionSets<Uuid>();
  private readonly notPreferred = new PartitionSets<typeof ALL>();
  private readonly reassigned = new PartitionSets<typeof ALL>();

  partitionChanged(topicId: Uuid, before: PartitionRegistration | undefined, after: PartitionRegistration): void {
    if (before !== undefined) this.forget(topicId, before);
    const { partitionId } = after;
    for (const id of after.isr) this.inSync.add(id, topicId, partitionId);
    for (const id of after.eligibleLeaderReplicas) this.eligible.add(id, topicId, partitionId);
    for (const id of after.directories) if (!isReservedDirectory(id)) this.inDirectory.add(id, topicId, partitionId);
    this.led.add(after.leader, topicId, partitionId);
    if (after.leader !== after.replicas[0]) this.notPreferred.add(ALL, topicId, partitionId);
    if (isReassigning(after)) this.reassigned.add(ALL, topicId, partitionId);
  }

  topicDeleted(topic: TopicImage): void {
    for (const partition of topic.partitions) this.forget(topic.topicId, partition);
  }

  /** Those that the broker is in sync with. */
  inSyncWith(brokerId: BrokerId): IterableIterator<PartitionId> {
    return this.inSync.of(brokerId);
  }

  /** Those that the broker may lead although it is not in sync. */
  eligibleFor(brokerId: BrokerId): IterableIterator<PartitionId> {
    return this.eligible.of(brokerId);
  }

  leaderless(): IterableIterator<PartitionId> {
    return this.led.of(NO_LEADER);
  }

  isLeader(brokerId: BrokerId): boolean {
    return this.led.has(brokerId);
  }

  /** Those with a replica in the directory. */
  within(directory: Uuid): IterableIterator<PartitionId> {
    return this.inDirectory.of(directory);
  }

  /** Those that another than the first replica leads, or nobody. */
  imbalanced(): IterableIterator<PartitionId> {
    return this.notPreferred.of(ALL);
  }

  reassigning(): IterableIterator<PartitionId> {
    return this.reassigned.of(ALL);
  }

  private forget(topicId: Uuid, before: PartitionRegistration): void {
    const { partitionId } = before;
    for (const id of before.isr) this.inSync.remove(id, topicId, partitionId);
    for (const id of before.eligibleLeaderReplicas) this.eligible.remove(id, topicId, partitionId);
    for (const id of before.directories) this.inDirectory.remove(id, topicId, partitionId);
    this.led.remove(before.leader, topicId, partitionId);
    this.notPreferred.remove(ALL, topicId, partitionId);
    this.reassigned.remove(ALL, topicId, partitionId);
  }
}
