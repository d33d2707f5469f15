import { OperationalError, topicPartitionName, type TopicPartition } from '@millrace/foundation';
import { AssignedPartition } from './assigned-partition.js';

/** The partitions that a consumer reads. */
export class Assignment {
  readonly byName = new Map<string, AssignedPartition>();

  get partitions(): IterableIterator<AssignedPartition> {
    return this.byName.values();
  }

  get size(): number {
    return this.byName.size;
  }

  /** Plain, for others to keep. */
  list(): TopicPartition[] {
    return [...this.partitions].map(({ topic, partition }) => ({ topic, partition }));
  }

  has(partition: TopicPartition): boolean {
    return this.byName.has(topicPartitionName(partition));
  }

  /** Throws INVALID_STATE. */
  expect(partition: TopicPartition): AssignedPartition {
    const it = this.byName.get(topicPartitionName(partition));
    if (it === undefined) throw new OperationalError('INVALID_STATE', `No current assignment for partition ${topicPartitionName(partition)}`);
    return it;
  }

  /** Partitions that stay keep their positions, and whether they are paused. */
  replace(partitions: readonly TopicPartition[]): void {
    const before = new Map(this.byName);
    this.byName.clear();
    for (const it of partitions) {
      const name = topicPartitionName(it);
      this.byName.set(name, before.get(name) ?? new AssignedPartition(it.topic, it.partition));
      before.delete(name);
    }
    // Answers to fetches under way for what is gone are dropped by their epoch.
    for (const gone of before.values()) gone.reset(undefined);
  }
}
