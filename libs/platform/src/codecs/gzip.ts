import { kMaxLength } from 'node:buffer';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { hasCode, type CompressionCodec } from '@millrace/foundation';
import { corruptCompression, decompressionLimit } from './codec-failures.js';

const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 256 * 1024;

export const gzip: CompressionCodec = {
  compress: (bytes, level) => gzipSync(bytes, { level: level ?? constants.Z_DEFAULT_COMPRESSION, chunkSize: clamp(bytes.length) }),
  decompress(bytes, outputBytesMax) {
    try {
      // zlib counts a limit of 0 as none, and knows none above that of a buffer.
      return gunzipSync(bytes, { maxOutputLength: Math.min(Math.max(outputBytesMax, 1), kMaxLength), chunkSize: clamp(Math.min(bytes.length * 4, outputBytesMax)) });
    } catch (error) {
      throw hasCode(error, 'ERR_BUFFER_TOO_LARGE') ? decompressionLimit('gzip', outputBytesMax) : corruptCompression('gzip', error);
    }
  },
};

function clamp(bytes: number): number {
  return Math.min(Math.max(bytes, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
}
