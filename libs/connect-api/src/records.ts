import type { Headers } from './data/headers.js';
import type { Schema } from './data/schema.js';
import type { Value } from './data/value.js';

/** Flat, JSON-safe maps: what Connect stores in the offset topic. Key order matters: identity is by the bytes written. */
export type OffsetMap = Readonly<Record<string, string | number | bigint | boolean | null>>;

/**
 * What a source task's `poll` returns. May be any object of this shape; `sourceOffset` may be a getter: it is read only for records
 * whose offset is really stored (the last acknowledged one of each partition), not for each.
 */
export interface SourceRecord {
  readonly topic: string;
  /** Absent: the producer's partitioner decides by the key's bytes. */
  readonly partition?: number;
  readonly keySchema: Schema | null;
  readonly key: Value;
  readonly valueSchema: Schema | null;
  readonly value: Value;
  /** Absent: the time of sending. */
  readonly timestampMs?: number;
  readonly headers?: Headers;
  /** The same object for all records of one source partition: it is compared by identity first. */
  readonly sourcePartition: OffsetMap;
  readonly sourceOffset: OffsetMap;
}

/** What a sink task's `put` gets. */
export interface SinkRecord {
  readonly topic: string;
  readonly partition: number;
  readonly kafkaOffset: number;
  readonly keySchema: Schema | null;
  readonly key: Value;
  readonly valueSchema: Schema | null;
  readonly value: Value;
  readonly timestampMs: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime' | 'NoTimestampType';
  readonly headers: Headers;
  /** Topic, partition and offset before any transform (KIP-793). */
  readonly originalTopic: string;
  readonly originalPartition: number;
  readonly originalKafkaOffset: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}
