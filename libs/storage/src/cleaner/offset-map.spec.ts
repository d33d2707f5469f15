import fc from 'fast-check';
import { CleanerMemory } from './cleaner-memory.js';
import { KeyHash } from './key-hash.js';
import { OffsetMap } from './offset-map.js';
import { groupSegments } from './segment-groups.js';

describe('KeyHash', () => {
  it('is Chaskey, by the vectors of its reference', () => {
    const secret = Buffer.alloc(16);
    [0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39].forEach((it, i) => secret.writeUInt32LE(it, i * 4));
    const hash = new KeyHash(secret);
    const message = Uint8Array.from({ length: 64 }, (_, i) => i);
    const of = (length: number): string[] => {
      hash.of(message, 0, length);
      return [hash.h0, hash.h1, hash.h2, hash.h3].map((it) => (it >>> 0).toString(16).padStart(8, '0'));
    };
    expect(of(0)).toEqual(['792e8fe5', '75ce87aa', '2d1450b5', '1191970b']);
    expect(of(1)).toEqual(['13a9307b', '50e62c89', '4577bd88', 'c0bbdc18']);
    expect(of(3)).toEqual(['1bdbb264', 'a07680d8', '8e5b2ab8', '20660413']);
    expect(of(7)).toEqual(['7f670454', 'f25b03e0', '19d68362', '9f4d24d8']);
    expect(of(15)).toEqual(['51b94da4', 'efcc4de8', '192412ea', 'bbc170dd']);
    expect(of(16)).toEqual(['79271ca9', 'd66a1c71', '81ca474e', '49831cad']);
  });
});

describe('OffsetMap', () => {
  const make = (memory: CleanerMemory, memoryBytes: number, keysMax = 1000): OffsetMap => new OffsetMap(new KeyHash(Buffer.alloc(16, 7)), 5_000_000_000, { memory, memoryBytes, loadFactor: 0.9, keysMax });

  it('has the last offset of each key, also in memory that held others, also far apart', () => {
    const memory = new CleanerMemory();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 40 }), fc.nat(4_000_000_000)), { maxLength: 300 }), (entries) => {
        const map = make(memory, 100_000);
        const model = new Map<string, number>();
        for (const [key, relative] of entries) {
          const bytes = Buffer.from(`..${key}`);
          map.put(bytes, 2, bytes.length, 5_000_000_000 + relative);
          model.set(key, 5_000_000_000 + relative);
        }
        expect(map.size).toBe(model.size);
        for (const [key, offset] of model) expect(map.get(Buffer.from(key), 0, Buffer.byteLength(key))).toBe(offset);
        expect(map.get(Buffer.from('not there'.repeat(6)), 0, 54)).toBe(-1);
      }),
    );
  });

  it('is full before its memory is, and small where there are few keys', () => {
    const map = make(new CleanerMemory(), 16 * 100);
    let count = 0;
    for (; !map.isFull; count++) map.put(Buffer.from([count]), 0, 1, 5_000_000_000 + count);
    expect([count, map.utilization]).toEqual([90, 1]);
    expect(map.get(Buffer.from('absent'), 0, 6)).toBe(-1);
    const words: number[] = [];
    const memory = new CleanerMemory();
    memory.takeWords = (wanted) => (words.push(wanted), new Int32Array(wanted));
    make(memory, 134_217_728, 10);
    expect(words[0]).toBeLessThan(100);
  });
});

describe('groupSegments', () => {
  const segment = (baseOffset: number, bytes: number, endOffset = baseOffset + 10): Parameters<typeof groupSegments>[0][number] => ({ baseOffset, bytes, endOffset, offsetIndexBytes: bytes / 10, timeIndexBytes: bytes / 5 });
  const bases = (segments: readonly ReturnType<typeof segment>[], limits: { segmentBytes: number; segmentIndexBytes: number }): number[][] =>
    groupSegments(segments, { ...limits, firstUncleanableOffset: segments.at(-1)!.endOffset }).map((it) => it.map((source) => source.baseOffset));

  it('goes by the size of the log, of the indexes, and the distance of offsets', () => {
    const segments = [segment(0, 40), segment(10, 40), segment(20, 40), segment(30, 200), segment(40, 10)];
    expect(bases(segments, { segmentBytes: 100, segmentIndexBytes: 1000 })).toEqual([[0, 10], [20], [30], [40]]);
    expect(bases(segments, { segmentBytes: 1000, segmentIndexBytes: 16 })).toEqual([[0, 10], [20], [30], [40]]);
    expect(bases(segments, { segmentBytes: 1000, segmentIndexBytes: 1000 })).toEqual([[0, 10, 20, 30, 40]]);
    const far = [segment(0, 10), segment(10, 10, 2_147_483_649), segment(2_147_483_649, 10), segment(2_147_483_659, 0)];
    expect(bases(far, { segmentBytes: 1000, segmentIndexBytes: 1000 })).toEqual([[0], [10], [2_147_483_649, 2_147_483_659]]);
    const near = [segment(0, 10), segment(10, 10, 2_147_483_648), segment(2_147_483_648, 10)];
    expect(bases(near, { segmentBytes: 1000, segmentIndexBytes: 1000 })).toEqual([[0, 10], [2_147_483_648]]);
  });
});
