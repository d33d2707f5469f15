import { MalformedBytes, type Codecs, type Offset, type TimestampMs } from '@millrace/foundation';
import { AT, ATTRIBUTE, BATCH_HEADER_BYTES, batchSizeAt, compressionOf, int16At, int32At, int64At } from './batch-format.js';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** One record as a value; keys, values and headers are views of the batch's bytes. */
export interface DecodedRecord {
  readonly offset: Offset;
  readonly timestampMs: TimestampMs;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

const NO_HEADERS: readonly RecordHeader[] = [];
const NO_BYTES = new Uint8Array(0);

/**
 * Walks the records of one batch without an allocation per record: `next()` moves to the following record and sets the fields,
 * which describe it until the next call. A cursor can be used again for another batch with `reset`.
 * Bytes that are not a record throw MalformedBytes.
 */
export class RecordCursor {
  /** What the positions below refer to: the batch itself, or its records decompressed. */
  bytes: Uint8Array = NO_BYTES;
  offset: Offset = -1;
  timestampMs: TimestampMs = -1;
  offsetDelta = 0;
  /** -1: the key is null. */
  keyStart = -1;
  keyEnd = -1;
  /** -1: the value is null. */
  valueStart = -1;
  valueEnd = -1;
  headerCount = 0;
  /** Where the record's offset delta stands, and what follows it to the record's end: the part that does not change when the batch gets another base timestamp. */
  bodyStart = 0;

  private position = 0;
  private end = 0;
  private headersStart = 0;
  private recordEnd = 0;
  private remaining = 0;
  private baseOffset = 0;
  private baseTimestampMs = 0;
  private logAppendTimeMs = -1;
  private isLogAppendTime = false;

  /** Opens the batch at `position`, which must be whole; a compressed one is decompressed to at most `decompressedBytesMax` bytes. */
  reset(batch: Uint8Array, position: number, codecs: Codecs, decompressedBytesMax: number): this {
    const attributes = int16At(batch, position + AT.attributes);
    const compression = compressionOf(attributes);
    const end = position + batchSizeAt(batch, position);
    if (end > batch.length || end - position < BATCH_HEADER_BYTES) throw new MalformedBytes(`batch at ${position} is not whole`);
    this.baseOffset = int64At(batch, position);
    this.baseTimestampMs = int64At(batch, position + AT.baseTimestamp);
    this.isLogAppendTime = (attributes & ATTRIBUTE.logAppendTime) !== 0;
    this.logAppendTimeMs = int64At(batch, position + AT.maxTimestamp);
    this.remaining = int32At(batch, position + AT.recordCount);
    if (compression === 'none') {
      this.bytes = batch;
      this.position = position + BATCH_HEADER_BYTES;
      this.end = end;
    } else {
      this.bytes = codecs.compression[compression].decompress(batch.subarray(position + BATCH_HEADER_BYTES, end), decompressedBytesMax);
      this.position = 0;
      this.end = this.bytes.length;
    }
    this.recordEnd = this.position;
    return this;
  }

  /** Lets go of the batch's bytes. */
  release(): void {
    this.bytes = NO_BYTES;
    this.remaining = 0;
    this.recordEnd = this.end = 0;
  }

  /** Records not yet visited, by the header's count. */
  get recordsLeft(): number {
    return this.remaining;
  }

  /** Behind the record at hand. */
  get bodyEnd(): number {
    return this.recordEnd;
  }

  /** Bytes behind the record at hand; 0 after the last record of a well-formed batch. */
  get bytesLeft(): number {
    return this.end - this.recordEnd;
  }

  next(): boolean {
    if (this.remaining <= 0) return false;
    this.remaining -= 1;
    this.position = this.recordEnd;
    const length = this.varint();
    const start = this.position;
    const recordEnd = start + length;
    if (length < 0 || recordEnd > this.end) throw new MalformedBytes(`record of ${length} bytes at ${start}, ${this.end - start} left`);
    this.recordEnd = recordEnd;
    this.position = start + 1;
    const timestampDelta = this.varlong();
    this.timestampMs = this.isLogAppendTime ? this.logAppendTimeMs : this.baseTimestampMs + timestampDelta;
    this.bodyStart = this.position;
    const offsetDelta = this.varint();
    this.offsetDelta = offsetDelta;
    this.offset = this.baseOffset + offsetDelta;
    const keyLength = this.varint();
    if (keyLength < 0) {
      this.keyStart = this.keyEnd = -1;
    } else {
      this.keyStart = this.position;
      this.position = this.keyEnd = this.position + keyLength;
    }
    if (this.position >= recordEnd) throw new MalformedBytes(`key runs past the end of the record at ${start}`);
    const valueLength = this.varint();
    if (valueLength < 0) {
      this.valueStart = this.valueEnd = -1;
    } else {
      this.valueStart = this.position;
      this.position = this.valueEnd = this.position + valueLength;
    }
    if (this.position >= recordEnd) throw new MalformedBytes(`value runs past the end of the record at ${start}`);
    this.headerCount = this.varint();
    this.headersStart = this.position;
    if (this.headerCount === 0 ? this.position !== recordEnd : this.headerCount < 0 || this.headerCount * 2 > recordEnd - this.position) {
      throw new MalformedBytes(`record at ${start} does not end where it says`);
    }
    return true;
  }

