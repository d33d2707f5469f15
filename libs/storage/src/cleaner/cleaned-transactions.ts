import type { Codecs, Offset, ProducerId } from '@millrace/foundation';
import { batchLastOffsetAt, batchProducerIdAt, batchSizeAt, controlRecordType, isTransactionalBatchAt, recordsOf, type ControlRecordType } from '@millrace/records';
import type { AbortedTransaction } from '../log/contract.js';

const CONTROL_BYTES_MAX = 64 * 1024;

/**
 * Follows transactions while the cleaner walks the log: which data was aborted, and which markers may go because nothing of their transaction is left. Aborted transactions
 * whose marker stays are handed to `keepAborted`, for the transaction index of the new segment.
 */
export class CleanedTransactions {
  private readonly ongoingCommitted = new Set<ProducerId>();
  private readonly ongoingAborted = new Map<ProducerId, { readonly transaction: AbortedTransaction; hasData: boolean }>();
  private next = 0;

  /** `aborted`: in order of their first offsets. */
  constructor(private readonly aborted: readonly AbortedTransaction[], private readonly codecs: Codecs, private readonly keepAborted: (transaction: AbortedTransaction) => void) {}

  /** True: the records of this data batch were aborted. */
  isAborted(bytes: Uint8Array, at: number): boolean {
    this.beginUpTo(batchLastOffsetAt(bytes, at));
    if (!isTransactionalBatchAt(bytes, at)) return false;
    const producerId = batchProducerIdAt(bytes, at);
    const ongoing = this.ongoingAborted.get(producerId);
    if (ongoing === undefined) {
      this.ongoingCommitted.add(producerId);
      return false;
    }
    ongoing.hasData = true;
    return true;
  }

  /** True: this control batch is of no more use (to be kept until its delete horizon even so). */
  isMarkerOfNothing(bytes: Uint8Array, at: number): boolean {
    this.beginUpTo(batchLastOffsetAt(bytes, at));
    const type = this.controlType(bytes, at);
    const producerId = batchProducerIdAt(bytes, at);
    switch (type) {
      case 'empty':
        return true;
      case 'abort': {
        const ongoing = this.ongoingAborted.get(producerId);
        this.ongoingAborted.delete(producerId);
        if (ongoing?.hasData !== true) return true;
        this.keepAborted(ongoing.transaction);
        return false;
      }
      case 'commit':
        return !this.ongoingCommitted.delete(producerId);
      default:
        return false;
    }
  }

  private beginUpTo(offset: Offset): void {
    for (; this.next < this.aborted.length && this.aborted[this.next]!.firstOffset <= offset; this.next++) {
      const transaction = this.aborted[this.next]!;
      if (!this.ongoingAborted.has(transaction.producerId)) this.ongoingAborted.set(transaction.producerId, { transaction, hasData: false });
    }
  }

  private controlType(bytes: Uint8Array, at: number): ControlRecordType | 'empty' | undefined {
    const batch = bytes.subarray(at, at + batchSizeAt(bytes, at));
    const cursor = recordsOf(batch, this.codecs, { decompressedBytesMax: CONTROL_BYTES_MAX });
    if (!cursor.next()) return 'empty';
    const key = cursor.key();
    return key === null ? undefined : controlRecordType(key);
  }
}
