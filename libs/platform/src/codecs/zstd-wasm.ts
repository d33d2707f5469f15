import { readFileSync } from 'node:fs';
import type { CompressionCodec } from '@millrace/foundation';
import { corruptCompression, decompressionLimit } from './codec-failures.js';
import { zstdOutputBound } from './zstd-frame.js';

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Node has it, the compiler's `lib` without a browser has not. */
declare const WebAssembly: { Module: new (code: Uint8Array) => object; Instance: new (module: object, imports: object) => { readonly exports: object } };

/** What the module exports, by the names that its build gave them (version 1.0.1, pinned). */
interface Exports {
  readonly c: Memory;
  readonly d: () => void;
  readonly f: (size: number) => number;
  readonly g: (pointer: number) => void;
  readonly h: (size: number) => number;
  readonly i: (to: number, toSize: number, from: number, fromSize: number, level: number) => number;
  readonly j: (to: number, toSize: number, from: number, fromSize: number) => number;
}

const PAGE_BYTES = 65536;
const DEFAULT_LEVEL = 3;

/** libzstd in WebAssembly: its own package loads it asynchronously, the port is synchronous, so the module is instantiated here. */
class WasmZstd implements CompressionCodec {
  private exports: Exports | undefined;

  compress(bytes: Uint8Array, level = DEFAULT_LEVEL): Uint8Array {
    const wasm = this.loaded();
    const room = wasm.h(bytes.length);
    const size = this.call(bytes, room, (to, from) => wasm.i(to, room, from, bytes.length, level));
    if (size === undefined) throw corruptCompression('zstd', 'compression failed');
    return size;
  }

  decompress(bytes: Uint8Array, outputBytesMax: number): Uint8Array {
    const bound = zstdOutputBound(bytes);
    const room = Math.min(bound, outputBytesMax);
    const wasm = this.loaded();
    const out = this.call(bytes, room, (to, from) => wasm.j(to, room, from, bytes.length));
    if (out !== undefined) return out;
    if (bound > outputBytesMax) throw decompressionLimit('zstd', outputBytesMax);
    throw corruptCompression('zstd', 'libzstd refuses it');
  }

  private call(bytes: Uint8Array, room: number, run: (to: number, from: number) => number): Uint8Array | undefined {
    const wasm = this.loaded();
    const from = this.allocate(wasm, bytes.length);
    const to = this.allocate(wasm, room);
    try {
      new Uint8Array(wasm.c.buffer).set(bytes, from);
      const size = run(to, from);
      return size < 0 ? undefined : Buffer.from(new Uint8Array(wasm.c.buffer, to, size));
    } finally {
      wasm.g(from);
      wasm.g(to);
    }
  }

  private allocate(wasm: Exports, size: number): number {
    const pointer = wasm.f(Math.max(size, 1));
    if (pointer === 0) throw corruptCompression('zstd', `no memory for ${size} bytes`);
    return pointer;
  }

  private loaded(): Exports {
    this.exports ??= instantiate();
    return this.exports;
  }
}

function instantiate(): Exports {
  const file = require.resolve('@foxglove/wasm-zstd/dist/wasm-zstd.wasm');
  const held: { memory?: Memory } = {};
  const grow = (size: number): number => {
    const { memory } = held;
    if (memory === undefined) return 0;
    try {
      memory.grow(Math.max(0, Math.ceil(((size >>> 0) - memory.buffer.byteLength) / PAGE_BYTES)));
      return 1;
    } catch {
      return 0;
    }
  };
  const copy = (to: number, from: number, size: number): void => {
    if (held.memory !== undefined) new Uint8Array(held.memory.buffer).copyWithin(to, from, from + size);
  };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), { a: { a: grow, b: copy } });
  const exports = instance.exports as Exports;
  held.memory = exports.c;
  exports.d();
  return exports;
}

export const wasmZstd: CompressionCodec = new WasmZstd();
