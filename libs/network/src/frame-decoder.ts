import { OperationalError } from '@millrace/foundation';

const FIRST_BUFFER_BYTES = 64 * 1024;
/** A buffer up to this size is kept for the next frame that spans chunks. */
const KEPT_BUFFER_BYTES_MAX = 2 * 1024 * 1024;

export interface FrameDecoderOptions {
  readonly frameBytesMax: number;
  /**
   * `borrowed`: a frame may be read (and written) until `onFrame` returns; its memory is used again afterwards. A frame inside one chunk is a view of it, and memory for
   * one that spans chunks grows with the bytes that arrived, never with the length that was announced: for peers that are not trusted.
   * `owned`: each frame has memory of its own, of the announced size from the start, unless `onFrame` gives it back.
   */
  readonly frames: 'borrowed' | 'owned';
  /** `done`: nobody reads the frame any more, its memory may be used for the next one. */
  readonly onFrame: (frame: Uint8Array) => 'done' | void;
}

/** Cuts a byte stream into frames: int32 length, then that many bytes. Any frame is copied once at the most, but for the growth of a borrowed one. */
export class FrameDecoder {
  private readonly lengthBytes = new Uint8Array(4);
  private lengthFilled = 0;
  /** -1 while the length is not known yet. */
  private frameLength = -1;
  private buffer: Uint8Array | undefined;
  private filled = 0;
  /** Of an owned frame that was given back; undefined before the first, and while it is in use. */
  private spare: Uint8Array | undefined;
  private isGivenBack = false;

  constructor(private readonly options: FrameDecoderOptions) {}

  /** Calls `onFrame` for each frame that this chunk completes, in order. Throws code `BAD_FRAME` for a length that no peer of this protocol sends. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.frameLength < 0) {
        at = this.readLength(chunk, at);
        if (this.frameLength !== 0) continue;
      }
      const missing = this.frameLength - this.filled;
      const isWhole = chunk.length - at >= missing;
      const part = chunk.subarray(at, isWhole ? at + missing : chunk.length);
      at += part.length;
      if (isWhole && this.filled === 0 && this.options.frames === 'borrowed') {
        this.frameLength = -1;
        this.options.onFrame(part);
        continue;
      }
      this.gather(part);
      if (isWhole) this.finish();
    }
  }

  private readLength(chunk: Uint8Array, start: number): number {
    let at = start;
    while (this.lengthFilled < 4 && at < chunk.length) this.lengthBytes[this.lengthFilled++] = chunk[at++]!;
    if (this.lengthFilled === 4) {
      this.lengthFilled = 0;
      this.frameLength = this.checkedLength();
    }
    return at;
  }

  private checkedLength(): number {
    const [a, b, c, d] = this.lengthBytes as unknown as [number, number, number, number];
    const length = (a << 24) | (b << 16) | (c << 8) | d;
    if (length >= 0 && length <= this.options.frameBytesMax) return length;
    throw new OperationalError('BAD_FRAME', reasonFor(this.lengthBytes, length, this.options.frameBytesMax));
  }

  private gather(part: Uint8Array): void {
    const needed = this.filled + part.length;
    if (this.buffer === undefined || this.buffer.length < needed) this.buffer = this.larger(needed);
    this.buffer.set(part, this.filled);
    this.filled = needed;
  }

  private larger(needed: number): Uint8Array {
    if (this.options.frames === 'owned') return this.ownMemory();
    const wanted = Math.max(FIRST_BUFFER_BYTES, needed, Math.min(this.frameLength, (this.buffer?.length ?? 0) * 2));
    const larger = Buffer.allocUnsafeSlow(wanted);
    if (this.buffer !== undefined) larger.set(this.buffer.subarray(0, this.filled));
    return larger;
  }

  private ownMemory(): Uint8Array {
    const { spare, frameLength } = this;
    if (spare !== undefined && spare.length >= frameLength) {
      this.spare = undefined;
      return spare;
    }
    if (this.isGivenBack) return Buffer.allocUnsafeSlow(Math.max(FIRST_BUFFER_BYTES, frameLength));
    return frameLength < FIRST_BUFFER_BYTES ? Buffer.allocUnsafe(frameLength) : Buffer.allocUnsafeSlow(frameLength);
  }

  private finish(): void {
    const { buffer } = this;
    const frame = buffer === undefined ? new Uint8Array(0) : buffer.subarray(0, this.frameLength);
    this.frameLength = -1;
    this.filled = 0;
    const isOwned = this.options.frames === 'owned';
    if (isOwned) this.buffer = undefined;
    this.isGivenBack = this.options.onFrame(frame) === 'done';
    if (isOwned && this.isGivenBack && buffer !== undefined && buffer.length >= FIRST_BUFFER_BYTES && buffer.length <= KEPT_BUFFER_BYTES_MAX) this.spare = buffer;
    if (this.buffer !== undefined && this.buffer.length > KEPT_BUFFER_BYTES_MAX) this.buffer = undefined;
  }
}

function reasonFor(lengthBytes: Uint8Array, length: number, frameBytesMax: number): string {
  const text = String.fromCharCode(...lengthBytes);
  if (/^(GET |POST|PUT |HEAD|OPTI|DELE|PATC|CONN|TRAC|PRI )/.test(text)) return 'the peer speaks HTTP; this port speaks the Kafka protocol';
  if (lengthBytes[0] === 0x16 && lengthBytes[1] === 0x03) return 'the peer speaks TLS; this listener is plain text';
  if (/^HTTP/.test(text)) return 'the peer answered in HTTP; it does not speak the Kafka protocol';
  if (lengthBytes[0] === 0x15 && lengthBytes[1] === 0x03) return 'the peer answered with a TLS alert; it wants a TLS connection';
  if (length < 0) return `a frame announces the negative length ${length}`;
  return `a frame announces ${length} bytes, the limit is ${frameBytesMax}`;
}
