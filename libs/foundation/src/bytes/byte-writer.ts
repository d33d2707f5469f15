import { uuidToBytes, type Uuid } from '../uuid.js';

const TWO_32 = 4294967296;

/** Writes Kafka's primitive types (big-endian) into a buffer that grows. */
export class ByteWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(initialCapacity = 256) {
    this.buffer = Buffer.allocUnsafe(initialCapacity);
  }

  get position(): number {
    return this.length;
  }

  int8(value: number): void {
    const at = this.grow(1);
    this.buffer.writeInt8(value, at);
  }
  uint8(value: number): void {
    const at = this.grow(1);
    this.buffer[at] = value;
  }
  boolean(value: boolean): void {
    const at = this.grow(1);
    this.buffer[at] = value ? 1 : 0;
  }
  int16(value: number): void {
    const at = this.grow(2);
    this.buffer.writeInt16BE(value, at);
  }
  uint16(value: number): void {
    const at = this.grow(2);
    this.buffer.writeUInt16BE(value, at);
  }
  int32(value: number): void {
    const at = this.grow(4);
    this.buffer.writeInt32BE(value, at);
  }
  uint32(value: number): void {
    const at = this.grow(4);
    this.buffer.writeUInt32BE(value, at);
  }
  /** From a double; integers beyond 2^53 must use bigInt64. */
  int64(value: number): void {
    const at = this.grow(8);
    const high = Math.floor(value / TWO_32);
    this.buffer.writeInt32BE(high, at);
    this.buffer.writeUInt32BE(value - high * TWO_32, at + 4);
  }
  bigInt64(value: bigint): void {
    const at = this.grow(8);
    this.buffer.writeBigInt64BE(value, at);
  }
  float64(value: number): void {
    const at = this.grow(8);
    this.buffer.writeDoubleBE(value, at);
  }
  uuid(value: Uuid): void {
    this.bytes(uuidToBytes(value));
  }
  uvarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.uint8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.uint8(rest);
  }
  varint(value: number): void {
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0);
  }
  /** From a double; beyond 2^52 use bigVarlong. */
  varlong(value: number): void {
    this.uvarint(value >= 0 ? value * 2 : -value * 2 - 1);
  }
  bigVarlong(value: bigint): void {
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest >= 0x80n) {
      this.uint8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.uint8(Number(rest));
  }
  bytes(value: Uint8Array): void {
    const at = this.grow(value.length);
    this.buffer.set(value, at);
  }
  /** Writes the text and returns how many bytes it took. */
  utf8(value: string): number {
    const size = Buffer.byteLength(value);
    const at = this.grow(size);
    this.buffer.write(value, at, size, 'utf8');
    return size;
  }
  /** Leaves room to be patched later; returns where. */
  reserve(length: number): number {
    return this.grow(length);
  }
  patchInt32(position: number, value: number): void {
    this.buffer.writeInt32BE(value, position);
  }
  patchInt16(position: number, value: number): void {
    this.buffer.writeInt16BE(value, position);
  }
  /** A view of what was written; valid until the next write. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
  /** Hands the bytes over and starts anew: the writer never touches them again. */
  take(): Uint8Array {
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafe(256);
    this.length = 0;
    return taken;
  }
  /** Forgets what was written and keeps the memory. */
  reset(): void {
    this.length = 0;
  }

  private grow(length: number): number {
    const at = this.length;
    const needed = at + length;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
      larger.set(this.buffer.subarray(0, at));
      this.buffer = larger;
    }
    this.length = needed;
    return at;
  }
}
