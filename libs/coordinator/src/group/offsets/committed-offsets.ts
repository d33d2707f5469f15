import type { Offset, ProducerId, TimestampMs } from '@millrace/foundation';
import type { OffsetCommitKey, OffsetCommitValue } from '@millrace/protocol';
import type { ReplayPosition } from '../../coordinator-shard.js';

export interface CommittedOffset {
  readonly offset: Offset;
  /** -1: not said. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: TimestampMs;
  /** -1: by the broker's retention. */
  readonly expireTimestampMs: TimestampMs;
  /** Where the record stands in the group log: of a plain and a transactional commit the later record counts. */
  readonly recordOffset: Offset;
}

export type TopicOffsets = ReadonlyMap<number, CommittedOffset>;
type Offsets = Map<string, Map<string, Map<number, CommittedOffset>>>;

/** The committed offsets of all groups of a shard, and those of open transactions, which nobody sees yet. */
export class CommittedOffsets {
  private readonly byGroup: Offsets = new Map();
  private readonly byProducer = new Map<ProducerId, Offsets>();
  private readonly openProducersByGroup = new Map<string, Set<ProducerId>>();

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.byGroup.get(groupId)?.get(topic)?.get(partition);
  }

  ofGroup(groupId: string): ReadonlyMap<string, TopicOffsets> {
    return this.byGroup.get(groupId) ?? new Map<string, TopicOffsets>();
  }

  groupIds(): Iterable<string> {
    return this.byGroup.keys();
  }

  /** Groups with an open transaction, even one that has no committed offset yet. */
  hasOpenTransaction(groupId: string): boolean {
    return this.openProducersByGroup.has(groupId);
  }

  /** An open transaction has committed an offset for this partition (Invariant 6: invisible until it ends). */
  isPending(groupId: string, topic: string, partition: number): boolean {
    const producers = this.openProducersByGroup.get(groupId);
    if (producers === undefined) return false;
    for (const producerId of producers) if (this.byProducer.get(producerId)?.get(groupId)?.get(topic)?.has(partition) === true) return true;
    return false;
  }

  replay(key: OffsetCommitKey, value: OffsetCommitValue | null, position: ReplayPosition): void {
    const { group, topic, partition } = key;
    if (value === null) {
      remove(this.byGroup, group, topic, partition);
      for (const producerId of this.openProducersByGroup.get(group) ?? []) {
        const pending = this.byProducer.get(producerId);
        if (pending !== undefined) remove(pending, group, topic, partition);
      }
      return;
    }
    const committed: CommittedOffset = {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestampMs: value.commitTimestamp,
      expireTimestampMs: value.expireTimestamp,
      recordOffset: position.offset,
    };
    if (position.producerId < 0) {
      put(this.byGroup, group, topic, partition, committed);
      return;
    }
    let pending = this.byProducer.get(position.producerId);
    if (pending === undefined) this.byProducer.set(position.producerId, (pending = new Map()));
    put(pending, group, topic, partition, committed);
    let producers = this.openProducersByGroup.get(group);
    if (producers === undefined) this.openProducersByGroup.set(group, (producers = new Set()));
    producers.add(position.producerId);
  }

  /** The transaction's marker reached this partition: its offsets become visible, or were never there. */
  endTransaction(producerId: ProducerId, isCommit: boolean): void {
    const pending = this.byProducer.get(producerId);
    if (pending === undefined) return;
    this.byProducer.delete(producerId);
    for (const [groupId, topics] of pending) {
      const producers = this.openProducersByGroup.get(groupId);
      producers?.delete(producerId);
      if (producers?.size === 0) this.openProducersByGroup.delete(groupId);
      if (!isCommit) continue;
      for (const [topic, partitions] of topics) {
        for (const [partition, committed] of partitions) {
          const known = this.get(groupId, topic, partition);
          if (known === undefined || committed.recordOffset > known.recordOffset) put(this.byGroup, groupId, topic, partition, committed);
        }
      }
    }
  }

  /** Every (group, partition) with a committed or pending offset for one of these topics. */
  *keysOfTopics(topics: ReadonlySet<string>): Iterable<OffsetCommitKey> {
    const seen = new Set<string>();
    for (const offsets of [this.byGroup, ...this.byProducer.values()]) {
      for (const [group, byTopic] of offsets) {
        for (const topic of topics) {
          for (const partition of byTopic.get(topic)?.keys() ?? []) {
            const name = `${group.length} ${group} ${topic} ${partition}`;
            if (seen.has(name)) continue;
            seen.add(name);
            yield { group, topic, partition };
          }
        }
      }
    }
  }
}

function put(offsets: Offsets, group: string, topic: string, partition: number, committed: CommittedOffset): void {
  let topics = offsets.get(group);
  if (topics === undefined) offsets.set(group, (topics = new Map()));
  let partitions = topics.get(topic);
  if (partitions === undefined) topics.set(topic, (partitions = new Map()));
  partitions.set(partition, committed);
}

function remove(offsets: Offsets, group: string, topic: string, partition: number): void {
  const topics = offsets.get(group);
  const partitions = topics?.get(topic);
  if (topics === undefined || partitions === undefined || !partitions.delete(partition)) return;
  if (partitions.size === 0) topics.delete(topic);
  if (topics.size === 0) offsets.delete(group);
}
