import type { FileHandle } from 'node:fs/promises';
import fs from 'node:fs/promises';
import zlib from 'node:zlib';
import { ANCHOR_BYTES } from './file-offset.js';

const CHUNK_BYTES = 256 << 10;
const INFLATED_BYTES = 64 << 10;
const NOTHING = Buffer.alloc(0);

/**
 * `bytes`: what stands at the position. `end`: nothing there now. `changed`: the file was truncated or written anew: it is another one, with the
 * old one's inode. `gone`: there is another file, or none, under its name.
 */
export type ReadResult = { readonly kind: 'bytes'; readonly bytes: Buffer } | { readonly kind: 'end' | 'changed' | 'gone' };

/** What is known of the file at this point: it is checked after each read, so that bytes of another file never pass for its own. */
export interface KnownBytes {
  /** Where to read on (uncompressed). */
  readonly position: number;
  /** The first bytes of the file. */
  readonly head: Buffer;
  /** The bytes just before the position. */
  readonly tail: Buffer;
}

/** A file's text, from its bytes as they are or from compressed ones. */
export interface Content {
  readonly isOpen: boolean;
  read(known: KnownBytes): Promise<ReadResult>;
  close(): Promise<void>;
}

export class PlainContent implements Content {
  private handle: FileHandle | undefined;

  constructor(
    private readonly path: () => string,
    private readonly inode: string,
  ) {}

  get isOpen(): boolean {
    return this.handle !== undefined;
  }

  async read({ position, head, tail }: KnownBytes): Promise<ReadResult> {
    this.handle ??= await openAs(this.path(), this.inode);
    const { handle } = this;
    if (handle === undefined) return { kind: 'gone' };
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position - tail.length);
    if (bytesRead < tail.length || !buffer.subarray(0, tail.length).equals(tail)) return { kind: 'changed' };
    // After the bytes, not before: what was there when they were read was the file that we know.
    if (head.length > 0 && !(await readUpTo(handle, head.length, 0)).equals(head)) return { kind: 'changed' };
    return bytesRead === tail.length ? { kind: 'end' } : { kind: 'bytes', bytes: buffer.subarray(tail.length, bytesRead) };
  }

  async close(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    await handle?.close();
  }
}

/** A compressed file that ends before its time is one that is still being written. */
export class GzipContent implements Content {
  private chunks: AsyncIterator<Buffer> | undefined;
  private stop: (() => void) | undefined;
  private position = 0;
  /** The last bytes of the text that was passed over to reach the place to read on; fewer: it was not reached, or stands near the beginning. */
  passed: Buffer = NOTHING;

  constructor(
    private readonly path: () => string,
    private readonly inode: string,
  ) {}

  get isOpen(): boolean {
    return this.chunks !== undefined;
  }

  /** Throws zlib's error for content that is not gzip. */
  async read({ position }: KnownBytes): Promise<ReadResult> {
    if (this.position !== position) await this.close();
    if (this.chunks === undefined && !(await this.open())) return { kind: 'gone' };
    for (;;) {
      let chunk: Buffer | undefined;
      try {
        const result = await this.chunks?.next();
        chunk = result?.done === true ? undefined : result?.value;
      } catch (error) {
        await this.close();
        if ((error as { code?: unknown }).code !== 'Z_BUF_ERROR') throw error;
        return { kind: 'end' };
      }
      if (chunk === undefined) {
        await this.close();
        return { kind: 'end' };
      }
      const skipped = Math.min(chunk.length, position - this.position);
      this.position += chunk.length;
      if (skipped > 0) this.passed = lastOf(this.passed, chunk.subarray(0, skipped));
      if (skipped < chunk.length) return { kind: 'bytes', bytes: chunk.subarray(skipped) };
    }
  }

  close(): Promise<void> {
    this.stop?.();
    this.stop = undefined;
    this.chunks = undefined;
    this.position = 0;
    return Promise.resolve();
  }

  private async open(): Promise<boolean> {
    const handle = await openAs(this.path(), this.inode);
    if (handle === undefined) return false;
    const packed = handle.createReadStream({ start: 0, highWaterMark: 64 << 10 });
    // Small pieces: those before a broken place are handed out.
    const plain = zlib.createGunzip({ chunkSize: INFLATED_BYTES });
    packed.on('error', (error) => plain.destroy(error));
    packed.pipe(plain);
    this.chunks = plain[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.passed = NOTHING;
    this.stop = () => {
      packed.destroy();
      plain.destroy();
    };
    return true;
  }
}

/** The beginning of a file's text: at most so many bytes. Empty for one that is empty, or gone. */
export async function readHead(path: string, inode: string, bytes: number): Promise<{ readonly head: Buffer; readonly isGzip: boolean }> {
  const handle = await openAs(path, inode);
  if (handle === undefined) return { head: NOTHING, isGzip: false };
  try {
    const raw = await readUpTo(handle, bytes, 0);
    if (!isGzip(raw)) return { head: raw, isGzip: false };
    // A beginning without its end: what comes out of it so far.
    const packed = await readUpTo(handle, 4 * bytes + 1024, 0);
    return { head: Buffer.from(zlib.gunzipSync(packed, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, bytes)), isGzip: true };
  } finally {
    await handle.close();
  }
}

/** The bytes at a place of a plain file; fewer at its end. Undefined: there is another file under this name now, or none. */
export async function readRange(path: string, inode: string, start: number, bytes: number): Promise<Buffer | undefined> {
  const handle = await openAs(path, inode);
  if (handle === undefined) return undefined;
  try {
    return await readUpTo(handle, bytes, start);
  } finally {
    await handle.close();
  }
}

function isGzip(bytes: Buffer): boolean {
  return bytes.length >= 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

function lastOf(before: Buffer, bytes: Buffer): Buffer {
  const all = bytes.length >= ANCHOR_BYTES ? bytes : Buffer.concat([before, bytes]);
  return Buffer.from(all.subarray(Math.max(0, all.length - ANCHOR_BYTES)));
}

/** Undefined: there is another file under this name now, or none. */
async function openAs(path: string, inode: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await fs.open(path, 'r');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const stat = await handle.stat({ bigint: true });
    if (`${stat.dev}:${stat.ino}` === inode) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

async function readUpTo(handle: FileHandle, bytes: number, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await handle.read(buffer, done, bytes - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
