import { COMPRESSION_TYPES, errorMessage, hasCode, MalformedBytes, type Codecs, type CompressionType, type TimestampMs } from '@millrace/foundation';
import { AT, ATTRIBUTE, BATCH_HEADER_BYTES, batchMagicAt, batchSizeAt, BATCH_OVERHEAD_BYTES } from './batch-format.js';
import { readBatchHeader, type BatchHeader, type TimestampType } from './batch-header.js';
import { isBatchCrcValid } from './batch-stamps.js';
import { RecordCursor } from './record-cursor.js';

export interface ProducerBatchLimits {
  readonly codecs: Codecs;
  readonly isCompacted: boolean;
  /** `max.message.bytes`: the size of the batch as it came, compressed. */
  readonly maxBatchBytes: number;
  readonly nowMs: TimestampMs;
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** The topic's `message.timestamp.type`. */
  readonly timestampType: TimestampType;
  /** A compressed batch that would be larger than this is refused as MESSAGE_TOO_LARGE, without being held. */
  readonly decompressedBytesMax: number;
  /** Produce v7 and later. */
  readonly zstdAllowed: boolean;
}

export type ProducerBatchError = 'CORRUPT_MESSAGE' | 'INVALID_RECORD' | 'INVALID_TIMESTAMP' | 'MESSAGE_TOO_LARGE' | 'UNSUPPORTED_COMPRESSION_TYPE' | 'UNSUPPORTED_FOR_MESSAGE_FORMAT';

export interface RecordError {
  /** The record's place in the batch, from 0. */
  readonly batchIndex: number;
  readonly message: string;
}

export type ProducerBatchCheck =
  | {
      readonly ok: true;
      readonly header: BatchHeader;
      /** The largest timestamp of the records themselves; -1 when none has one. */
      readonly maxTimestampMs: TimestampMs;
      /** The header says otherwise: `stampMaxTimestamp` before appending (not needed where LogAppendTime is stamped). */
      readonly isMaxTimestampWrong: boolean;
    }
  | { readonly ok: false; readonly error: ProducerBatchError; readonly message: string; readonly recordErrors?: readonly RecordError[] };

/** Record errors are reported up to this many: an answer must not be larger than its question. */
const RECORD_ERRORS_MAX = 100;

const cursor = new RecordCursor();

/**
 * Kafka's checks on what a client wants to append: `bytes` must be exactly one batch of magic 2. Nothing is changed. A batch that
 * passes can be read by every consumer: its CRC, its count, each record's framing and offset are right.
 */
export function validateProducerBatch(bytes: Uint8Array, limits: ProducerBatchLimits): ProducerBatchCheck {
  const refusal = refusalOfFrame(bytes, limits);
  if (refusal !== undefined) return refusal;
  const header = readBatchHeader(bytes);
  const invalid = reasonAgainstHeader(header);
  if (invalid !== undefined) return failure('INVALID_RECORD', invalid);
  try {
    cursor.reset(bytes, 0, limits.codecs, limits.decompressedBytesMax);
    return checkRecords(header, limits);
  } catch (error) {
    if (error instanceof MalformedBytes) return failure('INVALID_RECORD', `Found invalid record structure: ${error.message}`);
    if (hasCode(error, 'DECOMPRESSION_LIMIT')) return failure('MESSAGE_TOO_LARGE', `The batch decompresses to more than ${limits.decompressedBytesMax} bytes`);
    if (hasCode(error, 'CORRUPT_COMPRESSION')) return failure('CORRUPT_MESSAGE', `The compressed records cannot be read: ${errorMessage(error)}`);
    throw error;
  } finally {
    cursor.release();
  }
}

function failure(error: ProducerBatchError, message: string, recordErrors?: readonly RecordError[]): ProducerBatchCheck {
  return recordErrors === undefined ? { ok: false, error, message } : { ok: false, error, message, recordErrors };
}

