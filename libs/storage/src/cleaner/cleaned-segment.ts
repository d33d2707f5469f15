import { OperationalError, type Offset, type TimestampMs } from '@millrace/foundation';
import { batchSizeAt } from '@millrace/records';
import type { FileSystem } from '../fs/file-system.js';
import type { AbortedTransaction } from '../log/contract.js';
import { CLEANED_SUFFIX } from '../segment/segment-names.js';
import { Segment } from '../segment/segment.js';

/** Positions in index files are int32. */
const FILE_BYTES_MAX = 2_147_483_647;

/** A segment in the making, under the suffix `.cleaned`. Batches are written together in larger pieces. */
export class CleanedSegment {
  private readonly segment: Segment;
  private buffered = 0;

  constructor(fileSystem: FileSystem, folder: string, baseOffset: Offset, private readonly options: { readonly indexIntervalBytes: number; readonly buffer: Uint8Array; readonly nowMs: TimestampMs }) {
    this.segment = Segment.create(fileSystem, folder, baseOffset, options.nowMs, CLEANED_SUFFIX);
    this.segment.resetTransactions();
  }

  get bytes(): number {
    return this.segment.bytes + this.buffered;
  }

  get hasTransactionIndex(): boolean {
    return (this.segment.transactions?.all.length ?? 0) > 0;
  }

  add(bytes: Uint8Array, at: number): void {
    const size = batchSizeAt(bytes, at);
    if (this.bytes + size > FILE_BYTES_MAX) throw new OperationalError('SEGMENT_TOO_LARGE', `${this.segment.path('.log')} would be larger than ${FILE_BYTES_MAX} bytes`);
    this.segment.noteBatch(bytes, at, this.bytes, this.options.indexIntervalBytes);
    const { buffer } = this.options;
    if (this.buffered + size > buffer.length) this.writeOut();
    const batch = bytes.subarray(at, at + size);
    if (size > buffer.length) {
      this.segment.append(batch);
      return;
    }
    buffer.set(batch, this.buffered);
    this.buffered += size;
  }

  addAborted(transaction: AbortedTransaction): void {
    this.segment.transactions?.add(transaction);
  }

  /** All files are whole and on the disk for good. */
  async finish(): Promise<void> {
    this.writeOut();
    this.segment.seal();
    await this.segment.sync('all');
    this.segment.close();
  }

  abandon(): void {
    this.segment.close();
  }

  private writeOut(): void {
    if (this.buffered === 0) return;
    this.segment.append(this.options.buffer.subarray(0, this.buffered));
    this.buffered = 0;
  }
}
