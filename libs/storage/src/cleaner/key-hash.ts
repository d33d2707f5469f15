import { invariant } from '@millrace/foundation';

const ROUNDS = 8;

/**
 * Chaskey (ISO/IEC 29192-6), a keyed hash of 128 bits on 32-bit words: two keys with one hash would lose a record, so it must be wide, and with a secret key nobody can
 * prepare such a pair. `of` leaves the four words in `h0` to `h3`; nothing is allocated.
 */
export class KeyHash {
  h0 = 0;
  h1 = 0;
  h2 = 0;
  h3 = 0;
  private readonly key = new Int32Array(4);
  /** For messages that end with a whole block, and for others: the key doubled once and twice in GF(2^128). */
  private readonly wholeKey: Int32Array;
  private readonly partKey: Int32Array;

  constructor(secret: Uint8Array) {
    invariant(secret.length === 16, 'the secret of a key hash has 16 bytes');
    for (let i = 0; i < 4; i++) this.key[i] = secret[i * 4]! | (secret[i * 4 + 1]! << 8) | (secret[i * 4 + 2]! << 16) | (secret[i * 4 + 3]! << 24);
    this.wholeKey = doubled(this.key);
    this.partKey = doubled(this.wholeKey);
  }

  of(bytes: Uint8Array, start: number, end: number): void {
    this.h0 = this.key[0]!;
    this.h1 = this.key[1]!;
    this.h2 = this.key[2]!;
    this.h3 = this.key[3]!;
    let at = start;
    for (; end - at > 16; at += 16) {
      this.h0 ^= word(bytes, at);
      this.h1 ^= word(bytes, at + 4);
      this.h2 ^= word(bytes, at + 8);
      this.h3 ^= word(bytes, at + 12);
      this.permute();
    }
    const last = end - at === 16 ? this.wholeKey : this.partKey;
    this.h0 ^= padded(bytes, at, end) ^ last[0]!;
    this.h1 ^= padded(bytes, at + 4, end) ^ last[1]!;
    this.h2 ^= padded(bytes, at + 8, end) ^ last[2]!;
    this.h3 ^= padded(bytes, at + 12, end) ^ last[3]!;
    this.permute();
    this.h0 ^= last[0]!;
    this.h1 ^= last[1]!;
    this.h2 ^= last[2]!;
    this.h3 ^= last[3]!;
  }

  private permute(): void {
    let v0 = this.h0;
    let v1 = this.h1;
    let v2 = this.h2;
    let v3 = this.h3;
    for (let i = 0; i < ROUNDS; i++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 13) | (v3 >>> 19)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 7) | (v1 >>> 25)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.h0 = v0;
    this.h1 = v1;
    this.h2 = v2;
    this.h3 = v3;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The message is followed by a 1 and zeroes, where its last block is not whole. */
function padded(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return word(bytes, at);
  let value = 0;
  for (let i = 0; i < 4; i++) {
    if (at + i < end) value |= bytes[at + i]! << (8 * i);
    else if (at + i === end) value |= 1 << (8 * i);
  }
  return value;
}

function doubled(key: Int32Array): Int32Array {
  const carry = key[3]! < 0 ? 0x87 : 0;
  return Int32Array.of((key[0]! << 1) ^ carry, (key[1]! << 1) | (key[0]! >>> 31), (key[2]! << 1) | (key[1]! >>> 31), (key[3]! << 1) | (key[2]! >>> 31));
}
