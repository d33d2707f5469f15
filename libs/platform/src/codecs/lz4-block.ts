import { corruptCompression } from './codec-failures.js';

export interface Lz4Window {
  /** Output of this block begins here. */
  readonly start: number;
  /** And never passes this. */
  readonly end: number;
  /** Matches may reach back to here: blocks of a frame may depend on each other. */
  readonly windowStart: number;
}

/** Decodes one LZ4 block into `out`. Returns where its output ends, or -1 when it would pass `window.end`. */
export function decodeLz4Block(source: Uint8Array, start: number, end: number, out: Uint8Array, window: Lz4Window): number {
  let at = start;
  let to = window.start;
  while (at < end) {
    const token = source[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let byte = 255;
      while (byte === 255) {
        if (at >= end) throw corruptCompression('lz4', 'a length is cut off');
        byte = source[at++]!;
        literals += byte;
      }
    }
    if (literals > end - at) throw corruptCompression('lz4', 'literals run past their block');
    if (literals > window.end - to) return -1;
    if (literals > 32) out.set(source.subarray(at, at + literals), to);
    else for (let i = 0; i < literals; i++) out[to + i] = source[at + i]!;
    at += literals;
    to += literals;
    if (at === end) return to;
    if (end - at < 2) throw corruptCompression('lz4', 'a match is cut off');
    const distance = source[at]! | (source[at + 1]! << 8);
    at += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      let byte = 255;
      while (byte === 255) {
        if (at >= end) throw corruptCompression('lz4', 'a length is cut off');
        byte = source[at++]!;
        length += byte;
      }
    }
    if (distance === 0 || distance > to - window.windowStart) throw corruptCompression('lz4', 'a match reaches back before the data');
    if (length > window.end - to) return -1;
    if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to - distance + i]!;
    to += length;
  }
  throw corruptCompression('lz4', 'a block ends inside a sequence');
}
