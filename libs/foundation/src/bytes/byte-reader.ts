import { uuidFromBytes, type Uuid } from '../uuid.js';
import { MalformedBytes } from './malformed-bytes.js';

const TWO_32 = 4294967296;

/**
 * Reads Kafka's primitive types (big-endian) from bytes[start, end). Every read is checked against `end` before anything is
 * allocated; a shortage throws MalformedBytes.
 */
export class ByteReader {
  private readonly buffer: Buffer;
  private readonly end: number;
  position: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (start < 0 || end > bytes.length || start > end) throw new MalformedBytes(`range ${start}..${end} of ${bytes.length} bytes`);
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  int8(): number {
    return this.buffer.readInt8(this.advance(1));
  }
  uint8(): number {
    return this.buffer[this.advance(1)]!;
  }
  boolean(): boolean {
    return this.buffer[this.advance(1)] !== 0;
  }
  int16(): number {
    const at = this.advance(2);
    return ((this.buffer[at]! << 24) >> 16) | this.buffer[at + 1]!;
  }
  uint16(): number {
    return this.buffer.readUInt16BE(this.advance(2));
  }
  int32(): number {
    const at = this.advance(4);
    const { buffer } = this;
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
  }
  uint32(): number {
    return this.buffer.readUInt32BE(this.advance(4));
  }
  /** As a double: exact up to 2^53, which offsets and times stay below; beyond it the nearest double. */
  int64(): number {
    const at = this.advance(8);
    const { buffer } = this;
    const high = (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
    const low = (buffer[at + 4]! << 24) | (buffer[at + 5]! << 16) | (buffer[at + 6]! << 8) | buffer[at + 7]!;
    return high * TWO_32 + (low >>> 0);
  }
  bigInt64(): bigint {
    return this.buffer.readBigInt64BE(this.advance(8));
  }
  float64(): number {
    return this.buffer.readDoubleBE(this.advance(8));
  }
  uuid(): Uuid {
    return uuidFromBytes(this.buffer, this.advance(16));
  }
  /** Unsigned varint of at most 32 bits. */
  uvarint(): number {
    const first = this.uint8();
    if (first < 0x80) return first;
    this.position -= 1;
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.uint8();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (result >= TWO_32) break;
        return result;
      }
    }
    throw new MalformedBytes(`varint at ${this.position} has more than 32 bits`);
  }
  /** Zig-zag varint of at most 32 bits. */
  varint(): number {
    const raw = this.uvarint();
    return (raw >>> 1) ^ -(raw & 1);
  }
  /** Zig-zag varint of at most 64 bits, as a double (see int64). */
  varlong(): number {
    const start = this.position;
    let result = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.uint8();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result % 2 === 0 ? result / 2 : -(result + 1) / 2;
    }
    this.position = start;
    return Number(this.bigVarlong());
  }
  bigVarlong(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.uint8();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (result >> 1n) ^ -(result & 1n));
    }
    throw new MalformedBytes(`varlong at ${this.position} has more than 64 bits`);
  }
  /** A view of the next `length` bytes; no copy. */
  bytes(length: number): Uint8Array {
    const at = this.advance(length);
    return this.buffer.subarray(at, at + length);
  }
  utf8(length: number): string {
    const at = this.advance(length);
    return this.buffer.toString('utf8', at, at + length);
  }
  skip(length: number): void {
    this.advance(length);
  }
  /** Refuses a count of items that the bytes left cannot hold, before anything is allocated for them. */
  expectItems(count: number, bytesPerItemMin: number): void {
    if (count < 0 || count * bytesPerItemMin > this.remaining) throw new MalformedBytes(`${count} items do not fit in the ${this.remaining} bytes left at ${this.position}`);
  }

  private advance(length: number): number {
    const at = this.position;
    if (length < 0 || length > this.end - at) throw new MalformedBytes(`${length} bytes wanted at ${at}, ${this.end - at} left`);
    this.position = at + length;
    return at;
  }
}
