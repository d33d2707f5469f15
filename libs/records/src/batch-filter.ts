import type { Codecs, Crc32c, TimestampMs } from '@millrace/foundation';
import { AT, ATTRIBUTE, BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, batchDeleteHorizonAt, compressionOf, int16At, putInt16, putInt32, putInt64 } from './batch-format.js';
import { stampCrc } from './batch-stamps.js';
import { RecordCursor } from './record-cursor.js';

const NO_TIMESTAMP = -1;
/** Length, attributes and timestamp delta of a record at the most. */
const RECORD_FRAME_BYTES_MAX = 5 + 1 + 10;
/** Up to here a loop beats a call out of JavaScript. */
const SMALL_COPY_BYTES = 64;

export type FilteredBatch =
  /** Every record stays, and the header is right as it is: the batch's own bytes. */
  | { readonly kind: 'same'; readonly recordsKept: number }
  | { readonly kind: 'none' }
  /** `batch` is valid until the next call. */
  | { readonly kind: 'rewritten'; readonly recordsKept: number; readonly batch: Uint8Array };

export interface FilterOptions {
  /** Asked once for each record, in order; the cursor stands on it. */
  readonly keep: (record: RecordCursor) => boolean;
  /** What the batch gets as its delete horizon, when it has none yet and there is reason for one. */
  readonly deleteHorizonMs: TimestampMs;
  /** A reason other than a tombstone that stays: the batch is the marker of a transaction that has no data any more. */
  readonly mustHaveHorizon: boolean;
}

/**
 * Takes records out of batches, as a log's compaction does: offsets, sequences, epochs, the span of offsets and the codec stay; record count, maximum timestamp and CRC follow the
 * records that are left. Byte for byte what Apache Kafka writes where there is no compression. For small records nothing is allocated.
 */
export class BatchFilter {
  private readonly cursor = new RecordCursor();
  private output = Buffer.allocUnsafeSlow(16 * 1024);
  private position = 0;
  /** Of each record that stays: start and end of its body, and its timestamp. */
  private bodies = new Int32Array(512);
  private timestamps = new Float64Array(256);

  constructor(private readonly codecs: Codecs, private readonly decompressedBytesMax: number) {}

  /** Throws MalformedBytes for bytes that are no records, and what the codec throws. The batch must be whole. */
  filter(bytes: Uint8Array, at: number, options: FilterOptions): FilteredBatch {
    const { cursor } = this;
    cursor.reset(bytes, at, this.codecs, this.decompressedBytesMax);
    let kept = 0;
    let hasTombstone = false;
    let isWhole = true;
    while (cursor.next()) {
      if (!options.keep(cursor)) {
        isWhole = false;
        continue;
      }
      if (kept === this.timestamps.length) this.growLists();
      this.bodies[kept * 2] = cursor.bodyStart;
      this.bodies[kept * 2 + 1] = cursor.bodyEnd;
      this.timestamps[kept] = cursor.timestampMs;
      if (cursor.valueStart < 0) hasTombstone = true;
      kept += 1;
    }
    if (kept === 0) return { kind: 'none' };
    const horizonMs = batchDeleteHorizonAt(bytes, at);
    const isHorizonDue = horizonMs === undefined && (hasTombstone || options.mustHaveHorizon);
    if (isWhole && !isHorizonDue) return { kind: 'same', recordsKept: kept };
    return { kind: 'rewritten', recordsKept: kept, batch: this.rewrite(bytes, at, kept, isHorizonDue ? options.deleteHorizonMs : horizonMs) };
  }

  /** Gives the memory of a large batch back. */
  release(): void {
    this.cursor.release();
  }

  private rewrite(bytes: Uint8Array, at: number, kept: number, horizonMs: TimestampMs | undefined): Uint8Array {
    const source = this.cursor.bytes;
    const attributes = int16At(bytes, at + AT.attributes);
    const baseTimestampMs = horizonMs ?? this.timestamps[0]!;
    let maxTimestampMs = NO_TIMESTAMP;
    this.position = BATCH_HEADER_BYTES;
    this.reserve(0);
    for (let i = 0; i < kept; i++) {
      const timestampMs = this.timestamps[i]!;
      if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
      this.record(source, this.bodies[i * 2]!, this.bodies[i * 2 + 1]!, timestampMs - baseTimestampMs);
    }
    const compression = compressionOf(attributes);
    let batch: Uint8Array = this.output.subarray(0, this.position);
    if (compression !== 'none') {
      const blob = this.codecs.compression[compression].compress(this.output.subarray(BATCH_HEADER_BYTES, this.position));
      batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + blob.length);
      batch.set(blob, BATCH_HEADER_BYTES);
    }
    const isLogAppendTime = (attributes & ATTRIBUTE.logAppendTime) !== 0;
    batch.set(bytes.subarray(at, at + BATCH_HEADER_BYTES));
    putInt32(batch, AT.batchLength, batch.length - BATCH_OVERHEAD_BYTES);
    putInt16(batch, AT.attributes, horizonMs === undefined ? attributes : attributes | ATTRIBUTE.deleteHorizon);
    putInt64(batch, AT.baseTimestamp, baseTimestampMs);
    if (!isLogAppendTime) putInt64(batch, AT.maxTimestamp, maxTimestampMs);
    putInt32(batch, AT.recordCount, kept);
    stampCrc(batch, 0, this.codecs.crc32c);
    return batch;
  }

  private record(source: Uint8Array, start: number, end: number, timestampDelta: number): void {
    const bodyBytes = end - start;
    this.reserve(RECORD_FRAME_BYTES_MAX + bodyBytes);
    this.uvarint((1 + uvarintBytes(zigzag(timestampDelta)) + bodyBytes) * 2);
    this.output[this.position++] = 0;
    this.uvarint(zigzag(timestampDelta));
    if (bodyBytes > SMALL_COPY_BYTES) this.output.set(source.subarray(start, end), this.position);
    else for (let i = 0; i < bodyBytes; i++) this.output[this.position + i] = source[start + i]!;
    this.position += bodyBytes;
  }

  private uvarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.output[this.position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.output[this.position++] = rest;
  }

  private reserve(bytes: number): void {
    const needed = this.position + bytes;
    if (needed <= this.output.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.output.length * 2));
    larger.set(this.output.subarray(0, this.position));
    this.output = larger;
  }

  private growLists(): void {
    const bodies = new Int32Array(this.bodies.length * 2);
    bodies.set(this.bodies);
    this.bodies = bodies;
    const timestamps = new Float64Array(this.timestamps.length * 2);
    timestamps.set(this.timestamps);
    this.timestamps = timestamps;
  }
}

/** The header of a batch whose records are all gone: it still tells its span of offsets, its producer's sequence, its epoch and its largest timestamp. */
export function emptyBatch(bytes: Uint8Array, at: number, crc32c: Crc32c): Uint8Array {
  const batch = Buffer.from(bytes.subarray(at, at + BATCH_HEADER_BYTES));
  putInt32(batch, AT.batchLength, BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES);
  putInt16(batch, AT.attributes, int16At(bytes, at + AT.attributes) & (ATTRIBUTE.logAppendTime | ATTRIBUTE.transactional | ATTRIBUTE.control));
  putInt64(batch, AT.baseTimestamp, NO_TIMESTAMP);
  putInt32(batch, AT.recordCount, 0);
  stampCrc(batch, 0, crc32c);
  return batch;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function uvarintBytes(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; size++) rest = Math.floor(rest / 0x80);
  return size;
}
