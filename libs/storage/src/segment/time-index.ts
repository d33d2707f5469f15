import type { Offset, TimestampMs } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import { EntryFile } from './entry-file.js';
import { RELATIVE_OFFSET_MAX } from './offset-index.js';

const ENTRY_BYTES = 12;
const TWO_32 = 4294967296;

/** `.timeindex`: i64 the largest timestamp so far, i32 relative last offset of the batch that has it. Both strictly increase. */
export class TimeIndex {
  private constructor(private readonly baseOffset: Offset, private readonly entries: EntryFile) {}

  static empty(fileSystem: FileSystem, path: string, baseOffset: Offset): TimeIndex {
    return new TimeIndex(baseOffset, EntryFile.empty(fileSystem, path, ENTRY_BYTES));
  }

  /** Undefined when the file is missing or cannot be the time index of a segment that ends before `nextOffset`: rebuild it. */
  static load(fileSystem: FileSystem, path: string, baseOffset: Offset, nextOffset: Offset): TimeIndex | undefined {
    const entries = EntryFile.load(fileSystem, path, ENTRY_BYTES);
    if (entries === undefined) return undefined;
    const index = new TimeIndex(baseOffset, entries);
    let count = entries.count;
    while (count > 0 && index.timestampAt(count - 1) === 0 && index.offsetAt(count - 1) === baseOffset) count -= 1;
    entries.keep(count);
    for (let i = 0; i < count; i++) {
      if (index.offsetAt(i) < baseOffset || index.offsetAt(i) >= nextOffset) return undefined;
      if (i > 0 && (index.timestampAt(i) <= index.timestampAt(i - 1) || index.offsetAt(i) < index.offsetAt(i - 1))) return undefined;
    }
    return index;
  }

  get count(): number {
    return this.entries.count;
  }

  get bytes(): number {
    return this.entries.bytes;
  }

  get lastTimestampMs(): TimestampMs {
    return this.entries.count === 0 ? -1 : this.timestampAt(this.entries.count - 1);
  }

  get lastOffset(): Offset {
    return this.entries.count === 0 ? this.baseOffset : this.offsetAt(this.entries.count - 1);
  }

  /** Nothing happens unless the timestamp is above the last one. */
  add(timestampMs: TimestampMs, offset: Offset): void {
    if (timestampMs <= this.lastTimestampMs || offset - this.baseOffset > RELATIVE_OFFSET_MAX) return;
    const at = this.entries.add();
    const high = Math.floor(timestampMs / TWO_32);
    this.entries.view.writeInt32BE(high, at);
    this.entries.view.writeUInt32BE(timestampMs - high * TWO_32, at + 4);
    this.entries.view.writeInt32BE(offset - this.baseOffset, at + 8);
  }

  /** No batch that ends below this offset has a timestamp as late as this one. */
  offsetFor(timestampMs: TimestampMs): Offset {
    let low = 0;
    let high = this.entries.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.timestampAt(middle) <= timestampMs) low = middle + 1;
      else high = middle - 1;
    }
    return high < 0 ? this.baseOffset : this.offsetAt(high);
  }

  truncateTo(offset: Offset): void {
    let count = this.entries.count;
    while (count > 0 && this.offsetAt(count - 1) >= offset) count -= 1;
    this.entries.keep(count);
  }

  writeOut(): void {
    this.entries.writeOut();
  }

  sync(): Promise<void> {
    return this.entries.sync();
  }

  private timestampAt(index: number): TimestampMs {
    const view = this.entries.view;
    return view.readInt32BE(index * ENTRY_BYTES) * TWO_32 + view.readUInt32BE(index * ENTRY_BYTES + 4);
  }

  private offsetAt(index: number): Offset {
    return this.baseOffset + this.entries.view.readInt32BE(index * ENTRY_BYTES + 8);
  }
}
