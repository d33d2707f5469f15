import type { Socket } from 'node:net';
import { ConnectionLost } from './connection-lost.js';
import type { SqlSession } from './sql-session.js';
import { FrameReader } from '../wire/frame-reader.js';

/** Bytes that may wait to be decoded before the socket is paused. */
const QUEUE_BYTES_MAX = 512 * 1024;
const FULL_CHUNK_BYTES = 64 * 1024;
/** Chunks that follow each other this closely mean load. */
const LOAD_GAP_MS = 3;
const MODERATION_MS = 1;

/**
 * The bytes of a session, taken over from the driver for a COPY or a replication stream.
 *
 * Under load the socket is read in turns of a millisecond: the server sends a small packet per change, and a reader that wakes for
 * each makes both slower. A full chunk is followed at once, and nothing waits when changes are rare. TCP only.
 */
export class RawStream {
  readonly frames = new FrameReader();
  lastReceivedAt = Date.now();
  private readonly socket: Socket;
  private failure: Error | undefined;
  private waiting: (() => void) | undefined;
  private moderation: NodeJS.Timeout | undefined;
  private lastChunkAt = 0;
  private isHeld = false;
  private readonly moderates: boolean;

  constructor(session: SqlSession, options: { readonly moderates: boolean }) {
    const { connection } = session.client as unknown as { connection: { stream: Socket } };
    this.socket = connection.stream;
    this.moderates = options.moderates && this.socket.remoteAddress !== undefined;
    this.socket.removeAllListeners('data');
    this.socket.on('data', (chunk: Buffer) => this.receive(chunk));
    this.socket.on('error', (error: Error) => this.fail(error));
    this.socket.on('close', () => this.fail(new ConnectionLost('the server closed the connection')));
  }

  /** True while the socket is paused because what it brought has not been decoded. */
  get isFull(): boolean {
    return this.isHeld;
  }

  get error(): Error | undefined {
    return this.failure;
  }

  write(bytes: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** The next message is in `frames`. False: none has come yet. Throws when the connection is gone and everything that came has been read. */
  next(): boolean {
    if (this.frames.next()) return true;
    if (this.isHeld) {
      this.isHeld = false;
      this.socket.resume();
    }
    if (this.failure) throw this.failure;
    return false;
  }

  /** Waits for bytes, at most so long. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.frames.queuedBytes > 0 && this.frames.isReady) return Promise.resolve();
    if (this.failure || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.waiting = undefined;
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener('abort', done, { once: true });
      this.waiting = done;
    });
  }

  destroy(): void {
    clearTimeout(this.moderation);
    this.failure ??= new ConnectionLost('the connection was closed');
    this.socket.destroy();
    this.waiting?.();
  }

  private receive(chunk: Buffer): void {
    this.frames.push(chunk);
    const now = performance.now();
    if (this.frames.queuedBytes > QUEUE_BYTES_MAX) {
      this.isHeld = true;
      this.socket.pause();
    } else if (this.moderates && chunk.length < FULL_CHUNK_BYTES && now - this.lastChunkAt < LOAD_GAP_MS) {
      this.socket.pause();
      this.moderation = setTimeout(() => this.resume(), MODERATION_MS);
    }
    this.lastChunkAt = now;
    this.lastReceivedAt = Date.now();
    this.waiting?.();
  }

  private resume(): void {
    if (!this.isHeld && !this.socket.destroyed) this.socket.resume();
  }

  private fail(error: Error): void {
    clearTimeout(this.moderation);
    this.failure ??= error;
    this.waiting?.();
  }
}