function refusalOfFrame(bytes: Uint8Array, limits: ProducerBatchLimits): ProducerBatchCheck | undefined {
  if (bytes.length <= BATCH_OVERHEAD_BYTES) return failure('INVALID_RECORD', 'Record batch has no batches at all');
  if (bytes.length > AT.magic) {
    const magic = batchMagicAt(bytes, 0);
    if (magic >= 0 && magic < 2) return failure('UNSUPPORTED_FOR_MESSAGE_FORMAT', `Message format ${magic} is not supported; the magic must be 2`);
    if (magic !== 2) return failure('CORRUPT_MESSAGE', `Invalid magic ${magic}`);
  }
  const size = batchSizeAt(bytes, 0);
  if (size < BATCH_HEADER_BYTES || bytes.length < size) return failure('CORRUPT_MESSAGE', `The batch says ${size} bytes, ${bytes.length} came`);
  if (size > limits.maxBatchBytes) return failure('MESSAGE_TOO_LARGE', `The record batch size is ${size} bytes which exceeds the maximum configured value of ${limits.maxBatchBytes}.`);
  if (bytes.length > size) return failure('INVALID_RECORD', 'Produce requests with more than one batch per partition are not allowed');
  if (!isBatchCrcValid(bytes, 0, limits.codecs.crc32c)) return failure('CORRUPT_MESSAGE', 'Record is corrupt: its CRC does not match');
  const compression: CompressionType | undefined = COMPRESSION_TYPES[bytes[AT.attributes + 1]! & ATTRIBUTE.compressionMask];
  if (compression === undefined) return failure('CORRUPT_MESSAGE', 'Unknown compression type');
  if (compression === 'zstd' && !limits.zstdAllowed) return failure('UNSUPPORTED_COMPRESSION_TYPE', 'Produce requests before version 7 are not allowed to use ZStandard compression');
  return undefined;
}

function reasonAgainstHeader(header: BatchHeader): string | undefined {
  if (header.baseOffset !== 0) return `The baseOffset of the record batch should be 0, but it is ${header.baseOffset}`;
  if (header.lastOffsetDelta < 0) return `Batch has an invalid offset range: [${header.baseOffset}, ${header.lastOffset}]`;
  if (header.recordCount <= 0) return `Invalid reported count for record batch: ${header.recordCount}`;
  if (header.recordCount !== header.lastOffsetDelta + 1) return `Inconsistent batch offset range [${header.baseOffset}, ${header.lastOffset}] and count of records ${header.recordCount}`;
  if (header.isControl) return 'Clients are not allowed to write control records';
  if (header.producerId >= 0 && header.baseSequence < 0) return `Invalid sequence number ${header.baseSequence} in record batch with producerId ${header.producerId}`;
  return undefined;
}

function checkRecords(header: BatchHeader, limits: ProducerBatchLimits): ProducerBatchCheck {
  const isLogAppendTime = limits.timestampType === 'LogAppendTime';
  if (header.timestampType === 'LogAppendTime') return failure('INVALID_TIMESTAMP', 'Producer should not set timestamp type to LogAppendTime.');
  const earliestMs = isLogAppendTime ? -Infinity : limits.nowMs - limits.timestampBeforeMaxMs;
  const latestMs = isLogAppendTime ? Infinity : limits.nowMs + limits.timestampAfterMaxMs;
  let maxTimestampMs = -1;
  let problems: RecordProblems | undefined;
  for (let index = 0; cursor.next(); index++) {
    cursor.checkHeaders();
    if (cursor.offsetDelta !== index) return failure('INVALID_RECORD', `Record ${index} of the batch has the offset delta ${cursor.offsetDelta}`);
    const timestampMs = cursor.timestampMs;
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
    if (cursor.keyStart < 0 && limits.isCompacted) (problems ??= new RecordProblems()).keyless(index);
    else if (timestampMs !== -1 && (timestampMs < earliestMs || timestampMs > latestMs)) (problems ??= new RecordProblems()).mistimed(index, timestampMs, earliestMs, latestMs);
  }
  if (cursor.bytesLeft !== 0) return failure('INVALID_RECORD', `Incorrect declared batch size, records still remaining: ${cursor.bytesLeft} bytes`);
  if (problems !== undefined) return problems.failure();
  return { ok: true, header, maxTimestampMs, isMaxTimestampWrong: maxTimestampMs !== header.maxTimestampMs };
}

class RecordProblems {
  private readonly list: RecordError[] = [];
  private count = 0;
  private hasMistimed = false;

  keyless(batchIndex: number): void {
    this.add({ batchIndex, message: 'Compacted topic cannot accept message without key' });
  }

  mistimed(batchIndex: number, timestampMs: number, earliestMs: number, latestMs: number): void {
    this.hasMistimed = true;
    this.add({ batchIndex, message: `Timestamp ${timestampMs} of message is out of range. The timestamp should be within [${earliestMs}, ${latestMs}]` });
  }

  failure(): ProducerBatchCheck {
    const message = this.hasMistimed ? 'One or more records have been rejected due to invalid timestamp' : `One or more records have been rejected due to ${this.count} record errors in total`;
    return failure(this.hasMistimed ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD', message, this.list);
  }

  private add(error: RecordError): void {
    this.count += 1;
    if (this.list.length < RECORD_ERRORS_MAX) this.list.push(error);
  }
}
