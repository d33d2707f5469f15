import fc from 'fast-check';
import { FrameDecoder } from './frame-decoder.js';

function framed(bodies: Uint8Array[]): Uint8Array {
  const parts = bodies.flatMap((body) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length);
    return [length, body];
  });
  return Buffer.concat(parts);
}

function cut(bytes: Uint8Array, at: number[]): Uint8Array[] {
  const points = [...new Set(at.map((point) => point % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, i) => bytes.subarray(from, points[i] ?? bytes.length));
}

describe.each(['borrowed', 'owned'] as const)('FrameDecoder of %s frames', (frames) => {
  it('gives the same frames however the stream is cut', () => {
    const body = fc.oneof({ weight: 5, arbitrary: fc.uint8Array({ maxLength: 200 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 200_000 }).map((size) => new Uint8Array(size).fill(size % 251)) });
    fc.assert(
      fc.property(fc.array(body, { maxLength: 8 }), fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 40 }), (bodies, at) => {
        const seen: string[] = [];
        const kept: Uint8Array[] = [];
        const onFrame = (frame: Uint8Array): void => {
          seen.push(Buffer.from(frame).toString('base64'));
          kept.push(frame);
        };
        const decoder = new FrameDecoder({ frameBytesMax: 1_000_000, frames, onFrame });
        for (const chunk of cut(framed(bodies), at)) {
          const lent = chunk.slice();
          decoder.push(lent);
          lent.fill(0xee);
        }
        const expected = bodies.map((it) => Buffer.from(it).toString('base64'));
        expect(seen).toEqual(expected);
        if (frames === 'owned') expect(kept.map((it) => Buffer.from(it).toString('base64'))).toEqual(expected);
      }),
    );
  });

});

describe('FrameDecoder', () => {
  it('does not copy a borrowed frame that lies inside one chunk', () => {
    const chunk = framed([Uint8Array.of(1, 2, 3)]);
    let frame: Uint8Array = new Uint8Array();
    new FrameDecoder({ frameBytesMax: 100, frames: 'borrowed', onFrame: (it) => void (frame = it) }).push(chunk);
    expect(frame.buffer).toBe(chunk.buffer);
  });

  it('uses the memory of an owned frame again once it was given back, and of no other', () => {
    const frames: Uint8Array[] = [];
    const isDone = [true, true, false, true, true];
    const decoder = new FrameDecoder({ frameBytesMax: 1_000_000, frames: 'owned', onFrame: (it) => (frames.push(it) > 0 && isDone[frames.length - 1] === true ? 'done' : undefined) });
    for (const size of [10, 70_000, 60_000, 80_000, 50_000]) decoder.push(framed([new Uint8Array(size).fill(size % 251)]));
    expect(frames.map((it) => it.length)).toEqual([10, 70_000, 60_000, 80_000, 50_000]);
    const memory = frames.map((it) => it.buffer);
    // The second frame's memory carries the third, which is kept; the fourth's carries the fifth.
    expect(memory[2]).toBe(memory[1]);
    expect(memory[3]).not.toBe(memory[2]);
    expect(memory[4]).toBe(memory[3]);
    expect(frames[2]?.every((it) => it === 60_000 % 251)).toBe(true);
  });

  it('holds no more memory than the bytes that arrived, whatever was announced', () => {
    let frames = 0;
    const decoder = new FrameDecoder({ frameBytesMax: 100 * 1024 * 1024, frames: 'borrowed', onFrame: () => void (frames += 1) });
    const before = process.memoryUsage().arrayBuffers;
    decoder.push(Uint8Array.of(0x06, 0x40, 0, 0));
    for (let i = 0; i < 1000; i++) decoder.push(Uint8Array.of(i));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    expect(frames).toBe(0);
  });

  it.each([
    ['a length over the limit', Buffer.from([0x7f, 0xff, 0xff, 0xff]), /announces 2147483647 bytes, the limit is 1000/],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xfe]), /negative length -2/],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), /HTTP/],
    ['a TLS hello', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]), /TLS/],
  ])('refuses %s', (_name, bytes, reason) => {
    const decoder = new FrameDecoder({ frameBytesMax: 1000, frames: 'borrowed', onFrame: () => undefined });
    expect(() => decoder.push(bytes)).toThrow(reason);
  });
});
