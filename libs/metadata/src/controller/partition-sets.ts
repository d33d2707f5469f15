import type { Uuid } from '@millrace/foundation';

/** A partition by its topic's id and its number. */
export interface PartitionId {
  readonly topicId: Uuid;
  readonly partition: number;
}

/** For each key a set of partitions, so that a question about a key costs what its answer holds. */
export class PartitionSets<Key> {
  private readonly byKey = new Map<Key, Map<Uuid, Set<number>>>();

  add(key: Key, topicId: Uuid, partition: number): void {
    let topics = this.byKey.get(key);
    if (topics === undefined) this.byKey.set(key, (topics = new Map()));
    const numbers = topics.get(topicId);
    if (numbers === undefined) topics.set(topicId, new Set([partition]));
    else numbers.add(partition);
  }

  remove(key: Key, topicId: Uuid, partition: number): void {
    const topics = this.byKey.get(key);
    const numbers = topics?.get(topicId);
    if (topics === undefined || numbers?.delete(partition) !== true || numbers.size > 0) return;
    topics.delete(topicId);
    if (topics.size === 0) this.byKey.delete(key);
  }

  /** Whether the set has any partition. */
  has(key: Key): boolean {
    return this.byKey.has(key);
  }

  *of(key: Key): IterableIterator<PartitionId> {
    for (const [topicId, numbers] of this.byKey.get(key) ?? []) for (const partition of numbers) yield { topicId, partition };
  }
}
