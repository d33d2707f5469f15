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
  /** Taken out of the buffer, but not compressed yet: a failure of that must not lose it, nor may it reach the disk as it is. */
  private raw: Uint8Array | undefined;
  /** Ready for the disk, but not on it. */
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
    return this.buffered + (this.raw?.length ?? 0) + (this.member?.length ?? 0);
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
      if (this.raw !== undefined) {
        this.member = this.gzipLevel > 0 ? await gzip(this.raw, { level: this.gzipLevel }) : this.raw;
        this.raw = undefined;
      }
      if (this.member !== undefined) {
        const file = await this.opened();
        await file.write(this.member, this.position);
        this.position += this.member.length;
        this.member = undefined;
      }
      if (this.buffered === 0 || (this.gzipLevel > 0 && !isLast && this.buffered < MEMBER_BYTES)) return;
      this.settleText();
      this.raw = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
      this.chunks = [];
      this.buffered = 0;
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
    this.raw = undefined;
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
