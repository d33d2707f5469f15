import { OperationalError, type Codecs, type Offset } from '@millrace/foundation';
import { batchBaseOffsetAt, batchLastOffsetAt, batchProducerIdAt, batchRecordCountAt, isBatchCrcValid, isControlBatchAt, isTransactionalBatchAt, RecordCursor, wholeBatchSizeAt, controlRecordType } from '@millrace/records';

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: Offset;
}

export interface FetchedBytes {
  readonly topic: string;
  readonly partition: number;
  /** Whole batches, the last one perhaps cut. */
  readonly bytes: Uint8Array;
  /** Records below it are not wanted: a batch may begin before the offset that was asked for. */
  readonly fromOffset: Offset;
  readonly aborted: readonly AbortedTransaction[];
  readonly isReadCommitted: boolean;
  readonly checkCrcs: boolean;
}

/** A batch may decompress to this much on the consumer's side. */
const DECOMPRESSED_BYTES_MAX = 1024 * 1024 * 1024;

/**
 * Fetched records of one partition, in offset order: control records, aborted records and records below the position are not among
 * them. `next()` moves on and sets the fields of `cursor`; nothing is allocated per record.
 */
export class PartitionRecords {
  readonly cursor = new RecordCursor();
  readonly topic: string;
  readonly partition: number;
  /** Upper bound of the records in here. */
  recordsMax = 0;
  /** Where consumption goes on behind all of this, also over what is not delivered. */
  nextOffset: Offset;
  private readonly bytes: Uint8Array;
  private readonly fromOffset: Offset;
  private readonly positions: number[] = [];
  private batch = 0;
  private isInBatch = false;

  /** Throws OperationalError CORRUPT_RECORD for a batch whose CRC does not match, MalformedBytes for one that is none. */
  constructor(
    fetched: FetchedBytes,
    private readonly codecs: Codecs,
  ) {
    this.topic = fetched.topic;
    this.partition = fetched.partition;
    this.bytes = fetched.bytes;
    this.fromOffset = this.nextOffset = fetched.fromOffset;
    this.select(fetched);
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  /** The record's place is `cursor.offset`; a number, exact. */
  next(): boolean {
    for (;;) {
      if (this.isInBatch) {
        while (this.cursor.next()) if (this.cursor.offset >= this.fromOffset) return true;
        this.isInBatch = false;
      }
      const position = this.positions[this.batch];
      if (position === undefined) return false;
      this.batch += 1;
      this.cursor.reset(this.bytes, position, this.codecs, DECOMPRESSED_BYTES_MAX);
      this.isInBatch = true;
    }
  }

  private select(fetched: FetchedBytes): void {
    const { bytes } = fetched;
    const openAborts = fetched.isReadCommitted ? [...fetched.aborted].sort((a, b) => a.firstOffset - b.firstOffset) : [];
    const aborting = new Set<number>();
    for (let position = 0; ; ) {
      const size = wholeBatchSizeAt(bytes, position);
      if (size === 0) return;
      const lastOffset = batchLastOffsetAt(bytes, position);
      if (fetched.checkCrcs && !isBatchCrcValid(bytes, position, this.codecs.crc32c)) {
        throw new OperationalError('CORRUPT_RECORD', `the batch at offset ${batchBaseOffsetAt(bytes, position)} of ${this.topic}-${this.partition} does not match its CRC`);
      }
      while (openAborts[0] !== undefined && openAborts[0].firstOffset <= lastOffset) aborting.add(openAborts.shift()?.producerId ?? -1);
      if (isControlBatchAt(bytes, position)) {
        if (aborting.size > 0) this.endTransaction(position, aborting);
      } else if (lastOffset >= this.fromOffset && !(isTransactionalBatchAt(bytes, position) && aborting.has(batchProducerIdAt(bytes, position)))) {
        this.positions.push(position);
        this.recordsMax += batchRecordCountAt(bytes, position);
      }
      this.nextOffset = Math.max(this.nextOffset, lastOffset + 1);
      position += size;
    }
  }

  private endTransaction(position: number, aborting: Set<number>): void {
    const cursor = this.cursor.reset(this.bytes, position, this.codecs, DECOMPRESSED_BYTES_MAX);
    const key = cursor.next() ? cursor.key() : null;
    if (key !== null && controlRecordType(key) === 'abort') aborting.delete(batchProducerIdAt(this.bytes, position));
  }
}
