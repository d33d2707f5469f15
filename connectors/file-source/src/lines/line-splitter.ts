import type { TextDecoding } from './text-decoding.js';

/** A line in bytes: `bytes[start..end)` without its break; the next begins at file position `next`. */
export interface Line {
  bytes: Buffer;
  start: number;
  end: number;
  /** Where the line began in the file. */
  position: number;
  next: number;
  /** What was read up to `next` ends here in `seen`. */
  seen: Buffer;
  seenEnd: number;
}

export type LineResult = 'line' | 'more' | 'long';

const NOTHING = Buffer.alloc(0);

/**
 * Cuts chunks of a file into lines, by bytes. A line that lies in one chunk is not copied. What is held of an unfinished line is at most
 * the longest line allowed; of a longer one only the length is kept.
 */
export class LineSplitter {
  /** Behind the last whole line that was given. */
  position: number;
  private chunk: Buffer = NOTHING;
  private at = 0;
  /** Of `chunk[0]`. */
  private chunkPosition: number;
  private carried: Buffer[] = [];
  private carriedBytes = 0;
  private isSkipping = false;
  readonly line: Line;

  constructor(
    position: number,
    private readonly decoding: TextDecoding,
    private readonly lineBytesMax: number,
  ) {
    this.position = position;
    this.chunkPosition = position;
    this.line = { bytes: NOTHING, start: 0, end: 0, position, next: position, seen: NOTHING, seenEnd: 0 };
  }

  /** Where to read on. */
  get readPosition(): number {
    return this.chunkPosition + this.chunk.length;
  }

  /** There is something to look at without reading. */
  get hasChunk(): boolean {
    return this.at < this.chunk.length;
  }

  /** Something stands behind the last line break. */
  get hasRest(): boolean {
    return this.carriedBytes > 0 || this.isSkipping;
  }

  /** The bytes at `readPosition`; the splitter keeps them. Only when there is no chunk left. */
  feed(chunk: Buffer): void {
    this.chunkPosition = this.readPosition;
    this.chunk = chunk;
    this.at = 0;
  }

  /** Leaves out what the file begins with and is no text. */
  skip(bytes: number): void {
    this.at += bytes;
    this.position += bytes;
  }

  /** `line`: the next one is in `this.line`. `more`: the chunk is used up. `long`: one was too long and is passed over; `line.position` says where it was. */
  next(): LineResult {
    const { chunk, at } = this;
    const end = this.indexOfNewline(chunk, at);
    if (end < 0) {
      this.carry(chunk.subarray(at));
      this.at = chunk.length;
      return 'more';
    }
    const next = this.chunkPosition + end + this.decoding.unit;
    this.at = end + this.decoding.unit;
    const isLong = this.isSkipping || this.carriedBytes + end - at > this.lineBytesMax;
    if (isLong) {
      this.line.position = this.position;
      this.finish(next);
      return 'long';
    }
    if (this.carriedBytes === 0) this.set(chunk, at, end, next, chunk, this.at);
    else {
      const bytes = Buffer.concat([...this.carried, chunk.subarray(at, this.at)]);
      this.set(bytes, 0, bytes.length - this.decoding.unit, next, bytes, bytes.length);
    }
    this.finish(next);
    return 'line';
  }

  /** Gives what stands behind the last line break as a line. */
  takeRest(): LineResult {
    const next = this.readPosition;
    this.line.position = this.position;
    if (this.isSkipping) {
      this.finish(next);
      return 'long';
    }
    const bytes = Buffer.concat(this.carried);
    this.set(bytes, 0, bytes.length, next, bytes, bytes.length);
    this.finish(next);
    return 'line';
  }

  private set(bytes: Buffer, start: number, end: number, next: number, seen: Buffer, seenEnd: number): void {
    const { line, decoding } = this;
    const { unit, carriageReturn } = decoding;
    line.bytes = bytes;
    line.start = start;
    line.end = end - start >= unit && bytes[end - unit] === carriageReturn[0] && (unit === 1 || bytes[end - 1] === carriageReturn[1]) ? end - unit : end;
    line.position = this.position;
    line.next = next;
    line.seen = seen;
    line.seenEnd = seenEnd;
  }

  private finish(next: number): void {
    this.position = next;
    this.carried = [];
    this.carriedBytes = 0;
    this.isSkipping = false;
  }

  private carry(bytes: Buffer): void {
    if (bytes.length === 0 || this.isSkipping) return;
    this.carriedBytes += bytes.length;
    if (this.carriedBytes > this.lineBytesMax + this.decoding.unit) {
      this.isSkipping = true;
      this.carried = [];
    } else {
      // Not the chunk itself: a short rest must not hold all of it.
      this.carried.push(bytes.length * 4 < this.chunk.length ? Buffer.from(bytes) : bytes);
    }
  }

  private indexOfNewline(chunk: Buffer, from: number): number {
    if (this.decoding.unit === 1) return chunk.indexOf(10, from);
    for (let at = from; ; at += 1) {
      at = chunk.indexOf(this.decoding.newline, at);
      if (at < 0 || (at - from) % 2 === 0) return at;
    }
  }
}
