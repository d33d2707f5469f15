import type { Headers, Schema, SinkRecord, TopicPartition, Value } from '@millrace/connect-api';

/** What a test says of a record; the rest is the topic's. */
export interface RecordParts {
  readonly keySchema?: Schema | null;
  readonly key?: Value;
  readonly valueSchema?: Schema | null;
  readonly value?: Value;
  readonly timestampMs?: number;
  readonly headers?: Headers;
}

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
    const record: SinkRecord = {
      topic,
      partition,
      kafkaOffset: log.length,
      keySchema: parts.keySchema ?? null,
      key: parts.key ?? null,
      valueSchema: parts.valueSchema ?? null,
      value: parts.value ?? null,
      timestampMs: parts.timestampMs ?? Date.now(),
      timestampType: 'CreateTime',
      headers: parts.headers ?? [],
      originalTopic: topic,
      originalPartition: partition,
      originalKafkaOffset: log.length,
    };
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
