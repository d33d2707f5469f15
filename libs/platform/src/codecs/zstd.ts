import * as zlib from 'node:zlib';
import { hasCode, type CompressionCodec } from '@millrace/foundation';
import { corruptCompression, decompressionLimit } from './codec-failures.js';
import { wasmZstd } from './zstd-wasm.js';

/** What node:zlib has from 22.15 on; the types of Node 20 do not know it. */
interface NodeZstd {
  zstdCompressSync(bytes: Uint8Array, options: { params?: Record<number, number> }): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

const DEFAULT_LEVEL = 3;

function nodeZstd(node: NodeZstd): CompressionCodec {
  return {
    compress: (bytes, level) => node.zstdCompressSync(bytes, { params: { [node.constants.ZSTD_c_compressionLevel]: level ?? DEFAULT_LEVEL } }),
    decompress(bytes, outputBytesMax) {
      try {
        return node.zstdDecompressSync(bytes, { maxOutputLength: Math.max(outputBytesMax, 1) });
      } catch (error) {
        throw hasCode(error, 'ERR_BUFFER_TOO_LARGE') ? decompressionLimit('zstd', outputBytesMax) : corruptCompression('zstd', error);
      }
    },
  };
}

/** Node's own where it has one, a WebAssembly build elsewhere. */
export const zstd: CompressionCodec = 'zstdDecompressSync' in zlib ? nodeZstd(zlib as unknown as NodeZstd) : wasmZstd;
