import type { SinkRecord, TopicPartition } from '@millrace/connect-api';
import { sinkRecord, type RecordParts } from './sink-record.js';

/** The topics that sink tasks under test read, and what their group has committed. */
export class SinkTopics {
  private readonly partitions = new Map<string, { readonly partition: TopicPartition; readonly log: SinkRecord[] }>();
  private readonly committed = new Map<TopicPartition, number>();

  /** The one object that stands for a partition. */
  partition(topic: string, partition: number): TopicPartition {
    return this.entry(topic, partition).partition;
  }

  append(topic: string, partition: number, parts: RecordParts): SinkRecord {
    const { log } = this.entry(topic, partition);
    const record = sinkRecord({ topic, partition, offset: log.length, timestampMs: Date.now(), ...parts });
    log.push(record);
    return record;
  }

  /** Up to `max` records from an offset on. */
  read({ topic, partition }: TopicPartition, from: number, max: number): readonly SinkRecord[] {
    return this.entry(topic, partition).log.slice(from, from + max);
  }

  end({ topic, partition }: TopicPartition): number {
    return this.entry(topic, partition).log.length;
  }

  commit(partition: TopicPartition, offset: number): void {
    this.committed.set(this.partition(partition.topic, partition.partition), offset);
  }

  /** The group's committed offset: the next to consume. */
  committedOffset({ topic, partition }: TopicPartition): number | undefined {
    return this.committed.get(this.partition(topic, partition));
  }

  private entry(topic: string, partition: number): { readonly partition: TopicPartition; readonly log: SinkRecord[] } {
    const name = `${topic}-${partition}`;
    let entry = this.partitions.get(name);
    if (!entry) this.partitions.set(name, (entry = { partition: { topic, partition }, log: [] }));
    return entry;
  }
}