  /** A view; null for a null key. */
  key(): Uint8Array | null {
    return this.keyStart < 0 ? null : this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** A view; null for a null value (a tombstone). */
  value(): Uint8Array | null {
    return this.valueStart < 0 ? null : this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  headers(): readonly RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS;
    const headers: RecordHeader[] = [];
    this.walkHeaders((keyStart, keyEnd, valueStart, valueEnd) => {
      const key = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + keyStart, keyEnd - keyStart).toString('utf8');
      headers.push({ key, value: valueStart < 0 ? null : this.bytes.subarray(valueStart, valueEnd) });
    });
    return headers;
  }

  /** The headers as they stand in the record, without their count; a view. Equal bytes are equal headers. */
  headerBytes(): Uint8Array {
    return this.headerCount === 0 ? NO_BYTES : this.bytes.subarray(this.headersStart, this.recordEnd);
  }

  /** Throws MalformedBytes unless the headers fill the record to its end. */
  checkHeaders(): void {
    if (this.headerCount !== 0) this.walkHeaders(undefined);
  }

  /** The record at hand as a value of its own (its bytes are still views of the batch). */
  record(): DecodedRecord {
    return { offset: this.offset, timestampMs: this.timestampMs, key: this.key(), value: this.value(), headers: this.headers() };
  }

  *[Symbol.iterator](): Generator<DecodedRecord> {
    while (this.next()) yield this.record();
  }

  private walkHeaders(visit: ((keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void) | undefined): void {
    this.position = this.headersStart;
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.varint();
      const keyStart = this.position;
      const keyEnd = keyStart + keyLength;
      if (keyLength < 0 || keyEnd >= this.recordEnd) throw new MalformedBytes(`header key of ${keyLength} bytes at ${keyStart}`);
      this.position = keyEnd;
      const valueLength = this.varint();
      const valueStart = this.position;
      this.position = valueStart + Math.max(valueLength, 0);
      if (this.position > this.recordEnd) throw new MalformedBytes(`header value of ${valueLength} bytes at ${valueStart}`);
      visit?.(keyStart, keyEnd, valueLength < 0 ? -1 : valueStart, this.position);
    }
    if (this.position !== this.recordEnd) throw new MalformedBytes(`headers do not end with their record at ${this.recordEnd}`);
  }

  private varint(): number {
    const bytes = this.bytes;
    let position = this.position;
    let byte = position < this.end ? bytes[position]! : this.shortage();
    position += 1;
    let raw = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 28 || position >= this.end) this.shortage();
      byte = bytes[position]!;
      position += 1;
      raw |= (byte & 0x7f) << shift;
    }
    this.position = position;
    return (raw >>> 1) ^ -(raw & 1);
  }

  private varlong(): number {
    const bytes = this.bytes;
    const start = this.position;
    if (start + 4 <= this.end) {
      let raw = bytes[start]!;
      if (raw < 0x80) {
        this.position = start + 1;
        return (raw >>> 1) ^ -(raw & 1);
      }
      const second = bytes[start + 1]!;
      if (second < 0x80) {
        this.position = start + 2;
        raw = (raw & 0x7f) | (second << 7);
        return (raw >>> 1) ^ -(raw & 1);
      }
    }
    return this.longVarlong();
  }

  private longVarlong(): number {
    let raw = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.position >= this.end) this.shortage();
      const byte = this.bytes[this.position]!;
      this.position += 1;
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n)));
    }
    return this.shortage();
  }

  private shortage(): never {
    throw new MalformedBytes(`a number at ${this.position} is too long or runs past the end of the batch`);
  }
}

/** A cursor on the records of the batch at `position`: visit with `next()`, or iterate for values. */
export function recordsOf(batch: Uint8Array, codecs: Codecs, options: { decompressedBytesMax: number; position?: number }): RecordCursor {
  return new RecordCursor().reset(batch, options.position ?? 0, codecs, options.decompressedBytesMax);
}
