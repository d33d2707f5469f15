import { invariant, type FilePosition, type Offset } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import { EntryFile } from './entry-file.js';

const ENTRY_BYTES = 8;
export const RELATIVE_OFFSET_MAX = 2_147_483_647;

/** `.index`: i32 offset relative to the segment's base, i32 position. An entry is the last offset of the batch that starts at the position. */
export class OffsetIndex {
  private constructor(private readonly baseOffset: Offset, private readonly entries: EntryFile) {}

  static empty(fileSystem: FileSystem, path: string, baseOffset: Offset): OffsetIndex {
    return new OffsetIndex(baseOffset, EntryFile.empty(fileSystem, path, ENTRY_BYTES));
  }

  /** Undefined when the file is missing or its content cannot be an index of a log of this size: rebuild it. Zeroes of a pre-allocated file are cut off. */
  static load(fileSystem: FileSystem, path: string, baseOffset: Offset, logBytes: number): OffsetIndex | undefined {
    const entries = EntryFile.load(fileSystem, path, ENTRY_BYTES);
    if (entries === undefined) return undefined;
    const index = new OffsetIndex(baseOffset, entries);
    let count = entries.count;
    while (count > 0 && index.positionAt(count - 1) === 0) count -= 1;
    entries.keep(count);
    for (let i = 0; i < count; i++) {
      const relative = entries.view.readInt32BE(i * ENTRY_BYTES);
      const position = index.positionAt(i);
      if (relative < 0 || position <= 0 || position >= logBytes) return undefined;
      if (i > 0 && (position <= index.positionAt(i - 1) || index.baseOffset + relative <= index.offsetAt(i - 1))) return undefined;
    }
    return index;
  }

  get count(): number {
    return this.entries.count;
  }

  get bytes(): number {
    return this.entries.bytes;
  }

  get lastOffset(): Offset {
    return this.entries.count === 0 ? this.baseOffset : this.offsetAt(this.entries.count - 1);
  }

  get lastPosition(): FilePosition {
    return this.entries.count === 0 ? 0 : this.positionAt(this.entries.count - 1);
  }

  add(lastOffset: Offset, position: FilePosition): void {
    const relative = lastOffset - this.baseOffset;
    invariant(relative >= 0 && relative <= RELATIVE_OFFSET_MAX, 'an index entry is within int32 of its base');
    const at = this.entries.add();
    this.entries.view.writeInt32BE(relative, at);
    this.entries.view.writeInt32BE(position, at + 4);
  }

  /** Where to begin a scan for the batch with this offset. */
  positionFor(offset: Offset): FilePosition {
    const at = this.floor(offset);
    return at < 0 ? 0 : this.positionAt(at);
  }

  /** Drops the entries of this offset and everything behind it. */
  truncateTo(offset: Offset): void {
    const at = this.floor(offset);
    this.entries.keep(at >= 0 && this.offsetAt(at) === offset ? at : at + 1);
  }

  get isWriteDue(): boolean {
    return this.entries.isWriteDue;
  }

  writeOut(): void {
    this.entries.writeOut();
  }

  sync(): Promise<void> {
    return this.entries.sync();
  }

  private offsetAt(index: number): Offset {
    return this.baseOffset + this.entries.view.readInt32BE(index * ENTRY_BYTES);
  }

  private positionAt(index: number): FilePosition {
    return this.entries.view.readInt32BE(index * ENTRY_BYTES + 4);
  }

  /** The last entry that is not above the offset; -1 for none. */
  private floor(offset: Offset): number {
    const relative = offset - this.baseOffset;
    const view = this.entries.view;
    let low = 0;
    let high = this.entries.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (view.readInt32BE(middle * ENTRY_BYTES) <= relative) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }
}
