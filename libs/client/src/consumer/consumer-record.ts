import { topicPartitionName, type TimestampMs, type TopicPartition } from '@millrace/foundation';
import type { RecordHeader } from '@millrace/records';

export interface ConsumerRecord<K = Uint8Array, V = Uint8Array> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: TimestampMs;
  readonly key: K | null;
  /** Null is a tombstone. */
  readonly value: V | null;
  readonly headers: readonly RecordHeader[];
}

/** What one poll brought; within a partition in offset order. */
export class ConsumerRecords<K = Uint8Array, V = Uint8Array> implements Iterable<ConsumerRecord<K, V>> {
  constructor(private readonly list: readonly ConsumerRecord<K, V>[]) {}

  get count(): number {
    return this.list.length;
  }

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  get partitions(): readonly TopicPartition[] {
    return [...new Map(this.list.map((it) => [topicPartitionName(it), { topic: it.topic, partition: it.partition }])).values()];
  }

  records(of: TopicPartition): readonly ConsumerRecord<K, V>[] {
    return this.list.filter((it) => it.topic === of.topic && it.partition === of.partition);
  }

  [Symbol.iterator](): Iterator<ConsumerRecord<K, V>> {
    return this.list[Symbol.iterator]();
  }
}
