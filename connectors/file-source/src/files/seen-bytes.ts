import { readRange } from './content.js';
import { ANCHOR_BYTES } from './file-offset.js';

const NOTHING = Buffer.alloc(0);

/** What is remembered of a file's content (of a gzip file: of its text), by which it is known again: its first bytes, and those before the place that was reached. */
export class SeenBytes {
  tail: Buffer = NOTHING;

  constructor(
    public head: Buffer,
    /** So many first bytes are enough to tell files apart. */
    private readonly wholeBytes: number,
  ) {}

  /** The beginning tells as much as it ever will. */
  get isWhole(): boolean {
    return this.head.length >= this.wholeBytes;
  }

  /** Bytes that were read on. True: the beginning tells more now. */
  add(bytes: Buffer, position: number): boolean {
    const hasGrown = this.growHead(bytes, position);
    const all = bytes.length >= ANCHOR_BYTES ? bytes : Buffer.concat([this.tail, bytes]);
    this.tail = Buffer.from(all.subarray(Math.max(0, all.length - ANCHOR_BYTES)));
    return hasGrown;
  }

  /** Looks at the beginning of a file that was short. True: it tells more now. */
  async learnHead(path: string, inode: string): Promise<boolean> {
    const head = await readRange(path, inode, 0, this.wholeBytes);
    return head !== undefined && head.length > this.head.length && head.subarray(0, this.head.length).equals(this.head) && this.growHead(head, 0);
  }

  /** Whether the file still holds what was read of it up to `end`; true as well when it cannot be asked now. */
  async isIn(path: string, inode: string, end: number): Promise<boolean> {
    const { head, tail } = this;
    const now = await readRange(path, inode, 0, head.length);
    if (now === undefined) return true;
    const last = tail.length === 0 ? tail : await readRange(path, inode, end - tail.length, tail.length);
    return now.equals(head) && (last === undefined || last.equals(tail));
  }

  private growHead(bytes: Buffer, position: number): boolean {
    if (this.isWhole || position > this.head.length) return false;
    const added = bytes.subarray(this.head.length - position, this.wholeBytes - position);
    if (added.length === 0) return false;
    this.head = Buffer.concat([this.head, added]);
    return true;
  }
}
