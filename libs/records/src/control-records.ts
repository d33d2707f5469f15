import { ByteReader, ByteWriter, type Codecs, type LeaderEpoch, type Offset, type ProducerEpoch, type ProducerId, type TimestampMs } from '@millrace/foundation';
import { RecordBatchBuilder } from './record-batch-builder.js';
import type { DecodedRecord } from './record-cursor.js';

/** By the number in a control record's key. */
export const CONTROL_RECORD_TYPES = ['abort', 'commit', 'leaderChange', 'snapshotHeader', 'snapshotFooter', 'kraftVersion', 'kraftVoters'] as const;
export type ControlRecordType = (typeof CONTROL_RECORD_TYPES)[number];

/** How a transaction ended on this partition. */
export interface EndTxnMarker {
  readonly isCommit: boolean;
  readonly coordinatorEpoch: number;
}

export interface ControlBatchOptions {
  readonly codecs: Codecs;
  readonly timestampMs: TimestampMs;
  readonly baseOffset?: Offset;
  readonly leaderEpoch?: LeaderEpoch;
}

/** The bytes of a control record's key: its version (0) and its type. */
export function controlRecordKey(type: ControlRecordType): Uint8Array {
  return Uint8Array.of(0, 0, 0, CONTROL_RECORD_TYPES.indexOf(type));
}

/** The type of a control record, or undefined for one of a later Kafka. Throws MalformedBytes for a key that is too short. */
export function controlRecordType(key: Uint8Array): ControlRecordType | undefined {
  const reader = new ByteReader(key);
  reader.int16();
  return CONTROL_RECORD_TYPES[reader.int16()];
}

/** A control batch of any records; `value` is already in the form that Kafka gives to its type. */
export function buildControlBatch(records: readonly { readonly type: ControlRecordType; readonly value: Uint8Array }[], options: ControlBatchOptions): Uint8Array {
  const builder = new RecordBatchBuilder(256);
  for (const { type, value } of records) builder.append(controlRecordKey(type), value, options.timestampMs);
  return builder.build({ codecs: options.codecs, isControl: true, baseOffset: options.baseOffset, leaderEpoch: options.leaderEpoch });
}

/** The batch that ends a transaction of this producer on a partition. */
export function buildEndTxnMarker(marker: EndTxnMarker, options: ControlBatchOptions & { readonly producerId: ProducerId; readonly producerEpoch: ProducerEpoch }): Uint8Array {
  const value = new ByteWriter(6);
  value.int16(0);
  value.int32(marker.coordinatorEpoch);
  const builder = new RecordBatchBuilder(128);
  builder.append(controlRecordKey(marker.isCommit ? 'commit' : 'abort'), value.take(), options.timestampMs);
  return builder.build({ ...options, isControl: true, isTransactional: true });
}

/** The marker in a control record, or undefined when it is of another type. Throws MalformedBytes for one that is cut short. */
export function readEndTxnMarker(record: Pick<DecodedRecord, 'key' | 'value'>): EndTxnMarker | undefined {
  const type = record.key === null ? undefined : controlRecordType(record.key);
  if ((type !== 'abort' && type !== 'commit') || record.value === null) return undefined;
  const reader = new ByteReader(record.value);
  reader.int16();
  return { isCommit: type === 'commit', coordinatorEpoch: reader.int32() };
}
