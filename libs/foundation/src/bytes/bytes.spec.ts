import fc from 'fast-check';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

describe('bytes', () => {
  it('reads back each number that it wrote', () => {
    fc.assert(
      fc.property(fc.integer(), fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.string(), (small, large, huge, text) => {
        const writer = new ByteWriter(1);
        writer.varint(small);
        writer.int32(small);
        writer.uvarint(small >>> 0);
        writer.int64(large);
        writer.bigVarlong(BigInt(large));
        writer.bigInt64(huge);
        writer.bigVarlong(huge);
        const size = writer.utf8(text);
        const reader = new ByteReader(writer.take());
        expect([reader.varint(), reader.int32(), reader.uvarint(), reader.int64(), reader.varlong(), reader.bigInt64(), reader.bigVarlong()]).toEqual([small, small, small >>> 0, large, large, huge, huge]);
        expect(Buffer.from(reader.utf8(size)).toString()).toBe(Buffer.from(text).toString());
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('refuses what is not there, before it allocates', () => {
    const reader = new ByteReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x01));
    expect(() => reader.bytes(7)).toThrow(/7 bytes wanted/);
    expect(() => reader.expectItems(2_000_000_000, 1)).toThrow(/do not fit/);
    expect(() => reader.uvarint()).toThrow(/more than 32 bits/);
  });
});
