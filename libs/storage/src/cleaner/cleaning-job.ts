import type { Offset, ProducerEpoch, ProducerId, TimestampMs } from '@millrace/foundation';
import type { AbortedTransaction } from '../log/contract.js';

/** A finished segment as the cleaner sees it: the name and size of its file. */
export interface SourceSegment {
  readonly baseOffset: Offset;
  readonly bytes: number;
  /** Exclusive: where the next segment begins. */
  readonly endOffset: Offset;
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
}

/** What must stay of a producer, so that its sequences and its fence outlive its records. */
export interface LastRecord {
  /** -1 when it has no data in the log any more. */
  readonly lastDataOffset: Offset;
  readonly producerEpoch: ProducerEpoch;
}

/** One cleaning of one partition: plain data, which a worker thread can be given. The segments do not change while it runs. */
export interface CleaningJob {
  readonly folder: string;
  /** All that may be rewritten, in order: from the first of the log to before the first that may not. */
  readonly segments: readonly SourceSegment[];
  readonly firstDirtyOffset: Offset;
  readonly firstUncleanableOffset: Offset;
  /** In order of their first offsets. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly lastRecords: ReadonlyMap<ProducerId, LastRecord>;
  readonly nowMs: TimestampMs;
  readonly deleteRetentionMs: number;
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly decompressedBytesMax: number;
  /** 16 bytes of chance: the key under which record keys are hashed. */
  readonly hashSecret: Uint8Array;
}

/** A group of segments that was rewritten as one: its files stand beside the log with the suffix `.cleaned`, synced. */
export interface CleanedGroup {
  readonly sources: readonly SourceSegment[];
  readonly bytes: number;
  readonly hasTransactionIndex: boolean;
}

export interface CleaningStats {
  /** Of the dirty part, read to build the map. */
  indexBytesRead: number;
  bytesRead: number;
  bytesWritten: number;
  recordsRead: number;
  recordsWritten: number;
  /** Records without a key: removed. */
  keylessRecords: number;
  indexMs: number;
  totalMs: number;
  /** 0 to 1 */
  mapUtilization: number;
}

export interface CleaningResult {
  /** Where the next cleaning begins: below `firstUncleanableOffset` when the keys did not fit into the map. */
  readonly nextDirtyOffset: Offset;
  readonly stats: CleaningStats;
}
