import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { COMPRESSION_TYPES, hasCode } from '@millrace/foundation';
import { crc32c, nodeCodecs, systemClock, systemRandom, tableCrc32c, timerScheduler } from './index.js';
import { decodeLz4Block } from './codecs/lz4-block.js';
import { wasmZstd } from './codecs/zstd-wasm.js';

const types = COMPRESSION_TYPES.filter((it) => it !== 'none');

/** Deterministic bytes that compress somewhat. */
function sample(length: number): Buffer {
  const parts: Buffer[] = [];
  for (let size = 0, i = 0; size < length; i++) {
    const part = i % 3 === 0 ? createHash('sha512').update(String(i)).digest() : Buffer.from(`a line of text that comes again, number ${i % 17}\n`.repeat(4));
    parts.push(part);
    size += part.length;
  }
  return Buffer.concat(parts).subarray(0, length);
}

describe('crc32c', () => {
  it('is the checksum of RFC 3720', () => {
    for (const crc of [crc32c, tableCrc32c]) {
      expect(crc(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa);
      expect(crc(new Uint8Array(32).fill(0xff), 0, 32)).toBe(0x62a8ab43);
      expect(crc(Uint8Array.from({ length: 32 }, (_, i) => i), 0, 32)).toBe(0x46dd794e);
    }
  });

  it('is the same by tables and by native code, on every range', () => {
    const bytes = sample(3000);
    fc.assert(fc.property(fc.nat(3000), fc.nat(3000), (a, b) => crc32c(bytes, Math.min(a, b), Math.max(a, b)) === tableCrc32c(bytes, Math.min(a, b), Math.max(a, b))));
  });
});

describe.each(types)('%s', (type) => {
  const codec = nodeCodecs.compression[type];

  it.each([0, 1, 31, 32 * 1024, 64 * 1024 + 1, 700_000])('gives back %i bytes, within exactly that bound', (length) => {
    const bytes = sample(length);
    expect(bytes.equals(codec.decompress(codec.compress(bytes), length))).toBe(true);
  });

  it('refuses one byte more than its bound, also where the size is not written in the data', () => {
    const bytes = sample(300_000);
    expect(() => codec.decompress(codec.compress(bytes), 299_999)).toThrow(expect.objectContaining({ code: 'DECOMPRESSION_LIMIT' }));
  });

  it('takes any bound', () => {
    const bytes = sample(100);
    expect(bytes.equals(codec.decompress(codec.compress(bytes), Number.MAX_SAFE_INTEGER))).toBe(true);
    expect(codec.decompress(codec.compress(new Uint8Array(0)), 0)).toHaveLength(0);
  });

  it('throws nothing but its two codes on mutated data, and never more than its bound', () => {
    const compressed = codec.compress(sample(5000));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(compressed.length - 1), fc.nat(255)), { maxLength: 4 }), fc.nat(compressed.length), (changes, cut) => {
        const bytes = Buffer.from(compressed.subarray(0, cut % 3 === 0 ? cut : compressed.length));
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        try {
          return codec.decompress(bytes, 6000).length <= 6000;
        } catch (error) {
          return hasCode(error, 'CORRUPT_COMPRESSION') || hasCode(error, 'DECOMPRESSION_LIMIT');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('lz4', () => {
  const codec = nodeCodecs.compression.lz4;

  it('reads several frames in a row, by native code and by our own', () => {
    const bytes = sample(200_000);
    const frames = Buffer.concat([codec.compress(bytes), codec.compress(bytes.subarray(0, 1000))]);
    const expected = Buffer.concat([bytes, bytes.subarray(0, 1000)]);
    expect(expected.equals(codec.decompress(frames, 1 << 30))).toBe(true);
    expect(expected.equals(codec.decompress(frames, 201_000))).toBe(true);
  });

  it('reads matches that overlap themselves and long lengths', () => {
    const out = new Uint8Array(400);
    // One literal "a", then a match of 300 at distance 1, then five literals.
    const block = Uint8Array.of(0x1f, 0x61, 0x01, 0x00, 255, 26, 0x50, 0x62, 0x63, 0x64, 0x65, 0x66);
    expect(decodeLz4Block(block, 0, block.length, out, { start: 0, end: 400, windowStart: 0 })).toBe(306);
    expect(Buffer.from(out.subarray(0, 306)).toString()).toBe(`${'a'.repeat(301)}bcdef`);
    expect(decodeLz4Block(block, 0, block.length, out, { start: 0, end: 305, windowStart: 0 })).toBe(-1);
  });
});

describe('snappy', () => {
  it('reads a raw block, as librdkafka writes it', () => {
    // "Wikipedia..." needs no library: length 5, one literal of 5.
    expect(Buffer.from(nodeCodecs.compression.snappy.decompress(Uint8Array.of(5, 4 << 2, 0x68, 0x65, 0x6c, 0x6c, 0x6f), 5)).toString()).toBe('hello');
    expect(() => nodeCodecs.compression.snappy.decompress(Uint8Array.of(5, 4 << 2, 0x68, 0x65, 0x6c, 0x6c, 0x6f), 4)).toThrow(expect.objectContaining({ code: 'DECOMPRESSION_LIMIT' }));
  });

  it('writes the xerial framing', () => {
    expect(Buffer.from(nodeCodecs.compression.snappy.compress(Buffer.from('x'))).toString('hex', 0, 16)).toBe('82534e41505059000000000100000001');
  });
});

describe('zstd', () => {
  it('serves from WebAssembly, whatever this Node has', () => {
    const bytes = sample(400_000);
    expect(bytes.equals(wasmZstd.decompress(wasmZstd.compress(bytes), 400_000))).toBe(true);
    expect(bytes.equals(nodeCodecs.compression.zstd.decompress(wasmZstd.compress(bytes, 9), 400_000))).toBe(true);
  });

  it('reads a stream that does not say its size', () => {
    // `printf hello | zstd -c --no-check`, from the zstd command line: a streamed frame has no content size.
    const streamed = Buffer.from('28b52ffd0058290000' + Buffer.from('hello').toString('hex'), 'hex');
    expect(Buffer.from(wasmZstd.decompress(streamed, 5)).toString()).toBe('hello');
    expect(() => wasmZstd.decompress(streamed, 4)).toThrow(expect.objectContaining({ code: 'DECOMPRESSION_LIMIT' }));
  });
});

describe('the machine', () => {
  it('has time that goes forward, chance within bounds, and calls that can be called off', async () => {
    const start = systemClock.monotonicMs();
    expect(Array.from({ length: 200 }, () => systemRandom.integer(3)).every((it) => it >= 0 && it < 3)).toBe(true);
    expect(systemRandom.bytes(16)).toHaveLength(16);
    let cancelled = false;
    timerScheduler.after(1, () => (cancelled = true)).cancel();
    await new Promise<void>((resolve) => {
      const keepAlive = setInterval(() => undefined, 50);
      timerScheduler.after(5, () => (clearInterval(keepAlive), resolve()));
    });
    expect(cancelled).toBe(false);
    expect(systemClock.monotonicMs()).toBeGreaterThan(start);
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
  });
});
