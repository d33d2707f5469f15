import { COMPRESSION_TYPES, MalformedBytes, type CompressionType, type LeaderEpoch, type Offset, type ProducerEpoch, type ProducerId, type TimestampMs } from '@millrace/foundation';
import { AT, ATTRIBUTE, BATCH_HEADER_BYTES, batchMagicAt, BATCH_OVERHEAD_BYTES, compressionOf, int16At, int32At, int64At } from './batch-format.js';

export type TimestampType = 'CreateTime' | 'LogAppendTime';

export interface BatchHeader {
  readonly baseOffset: Offset;
  /** The length field: bytes after it. */
  readonly batchLength: number;
  /** The whole batch: batchLength + 12. */
  readonly sizeBytes: number;
  readonly leaderEpoch: LeaderEpoch;
  readonly magic: number;
  /** CRC-32C of everything from the attributes on, unsigned. */
  readonly crc: number;
  readonly attributes: number;
  readonly compression: CompressionType;
  readonly timestampType: TimestampType;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** True: baseTimestampMs is the time after which tombstones and markers of this batch may go. */
  readonly hasDeleteHorizon: boolean;
  readonly lastOffsetDelta: number;
  readonly lastOffset: Offset;
  readonly baseTimestampMs: TimestampMs;
  readonly maxTimestampMs: TimestampMs;
  readonly producerId: ProducerId;
  readonly producerEpoch: ProducerEpoch;
  /** -1 without idempotence. */
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * The header of the batch at `position`. Throws MalformedBytes when fewer than 61 bytes are there, for another magic than 2 and
 * for an unknown compression code; neither size nor CRC is checked.
 */
export function readBatchHeader(bytes: Uint8Array, position = 0): BatchHeader {
  if (position < 0 || bytes.length - position < BATCH_HEADER_BYTES) throw new MalformedBytes(`a batch header needs ${BATCH_HEADER_BYTES} bytes, ${bytes.length - position} left at ${position}`);
  const magic = batchMagicAt(bytes, position);
  if (magic !== 2) throw new MalformedBytes(`batch at ${position} has magic ${magic}`);
  const attributes = int16At(bytes, position + AT.attributes);
  const baseOffset = int64At(bytes, position);
  const batchLength = int32At(bytes, position + AT.batchLength);
  const lastOffsetDelta = int32At(bytes, position + AT.lastOffsetDelta);
  return {
    baseOffset,
    batchLength,
    sizeBytes: batchLength + BATCH_OVERHEAD_BYTES,
    leaderEpoch: int32At(bytes, position + AT.leaderEpoch),
    magic,
    crc: int32At(bytes, position + AT.crc) >>> 0,
    attributes,
    compression: compressionOf(attributes),
    timestampType: (attributes & ATTRIBUTE.logAppendTime) === 0 ? 'CreateTime' : 'LogAppendTime',
    isTransactional: (attributes & ATTRIBUTE.transactional) !== 0,
    isControl: (attributes & ATTRIBUTE.control) !== 0,
    hasDeleteHorizon: (attributes & ATTRIBUTE.deleteHorizon) !== 0,
    lastOffsetDelta,
    lastOffset: baseOffset + lastOffsetDelta,
    baseTimestampMs: int64At(bytes, position + AT.baseTimestamp),
    maxTimestampMs: int64At(bytes, position + AT.maxTimestamp),
    producerId: int64At(bytes, position + AT.producerId),
    producerEpoch: int16At(bytes, position + AT.producerEpoch),
    baseSequence: int32At(bytes, position + AT.baseSequence),
    recordCount: int32At(bytes, position + AT.recordCount),
  };
}

export interface PlacedBatch {
  readonly position: number;
  readonly header: BatchHeader;
}

/**
 * The batches that stand back to back in `bytes`, whole ones only: a partial batch at the end (which a fetch may bring) ends the
 * walk in silence. A length below that of a header, another magic or an unknown codec throws MalformedBytes.
 */
export function* batchesOf(bytes: Uint8Array, start = 0): Generator<PlacedBatch> {
  for (let position = start; ; ) {
    const size = wholeBatchSizeAt(bytes, position);
    if (size === 0) return;
    yield { position, header: readBatchHeader(bytes, position) };
    position += size;
  }
}

/** The size of the batch at `position`, or 0 when it is not whole in `bytes`. Throws MalformedBytes for an impossible length. */
export function wholeBatchSizeAt(bytes: Uint8Array, position: number): number {
  const left = bytes.length - position;
  if (left < BATCH_OVERHEAD_BYTES) return 0;
  const size = int32At(bytes, position + AT.batchLength) + BATCH_OVERHEAD_BYTES;
  if (size < BATCH_HEADER_BYTES) throw new MalformedBytes(`batch at ${position} has the impossible size ${size}`);
  return size <= left ? size : 0;
}

/** The attribute bits of a batch to be built. */
export function attributesOf(options: { compression: CompressionType; timestampType?: TimestampType; isTransactional?: boolean; isControl?: boolean }): number {
  return (
    COMPRESSION_TYPES.indexOf(options.compression) |
    (options.timestampType === 'LogAppendTime' ? ATTRIBUTE.logAppendTime : 0) |
    (options.isTransactional === true ? ATTRIBUTE.transactional : 0) |
    (options.isControl === true ? ATTRIBUTE.control : 0)
  );
}
