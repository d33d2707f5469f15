import type { Headers, Schema, SinkRecord, Value } from '@millrace/connect-api';

/** What a test says of a record; the rest is the topic's. */
export interface RecordParts {
  readonly keySchema?: Schema | null;
  readonly key?: Value;
  readonly valueSchema?: Schema | null;
  readonly value?: Value;
  readonly timestampMs?: number;
  readonly headers?: Headers;
}

/** A record and where it stands; `t-0`, offset 0 where nothing is said. */
export interface PlacedRecordParts extends RecordParts {
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
}

/** A record as a sink task meets it: no transformation has changed its place. */
export function sinkRecord(parts: PlacedRecordParts): SinkRecord {
  const { topic = 't', partition = 0, offset = 0 } = parts;
  return {
    topic,
    partition,
    kafkaOffset: offset,
    keySchema: parts.keySchema ?? null,
    key: parts.key ?? null,
    valueSchema: parts.valueSchema ?? null,
    value: parts.value ?? null,
    timestampMs: parts.timestampMs ?? 1_700_000_000_000,
    timestampType: 'CreateTime',
    headers: parts.headers ?? [],
    originalTopic: topic,
    originalPartition: partition,
    originalKafkaOffset: offset,
  };
}
