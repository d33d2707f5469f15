import { invariant, type Codecs, type CompressionType, type LeaderEpoch, type Offset, type ProducerEpoch, type ProducerId, type TimestampMs } from '@millrace/foundation';
import { AT, BATCH_HEADER_BYTES, BATCH_MAGIC, BATCH_OVERHEAD_BYTES, putInt16, putInt32, putInt64 } from './batch-format.js';
import { attributesOf, type TimestampType } from './batch-header.js';
import { stampCrc } from './batch-stamps.js';
import { encodedHeaders } from './encoded-headers.js';
import type { RecordHeader } from './record-cursor.js';

export interface BatchOptions {
  readonly codecs: Codecs;
  /** Default: none. */
  readonly compression?: CompressionType;
  readonly level?: number;
  readonly producerId?: ProducerId;
  readonly producerEpoch?: ProducerEpoch;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  readonly baseOffset?: Offset;
  readonly leaderEpoch?: LeaderEpoch;
  readonly timestampType?: TimestampType;
}

const SMALL_COPY_BYTES = 40;

/**
 * Writes records straight into one growing buffer; nothing is allocated per record. After `build` the builder is empty and can be
 * used again.
 */
export class RecordBatchBuilder {
  private buffer: Uint8Array;
  private position = BATCH_HEADER_BYTES;
  private records = 0;
  private baseTimestampMs = 0;
  private maxTimestampMs = -1;

  /** `initialBytes`: what the buffer starts with; a builder that knows its batch size never copies. */
  constructor(private readonly initialBytes = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(initialBytes, BATCH_HEADER_BYTES));
  }

  get count(): number {
    return this.records;
  }

  /** The size of the batch if it were built now without compression; 61 when empty. */
  get estimatedBytes(): number {
    return this.position;
  }

  get firstTimestampMs(): TimestampMs {
    return this.baseTimestampMs;
  }

  get lastTimestampMs(): TimestampMs {
    return this.maxTimestampMs;
  }

  append(key: Uint8Array | null, value: Uint8Array | null, timestampMs: TimestampMs, headers?: readonly RecordHeader[]): void {
    if (this.records === 0) this.baseTimestampMs = timestampMs;
    const timestampDelta = timestampMs - this.baseTimestampMs;
    const body = recordBodyBytes(this.records, timestampDelta, key, value, headers);
    const end = this.position + varintBytes(body) + body;
    if (end > this.buffer.length) this.grow(end);
    this.varint(body);
    this.buffer[this.position++] = 0;
    this.varlong(timestampDelta);
    this.varint(this.records);
    this.nullable(key);
    this.nullable(value);
    this.copy(encodedHeaders(headers));
    invariant(this.position === end, 'a record takes the bytes that were counted for it');
    this.records += 1;
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
  }

  /** The finished batch; it owns its bytes. Throws an InvariantError when empty. */
  build(options: BatchOptions): Uint8Array {
    invariant(this.records > 0, 'a batch holds at least one record');
    const compression = options.compression ?? 'none';
    let batch: Uint8Array;
    if (compression === 'none') {
      batch = this.buffer.subarray(0, this.position);
      this.buffer = Buffer.allocUnsafeSlow(Math.max(this.initialBytes, BATCH_HEADER_BYTES));
    } else {
      const blob = options.codecs.compression[compression].compress(this.buffer.subarray(BATCH_HEADER_BYTES, this.position), options.level);
      batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + blob.length);
      batch.set(blob, BATCH_HEADER_BYTES);
    }
    this.header(batch, attributesOf({ ...options, compression }), options);
    this.clear();
    return batch;
  }

  /** Forgets the records and keeps the memory. */
  clear(): void {
    this.position = BATCH_HEADER_BYTES;
    this.records = 0;
    this.maxTimestampMs = -1;
  }

  private header(batch: Uint8Array, attributes: number, options: BatchOptions): void {
    putInt64(batch, AT.baseOffset, options.baseOffset ?? 0);
    putInt32(batch, AT.batchLength, batch.length - BATCH_OVERHEAD_BYTES);
    putInt32(batch, AT.leaderEpoch, options.leaderEpoch ?? -1);
    batch[AT.magic] = BATCH_MAGIC;
    putInt16(batch, AT.attributes, attributes);
    putInt32(batch, AT.lastOffsetDelta, this.records - 1);
    putInt64(batch, AT.baseTimestamp, this.baseTimestampMs);
    putInt64(batch, AT.maxTimestamp, this.maxTimestampMs);
    putInt64(batch, AT.producerId, options.producerId ?? -1);
    putInt16(batch, AT.producerEpoch, options.producerEpoch ?? -1);
    putInt32(batch, AT.baseSequence, options.baseSequence ?? -1);
    putInt32(batch, AT.recordCount, this.records);
    stampCrc(batch, 0, options.codecs.crc32c);
  }

  private nullable(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.buffer[this.position++] = 1;
      return;
    }
    this.varint(bytes.length);
    this.copy(bytes);
  }

  private copy(bytes: Uint8Array): void {
    const length = bytes.length;
    const at = this.position;
    if (length > SMALL_COPY_BYTES) this.buffer.set(bytes, at);
    else for (let i = 0; i < length; i++) this.buffer[at + i] = bytes[i]!;
    this.position = at + length;
  }

  private varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest >= 0x80) {
      this.buffer[this.position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.position++] = rest;
  }

  private varlong(value: number): void {
    if (value >= -0x40000000 && value < 0x40000000) {
      this.varint(value);
      return;
    }
    let rest = value >= 0 ? value * 2 : -value * 2 - 1;
    while (rest >= 0x80) {
      this.buffer[this.position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.position++] = rest;
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.position));
    this.buffer = larger;
  }
}

/** Bytes that a record of these lengths adds to a batch at the most, whatever its place and time in it. */
export function recordBytesMax(key: Uint8Array | null, value: Uint8Array | null, headers?: readonly RecordHeader[]): number {
  return 5 + 1 + 10 + 5 + nullableBytes(key) + nullableBytes(value) + encodedHeaders(headers).length;
}

function recordBodyBytes(offsetDelta: number, timestampDelta: number, key: Uint8Array | null, value: Uint8Array | null, headers: readonly RecordHeader[] | undefined): number {
  return 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + nullableBytes(key) + nullableBytes(value) + encodedHeaders(headers).length;
}

function nullableBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintBytes(bytes.length) + bytes.length;
}

/** Of a value that is not negative. */
function varintBytes(value: number): number {
  return value < 0x40 ? 1 : value < 0x2000 ? 2 : value < 0x100000 ? 3 : value < 0x8000000 ? 4 : 5;
}

function varlongBytes(value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let size = 1;
  for (; rest >= 0x80; size++) rest = Math.floor(rest / 0x80);
  return size;
}
