import { readWholeFile, syncFile } from '../fs/whole-file.js';
import type { FileSystem } from '../fs/file-system.js';

/** Entries that wait in memory before they are written together: an index trails its log by at most this many. */
const ENTRIES_PER_WRITE = 128;

/**
 * The entries of an index: fixed in size, only added at the end. All are in memory; the file follows in larger writes, since after a crash it is rebuilt from the log anyway.
 * The file is made with the first write or by `writeOut`, and is not held open.
 */
export class EntryFile {
  private memory: Buffer;
  private entryCount: number;
  private writtenCount: number;
  /** The file may hold more than, or other than, `writtenCount` entries: the next write sets it right. */
  private mustRewrite: boolean;
  private isDirty = false;

  private constructor(private readonly fileSystem: FileSystem, readonly path: string, private readonly entryBytes: number, content: Uint8Array, isFileWhole: boolean) {
    this.memory = Buffer.from(content.buffer, content.byteOffset, content.length);
    this.entryCount = this.writtenCount = Math.floor(content.length / entryBytes);
    this.mustRewrite = !isFileWhole;
  }

  /** With no entries; whatever the file holds is replaced at the first write. */
  static empty(fileSystem: FileSystem, path: string, entryBytes: number): EntryFile {
    return new EntryFile(fileSystem, path, entryBytes, new Uint8Array(0), false);
  }

  /** Undefined when the file is not there or does not hold a whole number of entries. */
  static load(fileSystem: FileSystem, path: string, entryBytes: number): EntryFile | undefined {
    const content = readWholeFile(fileSystem, path);
    return content === undefined || content.length % entryBytes !== 0 ? undefined : new EntryFile(fileSystem, path, entryBytes, content, true);
  }

  get count(): number {
    return this.entryCount;
  }

  get bytes(): number {
    return this.entryCount * this.entryBytes;
  }

  get view(): Buffer {
    return this.memory;
  }

  /** Room for one more entry at the end; the caller fills it at the position returned. */
  add(): number {
    const at = this.entryCount * this.entryBytes;
    if (at + this.entryBytes > this.memory.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.entryBytes * 32, this.memory.length * 2));
      larger.set(this.memory.subarray(0, at));
      this.memory = larger;
    }
    this.entryCount += 1;
    return at;
  }

  /** Enough entries wait in memory for a write to be worth its while. */
  get isWriteDue(): boolean {
    return this.entryCount - this.writtenCount >= ENTRIES_PER_WRITE;
  }

  keep(count: number): void {
    if (count >= this.entryCount) return;
    this.entryCount = count;
    if (count < this.writtenCount) this.mustRewrite = true;
    this.writtenCount = Math.min(this.writtenCount, count);
  }

  /** Brings the file up to date (and into being). */
  writeOut(): void {
    if (!this.mustRewrite && this.writtenCount === this.entryCount) return;
    const file = this.fileSystem.open(this.path, 'write');
    try {
      if (this.mustRewrite || file.bytes !== this.writtenCount * this.entryBytes) {
        file.truncate(0);
        this.writtenCount = 0;
      }
      file.append(this.memory.subarray(this.writtenCount * this.entryBytes, this.bytes));
    } finally {
      file.close();
    }
    this.writtenCount = this.entryCount;
    this.mustRewrite = false;
    this.isDirty = true;
  }

  /** Durable when it resolves. */
  async sync(): Promise<void> {
    this.writeOut();
    if (!this.isDirty) return;
    await syncFile(this.fileSystem, this.path);
    this.isDirty = false;
  }
}
