import { invariant } from '../invariant.js';
import { uuidToBytes, type Uuid } from '../uuid.js';

const TWO_32 = 4294967296;
const SHORT_TEXT_UNITS = 64;

/** The low 32 bits of `value`, an integer. */
function putInt32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** A part of the output that is closed: bytes of this writer or bytes that it shares with their owner. */
interface Chunk {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly isShared: boolean;
}

/**
 * Writes Kafka's primitive types (big-endian) into a buffer that grows. Large values may be appended without a copy
 * (appendShared); the output is then a list of chunks (takeChunks), and positions count through all of them.
 */
export class ByteWriter {
  /** What is written after the last chunk: buffer[0, length). */
  private buffer: Buffer;
  private length = 0;
  private chunks: Chunk[] = [];
  /** Bytes in `chunks`. */
  private chunkBytes = 0;

  constructor(initialCapacity = 256) {
    this.buffer = Buffer.allocUnsafe(initialCapacity);
  }

  get position(): number {
    return this.chunkBytes + this.length;
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
    // Buffer refuses what is no int32; what is one needs no call.
    if ((value | 0) === value) putInt32(this.buffer, at, value);
    else this.buffer.writeInt32BE(value, at);
  }
  uint32(value: number): void {
    const at = this.grow(4);
    this.buffer.writeUInt32BE(value, at);
  }
  /** From a double; integers beyond 2^53 must use bigInt64. 2^63, which is what the largest int64 reads as, is written as that. */
  int64(value: number): void {
    const at = this.grow(8);
    const high = Math.floor(value / TWO_32);
    if (high === 0x80000000) {
      this.buffer.fill(0xff, at, at + 8);
      this.buffer[at] = 0x7f;
      return;
    }
    if ((high | 0) === high) putInt32(this.buffer, at, high);
    else this.buffer.writeInt32BE(high, at);
    putInt32(this.buffer, at + 4, value - high * TWO_32);
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
    if (value.length <= SHORT_TEXT_UNITS && this.ascii(value)) return value.length;
    const size = Buffer.byteLength(value);
    const at = this.grow(size);
    this.buffer.write(value, at, size, 'utf8');
    return size;
  }
  /**
   * Appends bytes without copying them. Their owner must leave them alone until the output has been used up. Short ones are better
   * copied (`bytes`): each chunk costs the socket a vector entry.
   */
  appendShared(bytes: Uint8Array): void {
    this.closeChunk();
    this.chunks.push({ start: this.chunkBytes, bytes, isShared: true });
    this.chunkBytes += bytes.length;
  }
  /** Leaves room to be patched later; returns where. */
  reserve(length: number): number {
    return this.chunkBytes + this.grow(length);
  }
  patchInt32(position: number, value: number): void {
    const { bytes, at } = this.own(position, 4);
    bytes.writeInt32BE(value, at);
  }
  patchInt16(position: number, value: number): void {
    const { bytes, at } = this.own(position, 2);
    bytes.writeInt16BE(value, at);
  }
  patchUint8(position: number, value: number): void {
    const { bytes, at } = this.own(position, 1);
    bytes[at] = value;
  }
  /** A view of what was written, valid until the next write; a copy when there are shared bytes in it. */
  view(): Uint8Array {
    const tail = this.buffer.subarray(0, this.length);
    return this.chunks.length === 0 ? tail : Buffer.concat([...this.chunks.map((it) => it.bytes), tail]);
  }
  /** Hands the bytes over and starts anew: the writer never touches them again. A copy when there are shared bytes among them. */
  take(): Uint8Array {
    const taken = this.view();
    this.startAnew();
    return taken;
  }
  /** Like take, without a copy: the bytes in order, in one or more parts. */
  takeChunks(): Uint8Array[] {
    this.closeChunk();
    const taken = this.chunks.map((it) => it.bytes);
    this.startAnew();
    return taken;
  }
  /** Forgets what was written and keeps the memory. */
  reset(): void {
    this.length = 0;
    this.chunks = [];
    this.chunkBytes = 0;
  }

  private startAnew(): void {
    this.buffer = Buffer.allocUnsafe(256);
    this.reset();
  }

  /** Writes the text if it is ASCII alone: for a short one a loop is faster than a call out of JavaScript. */
  private ascii(value: string): boolean {
    const at = this.grow(value.length);
    const { buffer } = this;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) {
        this.length = at;
        return false;
      }
      buffer[at + i] = unit;
    }
    return true;
  }

  /** What was written since the last chunk becomes one; writing goes on in the rest of the same memory. */
  private closeChunk(): void {
    if (this.length === 0) return;
    this.chunks.push({ start: this.chunkBytes, bytes: this.buffer.subarray(0, this.length), isShared: false });
    this.buffer = this.buffer.subarray(this.length);
    this.chunkBytes += this.length;
    this.length = 0;
  }

  /** Where this writer itself wrote `position`. */
  private own(position: number, length: number): { bytes: Buffer; at: number } {
    if (position >= this.chunkBytes) {
      invariant(position + length <= this.position, 'a patch lies within what was written');
      return { bytes: this.buffer, at: position - this.chunkBytes };
    }
    const chunk = this.chunks.findLast((it) => it.start <= position);
    invariant(chunk !== undefined && !chunk.isShared && position + length <= chunk.start + chunk.bytes.length, 'a patch lies within bytes of the writer');
    return { bytes: Buffer.from(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.length), at: position - chunk.start };
  }

  private grow(length: number): number {
    const at = this.length;
    const needed = at + length;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2, 256));
      larger.set(this.buffer.subarray(0, at));
      this.buffer = larger;
    }
    this.length = needed;
    return at;
  }
}
