import type { CompressionCodec } from '@millrace/foundation';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { corruptCompression, decompressionLimit } from './codec-failures.js';
import { decodeLz4Block } from './lz4-block.js';

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const UNCOMPRESSED_BIT = 0x80000000;
const BLOCK_BYTES_MAX: Readonly<Record<number, number>> = { 4: 64 * 1024, 5: 256 * 1024, 6: 1024 * 1024, 7: 4 * 1024 * 1024 };

interface Frame {
  readonly start: number;
  readonly end: number;
  /** Where the blocks begin. */
  readonly blocks: number;
  readonly hasBlockChecksums: boolean;
  readonly blockBytesMax: number;
  /** No more than this can come out of it. */
  readonly outputBytesBound: number;
}

/**
 * The LZ4 frame format, as several frames in a row too. The native library cannot bound what it puts out, so the frames' blocks
 * are walked first: where their sizes alone keep within the bound it decodes; otherwise our own decoder does, and stops at the bound.
 */
export const lz4: CompressionCodec = {
  compress: (bytes) => compressFrameSync(asBuffer(bytes)),
  decompress(bytes, outputBytesMax) {
    const source = asBuffer(bytes);
    const frames = framesOf(source);
    const bound = frames.reduce((sum, frame) => sum + frame.outputBytesBound, 0);
    if (bound > outputBytesMax) return decodeBounded(source, frames, outputBytesMax);
    const parts = frames.map((frame) => native(source.subarray(frame.start, frame.end)));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  },
};

function native(frame: Buffer): Buffer {
  try {
    return decompressFrameSync(frame);
  } catch (error) {
    throw corruptCompression('lz4', error);
  }
}

function framesOf(source: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < source.length) {
    const magic = uint32(source, at);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + uint32(source, at + 4);
      continue;
    }
    if (magic !== FRAME_MAGIC) throw corruptCompression('lz4', `no frame begins at ${at}`);
    const frame = frameAt(source, at);
    frames.push(frame);
    at = frame.end;
  }
  if (frames.length === 0) throw corruptCompression('lz4', 'no frame at all');
  return frames;
}

function frameAt(source: Buffer, start: number): Frame {
  if (source.length - start < 7) throw corruptCompression('lz4', 'the header of a frame is cut off');
  const flags = source[start + 4]!;
  const blockBytesMax = BLOCK_BYTES_MAX[(source[start + 5]! >> 4) & 7];
  if (flags >> 6 !== 1 || blockBytesMax === undefined) throw corruptCompression('lz4', 'unknown frame version or block size');
  if ((flags & 0x01) !== 0) throw corruptCompression('lz4', 'a frame with a dictionary');
  const hasBlockChecksums = (flags & 0x10) !== 0;
  const blocks = start + 7 + ((flags & 0x08) !== 0 ? 8 : 0);
  let outputBytesBound = 0;
  let at = blocks;
  for (;;) {
    const word = uint32(source, at);
    at += 4;
    if (word === 0) break;
    const size = word & ~UNCOMPRESSED_BIT;
    if (size > blockBytesMax) throw corruptCompression('lz4', `a block of ${size} bytes, the frame says at most ${blockBytesMax}`);
    outputBytesBound += word >= UNCOMPRESSED_BIT ? size : Math.min(blockBytesMax, size * 255);
    at += size + (hasBlockChecksums ? 4 : 0);
  }
  at += (flags & 0x04) !== 0 ? 4 : 0;
  if (at > source.length) throw corruptCompression('lz4', 'a frame is cut off');
  return { start, end: at, blocks, hasBlockChecksums, blockBytesMax, outputBytesBound };
}

function decodeBounded(source: Buffer, frames: readonly Frame[], outputBytesMax: number): Uint8Array {
  let out = Buffer.allocUnsafe(Math.min(outputBytesMax, Math.max(4 * source.length, 4096)));
  let filled = 0;
  for (const frame of frames) {
    const frameStart = filled;
    for (let at = frame.blocks, word = uint32(source, at); word !== 0; word = uint32(source, at)) {
      const size = word & ~UNCOMPRESSED_BIT;
      const room = Math.min(frame.blockBytesMax, outputBytesMax - filled);
      if (out.length - filled < room) {
        const larger = Buffer.allocUnsafe(Math.min(outputBytesMax, Math.max(out.length * 2, filled + room)));
        out.copy(larger, 0, 0, filled);
        out = larger;
      }
      const end = at + 4 + size;
      filled =
        word >= UNCOMPRESSED_BIT
          ? copyBlock(source, at + 4, end, out, filled, room)
          : decodeLz4Block(source, at + 4, end, out, { start: filled, end: filled + room, windowStart: frameStart });
      if (filled < 0) {
        if (room < frame.blockBytesMax) throw decompressionLimit('lz4', outputBytesMax);
        throw corruptCompression('lz4', `a block at ${at} is larger than its frame allows`);
      }
      at = end + (frame.hasBlockChecksums ? 4 : 0);
    }
  }
  return out.subarray(0, filled);
}

function copyBlock(source: Buffer, start: number, end: number, out: Buffer, filled: number, room: number): number {
  if (end - start > room) return -1;
  source.copy(out, filled, start, end);
  return filled + end - start;
}

function uint32(source: Buffer, at: number): number {
  if (source.length - at < 4) throw corruptCompression('lz4', 'data is cut off');
  return source.readUInt32LE(at);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
