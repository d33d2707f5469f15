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

  it('shares large values: chunks in order, one position through all of them, patches in any of the own ones', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ bytes, shared: false })), fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => ({ bytes, shared: true }))), { maxLength: 12 }), (parts) => {
        const writer = new ByteWriter(4);
        const start = writer.reserve(4);
        for (const { bytes, shared } of parts) {
          if (shared) writer.appendShared(bytes);
          else writer.bytes(bytes);
        }
        const end = writer.reserve(2);
        writer.patchInt32(start, writer.position);
        writer.patchInt16(end, parts.length);
        const expected = Buffer.concat([Buffer.from([0, 0, 0, writer.position]), ...parts.map((it) => it.bytes), Buffer.from([0, parts.length])]);
        expect(Buffer.from(writer.view())).toEqual(expected);
        const chunks = writer.takeChunks();
        expect(Buffer.concat(chunks)).toEqual(expected);
        for (const { bytes, shared } of parts) expect(chunks.includes(bytes)).toBe(shared);
        expect(writer.position).toBe(0);
        writer.uint8(7);
        expect([...writer.take()]).toEqual([7]);
        expect(Buffer.concat(chunks)).toEqual(expected);
      }),
    );
  });

  it('never patches bytes that belong to someone else', () => {
    const writer = new ByteWriter();
    writer.appendShared(new Uint8Array(8));
    writer.int32(1);
    expect(() => writer.patchInt32(0, 1)).toThrow(/bytes of the writer/);
    expect(() => writer.patchInt32(9, 1)).toThrow(/within what was written/);
  });

  it('writes the largest int64 as it was read', () => {
    const largest = Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    const writer = new ByteWriter();
    writer.int64(new ByteReader(largest).int64());
    expect([...writer.take()]).toEqual([...largest]);
  });
});
