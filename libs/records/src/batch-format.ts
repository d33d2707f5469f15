import { COMPRESSION_TYPES, MalformedBytes, type CompressionType, type LeaderEpoch, type Offset, type ProducerEpoch, type ProducerId, type TimestampMs } from '@millrace/foundation';

/** Bytes before the records (or before the compressed blob) of a batch. */
export const BATCH_HEADER_BYTES = 61;
/** Bytes of a batch that `batchLength` does not count: base offset and length. */
export const BATCH_OVERHEAD_BYTES = 12;
export const BATCH_MAGIC = 2;

/** Where each field of a batch's header stands. The CRC covers everything from ATTRIBUTES on. */
export const AT = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

export const ATTRIBUTE = { compressionMask: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20, deleteHorizon: 0x40 } as const;

const TWO_32 = 4294967296;

export function int16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16)) >> 16;
}

export function int32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** As a double: exact up to 2^53. */
export function int64At(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at) * TWO_32 + (int32At(bytes, at + 4) >>> 0);
}

export function putInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function putInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

export function putInt64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  putInt32(bytes, at, high | 0);
  putInt32(bytes, at + 4, (value - high * TWO_32) | 0);
}

/** Single fields of the batch that starts at `position`; the 61 bytes of its header must be there. */
export function batchBaseOffsetAt(bytes: Uint8Array, position: number): Offset {
  return int64At(bytes, position + AT.baseOffset);
}

/** The whole size of the batch: its length field plus 12. */
export function batchSizeAt(bytes: Uint8Array, position: number): number {
  return int32At(bytes, position + AT.batchLength) + BATCH_OVERHEAD_BYTES;
}

export function batchLastOffsetAt(bytes: Uint8Array, position: number): Offset {
  return int64At(bytes, position + AT.baseOffset) + int32At(bytes, position + AT.lastOffsetDelta);
}

export function batchLeaderEpochAt(bytes: Uint8Array, position: number): LeaderEpoch {
  return int32At(bytes, position + AT.leaderEpoch);
}

export function batchMagicAt(bytes: Uint8Array, position: number): number {
  return (bytes[position + AT.magic]! << 24) >> 24;
}

export function batchCrcAt(bytes: Uint8Array, position: number): number {
  return int32At(bytes, position + AT.crc) >>> 0;
}

export function batchAttributesAt(bytes: Uint8Array, position: number): number {
  return int16At(bytes, position + AT.attributes);
}

export function batchMaxTimestampAt(bytes: Uint8Array, position: number): TimestampMs {
  return int64At(bytes, position + AT.maxTimestamp);
}

export function batchBaseTimestampAt(bytes: Uint8Array, position: number): TimestampMs {
  return int64At(bytes, position + AT.baseTimestamp);
}

export function batchRecordCountAt(bytes: Uint8Array, position: number): number {
  return int32At(bytes, position + AT.recordCount);
}

export function batchProducerIdAt(bytes: Uint8Array, position: number): ProducerId {
  return int64At(bytes, position + AT.producerId);
}

export function batchProducerEpochAt(bytes: Uint8Array, position: number): ProducerEpoch {
  return int16At(bytes, position + AT.producerEpoch);
}

export function batchBaseSequenceAt(bytes: Uint8Array, position: number): number {
  return int32At(bytes, position + AT.baseSequence);
}

export function isControlBatchAt(bytes: Uint8Array, position: number): boolean {
  return (bytes[position + AT.attributes + 1]! & ATTRIBUTE.control) !== 0;
}

export function isTransactionalBatchAt(bytes: Uint8Array, position: number): boolean {
  return (bytes[position + AT.attributes + 1]! & ATTRIBUTE.transactional) !== 0;
}

/** The time after which tombstones and markers of the batch may go (it stands where the base timestamp is); undefined when none was set. */
export function batchDeleteHorizonAt(bytes: Uint8Array, position: number): TimestampMs | undefined {
  return (bytes[position + AT.attributes + 1]! & ATTRIBUTE.deleteHorizon) === 0 ? undefined : batchBaseTimestampAt(bytes, position);
}

/** Throws MalformedBytes for the three codes that Kafka has not given to a codec. */
export function compressionOf(attributes: number): CompressionType {
  const type = COMPRESSION_TYPES[attributes & ATTRIBUTE.compressionMask];
  if (type === undefined) throw new MalformedBytes(`unknown compression code ${attributes & ATTRIBUTE.compressionMask}`);
  return type;
}
