import type { Crc32c } from '@millrace/foundation';

/** Below this many bytes the call into native code costs more than the table walk. */
const NATIVE_FROM_BYTES = 192;
const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256: one step of the walk takes eight bytes. */
const tables = makeTables();

function makeTables(): Uint32Array {
  const made = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    made[byte] = crc;
  }
  for (let i = 256; i < made.length; i++) made[i] = (made[i - 256]! >>> 8) ^ made[made[i - 256]! & 0xff]!;
  return made;
}

/** Slice-by-8 without native code; the same answer as `crc32c`. */
export const tableCrc32c: Crc32c = (bytes, start, end) => {
  let crc = -1;
  let at = start;
  for (const wide = end - 7; at < wide; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      tables[1792 + (crc & 0xff)]! ^
      tables[1536 + ((crc >>> 8) & 0xff)]! ^
      tables[1280 + ((crc >>> 16) & 0xff)]! ^
      tables[1024 + (crc >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
};

function nativeCrc32c(): ((bytes: Uint8Array) => number) | undefined {
  try {
    return (require('@node-rs/crc32') as typeof import('@node-rs/crc32')).crc32c;
  } catch {
    return undefined; // No native build for this machine: the tables serve everything.
  }
}

const native = nativeCrc32c();

export const crc32c: Crc32c = native === undefined ? tableCrc32c : (bytes, start, end) => (end - start < NATIVE_FROM_BYTES ? tableCrc32c(bytes, start, end) : native(bytes.subarray(start, end)) >>> 0);
