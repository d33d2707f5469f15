import type { CompressionCodec } from '@millrace/foundation';
import { compressSync, uncompressSync } from 'snappy';
import { corruptCompression, decompressionLimit } from './codec-failures.js';

/** The frame that snappy-java (xerial) writes: this header with two version numbers, then blocks with an int32 length before each. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;
/** snappy-java's own block size. */
const XERIAL_BLOCK_BYTES = 32 * 1024;

export const snappy: CompressionCodec = { compress: compressXerial, decompress: (bytes, outputBytesMax) => (isXerial(bytes) ? decompressXerial(bytes, outputBytesMax) : decompressRaw(bytes, outputBytesMax)) };

function compressXerial(bytes: Uint8Array): Uint8Array {
  const blocks: Buffer[] = [];
  let size = XERIAL_HEADER_BYTES;
  for (let at = 0; at < bytes.length; at += XERIAL_BLOCK_BYTES) {
    const block = compressSync(asBuffer(bytes.subarray(at, at + XERIAL_BLOCK_BYTES)));
    blocks.push(block);
    size += 4 + block.length;
  }
  const out = Buffer.allocUnsafe(size);
  XERIAL_MAGIC.copy(out);
  out.writeInt32BE(1, 8);
  out.writeInt32BE(1, 12);
  let at = XERIAL_HEADER_BYTES;
  for (const block of blocks) {
    out.writeInt32BE(block.length, at);
    block.copy(out, at + 4);
    at += 4 + block.length;
  }
  return out;
}

function isXerial(bytes: Uint8Array): boolean {
  return bytes.length >= XERIAL_HEADER_BYTES && XERIAL_MAGIC.equals(bytes.subarray(0, XERIAL_MAGIC.length));
}

function decompressXerial(bytes: Uint8Array, outputBytesMax: number): Uint8Array {
  const source = asBuffer(bytes);
  let size = 0;
  for (let at = XERIAL_HEADER_BYTES; at < source.length; ) {
    const end = xerialBlockEnd(source, at);
    size += rawSize(source, at + 4, end);
    if (size > outputBytesMax) throw decompressionLimit('snappy', outputBytesMax);
    at = end;
  }
  const out = Buffer.allocUnsafe(size);
  let filled = 0;
  for (let at = XERIAL_HEADER_BYTES; at < source.length; ) {
    const end = xerialBlockEnd(source, at);
    const block = uncompress(source.subarray(at + 4, end));
    out.set(block, filled);
    filled += block.length;
    at = end;
  }
  return out;
}

function xerialBlockEnd(source: Buffer, at: number): number {
  if (source.length - at < 4) throw corruptCompression('snappy', 'the length of a block is cut off');
  const length = source.readInt32BE(at);
  if (length <= 0 || length > source.length - at - 4) throw corruptCompression('snappy', `a block of ${length} bytes where ${source.length - at - 4} are left`);
  return at + 4 + length;
}

function decompressRaw(bytes: Uint8Array, outputBytesMax: number): Uint8Array {
  if (rawSize(bytes, 0, bytes.length) > outputBytesMax) throw decompressionLimit('snappy', outputBytesMax);
  return uncompress(asBuffer(bytes));
}

/** A raw block begins with its size when decompressed; the library allocates exactly that. */
function rawSize(bytes: Uint8Array, start: number, end: number): number {
  let size = 0;
  for (let at = start, shift = 0; at < end && shift < 35; at++, shift += 7) {
    const byte = bytes[at]!;
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return size;
  }
  throw corruptCompression('snappy', 'a block without its size');
}

function uncompress(block: Buffer): Buffer {
  try {
    return uncompressSync(block, { asBuffer: true }) as Buffer;
  } catch (error) {
    throw corruptCompression('snappy', error);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
