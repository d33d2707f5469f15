/**
 * Cuts the messages of PostgreSQL's protocol out of the chunks of a socket. A message that lies within one chunk is not copied.
 * After `next()` the message is `type` and the bytes `start` to `end` (the body without the length).
 */
export class FrameReader {
  type = 0;
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;

  private chunks: Buffer[] = [];
  private chunk: Buffer = Buffer.alloc(0);
  private at = 0;
  private partial: Buffer | undefined;
  private filled = 0;
  /** Bytes pushed and not yet read. */
  queuedBytes = 0;

  /** False when what is queued is known to end within a message. */
  get isReady(): boolean {
    return this.chunks.length > 0 || (this.partial === undefined && this.at < this.chunk.length);
  }

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.queuedBytes += chunk.length;
  }

  /** False: there is no whole message yet. */
  next(): boolean {
    for (;;) {
      const available = this.chunk.length - this.at;
      if (available === 0) {
        const chunk = this.chunks.shift();
        if (!chunk) return false;
        this.chunk = chunk;
        this.at = 0;
      } else if (this.partial) {
        if (this.fillPartial(this.partial)) return true;
      } else if (available < 5) {
        this.startPartial(5);
      } else {
        const length = this.chunk.readUInt32BE(this.at + 1) + 1;
        if (length < 5) throw new Error('the server sent a message with an impossible length');
        if (available < length) {
          this.startPartial(length);
        } else {
          this.emit(this.chunk, this.at, length);
          this.at += length;
          this.queuedBytes -= length;
          return true;
        }
      }
    }
  }

  private startPartial(length: number): void {
    this.partial = Buffer.allocUnsafeSlow(length);
    this.filled = 0;
  }

  private fillPartial(partial: Buffer): boolean {
    const take = Math.min(partial.length - this.filled, this.chunk.length - this.at);
    this.chunk.copy(partial, this.filled, this.at, this.at + take);
    this.filled += take;
    this.at += take;
    this.queuedBytes -= take;
    if (this.filled < partial.length) return false;
    const length = partial.readUInt32BE(1) + 1;
    if (length < 5) throw new Error('the server sent a message with an impossible length');
    if (partial.length < length) {
      const whole = Buffer.allocUnsafeSlow(length);
      partial.copy(whole);
      this.partial = whole;
      return false;
    }
    this.partial = undefined;
    this.emit(partial, 0, length);
    return true;
  }

  private emit(bytes: Buffer, at: number, length: number): void {
    this.type = bytes[at]!;
    this.bytes = bytes;
    this.start = at + 5;
    this.end = at + length;
  }
}
