import { ByteReader, ByteWriter, type Offset } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import type { AbortedTransaction } from '../log/contract.js';
import { exists } from '../fs/whole-file.js';
import { EntryFile } from './entry-file.js';

const ENTRY_BYTES = 34;

/** `.txnindex`: the aborted transactions whose marker stands in this segment, in order of their markers. There is no file while there is none. */
export class TransactionIndex {
  private constructor(private readonly entries: EntryFile, private readonly transactions: AbortedTransaction[], private hasFile: boolean) {}

  static empty(fileSystem: FileSystem, path: string): TransactionIndex {
    return new TransactionIndex(EntryFile.empty(fileSystem, path, ENTRY_BYTES), [], exists(fileSystem, path));
  }

  /** Undefined when the file cannot be the index of a segment from `baseOffset` to before `nextOffset`: rebuild it. */
  static load(fileSystem: FileSystem, path: string, baseOffset: Offset, nextOffset: Offset): TransactionIndex | undefined {
    if (!exists(fileSystem, path)) return TransactionIndex.empty(fileSystem, path);
    const entries = EntryFile.load(fileSystem, path, ENTRY_BYTES);
    if (entries === undefined) return undefined;
    const reader = new ByteReader(entries.view);
    const transactions: AbortedTransaction[] = [];
    for (let previous = baseOffset - 1; reader.remaining > 0; ) {
      const version = reader.int16();
      const it = { producerId: reader.int64(), firstOffset: reader.int64(), lastOffset: reader.int64(), lastStableOffset: reader.int64() };
      if (version !== 0 || it.lastOffset <= previous || it.lastOffset >= nextOffset || it.firstOffset > it.lastOffset) return undefined;
      previous = it.lastOffset;
      transactions.push(it);
    }
    return new TransactionIndex(entries, transactions, true);
  }

  get all(): readonly AbortedTransaction[] {
    return this.transactions;
  }

  add(it: AbortedTransaction): void {
    const writer = new ByteWriter(ENTRY_BYTES);
    writer.int16(0);
    for (const value of [it.producerId, it.firstOffset, it.lastOffset, it.lastStableOffset]) writer.int64(value);
    const at = this.entries.add();
    this.entries.view.set(writer.view(), at);
    this.transactions.push(it);
    this.hasFile = true;
  }

  truncateTo(offset: Offset): void {
    let count = this.transactions.length;
    while (count > 0 && this.transactions[count - 1]!.lastOffset >= offset) count -= 1;
    this.transactions.length = count;
    this.entries.keep(count);
  }

  writeOut(): void {
    if (this.hasFile) this.entries.writeOut();
  }

  async sync(): Promise<void> {
    if (this.hasFile) await this.entries.sync();
  }
}
