import type { Crc32c, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs } from '@millrace/foundation';
import { AT, ATTRIBUTE, batchCrcAt, batchSizeAt, int16At, putInt16, putInt32, putInt64 } from './batch-format.js';

/** Gives the batch its place in the log. Both fields are outside the CRC, so the rest of the producer's bytes stay as they are. */
export function stampBatch(bytes: Uint8Array, position: number, baseOffset: Offset, leaderEpoch: LeaderEpoch): void {
  putInt64(bytes, position + AT.baseOffset, baseOffset);
  putInt32(bytes, position + AT.leaderEpoch, leaderEpoch);
}

/** Readers take the header's maximum for every record of a LogAppendTime batch, so the records need no rewrite; the CRC does. */
export function stampLogAppendTime(bytes: Uint8Array, position: number, nowMs: TimestampMs, crc32c: Crc32c): void {
  const at = position + AT.attributes;
  putInt16(bytes, at, int16At(bytes, at) | ATTRIBUTE.logAppendTime);
  putInt64(bytes, position + AT.maxTimestamp, nowMs);
  stampCrc(bytes, position, crc32c);
}

/** Corrects a header whose maximum timestamp is not that of its records, as Kafka does on append. */
export function stampMaxTimestamp(bytes: Uint8Array, position: number, maxTimestampMs: TimestampMs, crc32c: Crc32c): void {
  putInt64(bytes, position + AT.maxTimestamp, maxTimestampMs);
  stampCrc(bytes, position, crc32c);
}

/** Gives a finished batch another producer identity or place in its sequence (a producer that starts a new epoch). */
export function stampProducer(bytes: Uint8Array, position: number, producer: { readonly producerId: ProducerId; readonly producerEpoch: ProducerEpoch; readonly baseSequence: number }, crc32c: Crc32c): void {
  putInt64(bytes, position + AT.producerId, producer.producerId);
  putInt16(bytes, position + AT.producerEpoch, producer.producerEpoch);
  putInt32(bytes, position + AT.baseSequence, producer.baseSequence);
  stampCrc(bytes, position, crc32c);
}

export function stampCrc(bytes: Uint8Array, position: number, crc32c: Crc32c): void {
  putInt32(bytes, position + AT.crc, crc32c(bytes, position + AT.attributes, position + batchSizeAt(bytes, position)) | 0);
}

/** True when the stored CRC is that of the bytes. The whole batch must be there. */
export function isBatchCrcValid(bytes: Uint8Array, position: number, crc32c: Crc32c): boolean {
  return batchCrcAt(bytes, position) === crc32c(bytes, position + AT.attributes, position + batchSizeAt(bytes, position));
}
