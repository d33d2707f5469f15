import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { FileSystem, WritableFile } from '../disk/file-system.js';

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);

/** Compressed members of this size lose almost nothing against one long one. */
const MEMBER_BYTES = 256 << 10;
const WRITE_BYTES = 256 << 10;

/** A file under way: what is not written yet stays here, so that a failed write is done again and loses nothing. */
export class PartFile {
  records = 0;
  /** Before compression. */
  bytes = 0;
  lastOffset: number;
  private text = '';
  private chunks: Uint8Array[] = [];
  private buffered = 0;
  /** Compressed already, but not on the disk. */
  private member: Uint8Array | undefined;
  private position = 0;
  private file: WritableFile | undefined;
  private isCreated = false;

  constructor(
    private readonly disk: FileSystem,
    private readonly path: string,
    private readonly gzipLevel: number,
    readonly part: string,
    /** Below the directory, with `/`. */
    readonly folder: string,
    readonly shape: string,
    readonly firstOffset: number,
  ) {
    this.lastOffset = firstOffset;
  }

  get isOpen(): boolean {
    return this.file !== undefined;
  }

  /** Enough is buffered for a write (of a compressed file: for a member). */
  get isFull(): boolean {
    return this.buffered >= WRITE_BYTES;
  }

  /** What is not on the disk yet. */
  get bufferedBytes(): number {
    return this.buffered + (this.member?.length ?? 0);
  }

  append(content: string | Uint8Array): number {
    const length = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
    if (typeof content === 'string') {
      this.text += content;
    } else {
      this.settleText();
      this.chunks.push(Uint8Array.from(content));
    }
    this.bytes += length;
    this.buffered += length;
    return length;
  }

  /** Writes what is buffered; a compressed file keeps less than a member unless it is the last. */
  async flush(isLast: boolean): Promise<void> {
    for (;;) {
      if (this.member !== undefined) {
        const file = await this.opened();
        await file.write(this.member, this.position);
        this.position += this.member.length;
        this.member = undefined;
      }
      if (this.buffered === 0 || (this.gzipLevel > 0 && !isLast && this.buffered < MEMBER_BYTES)) return;
      this.settleText();
      const content = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
      this.chunks = [];
      this.buffered = 0;
      // Kept before it is compressed: a failure must not lose it.
      this.member = content;
      if (this.gzipLevel > 0) this.member = await gzip(content, { level: this.gzipLevel });
    }
  }

  /** Everything written and durable. */
  async finish(): Promise<void> {
    await this.flush(true);
    const file = await this.opened();
    await file.sync();
    await this.close();
  }

  async close(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.close();
  }

  async discard(): Promise<void> {
    this.text = '';
    this.chunks = [];
    this.buffered = 0;
    this.member = undefined;
    await this.close();
    if (this.isCreated) await this.disk.remove(this.path);
  }

  private async opened(): Promise<WritableFile> {
    if (this.file) return this.file;
    this.file = this.isCreated ? await this.disk.reopen(this.path) : await this.disk.create(this.path);
    this.isCreated = true;
    return this.file;
  }

  private settleText(): void {
    if (this.text === '') return;
    this.chunks.push(Buffer.from(this.text));
    this.text = '';
  }
}
