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
  /** Where it goes; never empty. A missing topic is made if the worker may. */
  readonly topic: string;
  /** Absent: the producer's partitioner decides by the key's bytes. */
  readonly partition?: number;
  /** Null: the key has no schema, or is null itself. */
  readonly keySchema: Schema | null;
  /** Records with equal keys reach one partition, in order, unless `partition` says another. */
  readonly key: Value;
  /** Null: the value has no schema, or is null itself. Share one object among records: converters keep what they compute for it. */
  readonly valueSchema: Schema | null;
  /** Must be of its schema: otherwise the task fails, or the record is skipped, as `errors.tolerance` says. Null is a tombstone. */
  readonly value: Value;
  /** Absent: the time of sending. */
  readonly timestampMs?: number;
  /** Absent: none. Records in a row may share one array: it is converted once. */
  readonly headers?: Headers;
  /** The same object for all records of one source partition: it is compared by identity first. */
  readonly sourcePartition: OffsetMap;
  /** Where to go on behind this record. Must say so for good: it is stored, and comes back after any number of later records. */
  readonly sourceOffset: OffsetMap;
}

/** What a sink task's `put` gets. */
export interface SinkRecord {
  /** The topic, as transformations have left it. */
  readonly topic: string;
  /** The partition, as transformations have left it. */
  readonly partition: number;
  /** Place in the partition. Rises, with gaps: compaction and transactions leave some. */
  readonly kafkaOffset: number;
  /** Null: the key has no schema, or is null itself. */
  readonly keySchema: Schema | null;
  /** Null: the record has no key. */
  readonly key: Value;
  /** Null: the value has no schema, or is null itself. The JSON converter gives equal schemas as one object: what is kept for a schema may be kept by its identity. */
  readonly valueSchema: Schema | null;
  /** Null: a tombstone. May be a LazyStruct, good until `put` has settled. */
  readonly value: Value;
  /** Milliseconds since 1970; -1 where there is none. */
  readonly timestampMs: number;
  /** Who has set the timestamp: the producer, or the broker when it appended. */
  readonly timestampType: 'CreateTime' | 'LogAppendTime' | 'NoTimestampType';
  /** In their order; an empty array where there are none. */
  readonly headers: Headers;
  /** Topic, partition and offset before any transform (KIP-793). */
  readonly originalTopic: string;
  /** See `originalTopic`. */
  readonly originalPartition: number;
  /** See `originalTopic`. With the two others it names the record for good: what an exactly-once sink stores beside its data. */
  readonly originalKafkaOffset: number;
}

/** A partition of a topic. In a sink task each partition is one object for as long as the task lives: it can be a key of a Map. */
export interface TopicPartition {
  /** The topic's name. */
  readonly topic: string;
  /** From 0. */
  readonly partition: number;
}
