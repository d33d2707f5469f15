import { hasCode } from '@millrace/foundation';
import { corruptCompression } from './codec-failures.js';

const FRAME_MAGIC = 0xfd2fb528;
const BLOCK_BYTES_MAX = 128 * 1024;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/**
 * An upper bound of what the frames decompress to, from their headers alone: the content size where a frame has it, otherwise
 * what its blocks can hold at the most.
 */
export function zstdOutputBound(bytes: Uint8Array): number {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let bound = 0;
  let at = 0;
  try {
    while (at < source.length) {
      const magic = source.readUInt32LE(at);
      if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
        at += 8 + source.readUInt32LE(at + 4);
        continue;
      }
      if (magic !== FRAME_MAGIC) throw corruptCompression('zstd', `no frame begins at ${at}`);
      const frame = boundOfFrame(source, at);
      bound += frame.bound;
      at = frame.end;
    }
  } catch (error) {
    throw hasCode(error, 'ERR_OUT_OF_RANGE') || hasCode(error, 'ERR_BUFFER_OUT_OF_BOUNDS') ? corruptCompression('zstd', 'data is cut off') : error;
  }
  return bound;
}

function boundOfFrame(source: Buffer, start: number): { bound: number; end: number } {
  const descriptor = source.readUInt8(start + 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeCode = descriptor >> 6;
  const sizeBytes = sizeCode === 0 && isSingleSegment ? 1 : CONTENT_SIZE_BYTES[sizeCode]!;
  let at = start + 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]!;
  const contentSize = sizeBytes === 0 ? undefined : contentSizeAt(source, at, sizeBytes);
  at += sizeBytes;
  let blocks = 0;
  for (let isLast = false; !isLast; ) {
    const word = source.readUIntLE(at, 3);
    isLast = (word & 1) === 1;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    blocks += type === 2 ? BLOCK_BYTES_MAX : size;
    at += 3 + (type === 1 ? 1 : size);
  }
  at += (descriptor & 0x04) !== 0 ? 4 : 0;
  if (at > source.length) throw corruptCompression('zstd', 'a frame is cut off');
  return { bound: contentSize ?? blocks, end: at };
}

function contentSizeAt(source: Buffer, at: number, sizeBytes: number): number {
  if (sizeBytes === 8) return Number(source.readBigUInt64LE(at));
  const size = source.readUIntLE(at, sizeBytes);
  return sizeBytes === 2 ? size + 256 : size;
}
