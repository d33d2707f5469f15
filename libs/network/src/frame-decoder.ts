import { OperationalError } from '@millrace/foundation';

/** Chunks below this are copied together, so that a sender of single bytes cannot cost an object per byte. */
const SMALL_CHUNK_BYTES = 16 * 1024;
const BLOCK_BYTES = 64 * 1024;

/**
 * Cuts a byte stream into frames: int32 length, then that many bytes. A frame that lies inside one chunk is a view of it; one
 * that spans chunks is gathered with one copy when its last byte has come, so memory grows with the bytes that arrived, never
 * with the length that was announced.
 */
export class FrameDecoder {
  private readonly lengthBytes = new Uint8Array(4);
  private lengthFilled = 0;
  /** -1 while the length is not known yet. */
  private frameLength = -1;
  private gathered = 0;
  private blocks: Uint8Array[] = [];
  private tail: Uint8Array | undefined;
  private tailFilled = 0;

  constructor(
    private readonly frameBytesMax: number,
    private readonly onFrame: (frame: Uint8Array) => void,
  ) {}

  /** Calls `onFrame` for each frame that this chunk completes, in order. Throws code `BAD_FRAME` for a length that no peer of this protocol sends. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.frameLength < 0) {
        at = this.readLength(chunk, at);
        if (this.frameLength !== 0) continue;
      }
      const missing = this.frameLength - this.gathered;
      const available = chunk.length - at;
      if (available < missing) {
        this.gather(at === 0 ? chunk : chunk.subarray(at));
        return;
      }
      const rest = chunk.subarray(at, at + missing);
      at += missing;
      const frame = this.gathered === 0 ? rest : this.assemble(rest);
      this.frameLength = -1;
      this.onFrame(frame);
    }
  }

  /** True between frames: a peer that closes now has cut nothing off. */
  get isAtBoundary(): boolean {
    return this.frameLength < 0 && this.lengthFilled === 0;
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
    if (length >= 0 && length <= this.frameBytesMax) return length;
    throw new OperationalError('BAD_FRAME', reasonFor(this.lengthBytes, length, this.frameBytesMax));
  }

  private gather(part: Uint8Array): void {
    this.gathered += part.length;
    if (part.length >= SMALL_CHUNK_BYTES) {
      this.closeTail();
      this.blocks.push(part);
      return;
    }
    let copied = 0;
    while (copied < part.length) {
      this.tail ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const take = Math.min(BLOCK_BYTES - this.tailFilled, part.length - copied);
      this.tail.set(part.subarray(copied, copied + take), this.tailFilled);
      this.tailFilled += take;
      copied += take;
      if (this.tailFilled === BLOCK_BYTES) this.closeTail();
    }
  }

  private closeTail(): void {
    if (this.tail === undefined) return;
    this.blocks.push(this.tail.subarray(0, this.tailFilled));
    this.tail = undefined;
    this.tailFilled = 0;
  }

  private assemble(rest: Uint8Array): Uint8Array {
    this.closeTail();
    const frame = Buffer.allocUnsafeSlow(this.frameLength);
    let at = 0;
    for (const block of this.blocks) {
      frame.set(block, at);
      at += block.length;
    }
    frame.set(rest, at);
    this.blocks = [];
    this.gathered = 0;
    return frame;
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
