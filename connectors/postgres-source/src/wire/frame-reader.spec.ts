import fc from 'fast-check';
import { FrameReader } from './frame-reader.js';

function frame(type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(body.length + 5);
  bytes[0] = type;
  bytes.writeUInt32BE(body.length + 4, 1);
  bytes.set(body, 5);
  return bytes;
}

describe('FrameReader', () => {
  it('gives the same messages however the bytes are cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ type: fc.integer({ min: 1, max: 255 }), body: fc.uint8Array({ maxLength: 40 }) })), fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (messages, sizes) => {
        const bytes = Buffer.concat(messages.map((it) => frame(it.type, it.body)));
        const reader = new FrameReader();
        const seen: { type: number; body: Uint8Array }[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!;
          reader.push(Buffer.from(bytes.subarray(at, at + size)));
          at += size;
          while (reader.next()) seen.push({ type: reader.type, body: new Uint8Array(reader.bytes.subarray(reader.start, reader.end)) });
        }
        expect(seen).toEqual(messages);
        expect(reader.queuedBytes).toBe(0);
        expect(reader.isReady).toBe(false);
      }),
    );
  });

  it('does not copy a message that lies within one chunk', () => {
    const reader = new FrameReader();
    const chunk = frame(0x64, Buffer.from('abc'));
    reader.push(chunk);
    expect(reader.next()).toBe(true);
    expect(reader.bytes).toBe(chunk);
  });

  it('refuses a length that cannot be', () => {
    const reader = new FrameReader();
    reader.push(Buffer.from([0x64, 0, 0, 0, 3, 0]));
    expect(() => reader.next()).toThrow(/impossible length/);
  });
});
