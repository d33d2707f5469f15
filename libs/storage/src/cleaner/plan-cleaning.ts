import type { Offset, ProducerId, Random, TimestampMs } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import type { AbortedTransaction } from '../log/contract.js';
import type { PartitionLog } from '../log/partition-log.js';
import { OFFSET_INDEX_SUFFIX, offsetFileName, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX } from '../segment/segment-names.js';
import type { CleanableRange } from './cleanable-range.js';
import type { CleaningJob, LastRecord, SourceSegment } from './cleaning-job.js';

export interface PlanOptions {
  readonly fileSystem: FileSystem;
  readonly random: Random;
  readonly nowMs: TimestampMs;
  readonly decompressedBytesMax: number;
}

/** What is needed to clean this range, as of now. The segments must not be taken away before the cleaning is over. */
export function planCleaning(log: PartitionLog, range: CleanableRange, options: PlanOptions): CleaningJob {
  const { config, folder } = log;
  const { firstDirtyOffset, firstUncleanableOffset } = range;
  const sizes = new Map(options.fileSystem.list(folder).map((it) => [it.name, it.bytes]));
  const segments: SourceSegment[] = [];
  const aborted: AbortedTransaction[] = [];
  for (const segment of log.segments) {
    if (segment.baseOffset >= firstUncleanableOffset) break;
    const size = (suffix: string): number => sizes.get(offsetFileName(segment.baseOffset, suffix)) ?? 0;
    const { baseOffset, bytes, endOffset } = segment;
    segments.push({ baseOffset, bytes, endOffset, offsetIndexBytes: size(OFFSET_INDEX_SUFFIX), timeIndexBytes: size(TIME_INDEX_SUFFIX) });
  }
  // A marker may stand behind the range whose data stands in it; what the active segment has of them is not written yet.
  for (const segment of log.segments) {
    const hasIndex = segment === log.segments.at(-1) || sizes.has(offsetFileName(segment.baseOffset, TRANSACTION_INDEX_SUFFIX));
    if (hasIndex) aborted.push(...(segment.transactions?.all ?? []));
  }
  return {
    folder,
    segments,
    firstDirtyOffset,
    firstUncleanableOffset,
    abortedTransactions: aborted.filter((it) => it.firstOffset < firstUncleanableOffset).sort((a, b) => a.firstOffset - b.firstOffset),
    lastRecords: lastRecords(log),
    nowMs: options.nowMs,
    deleteRetentionMs: config.deleteRetentionMs,
    segmentBytes: config.segmentBytes,
    segmentIndexBytes: config.segmentIndexBytes,
    indexIntervalBytes: config.indexIntervalBytes,
    decompressedBytesMax: options.decompressedBytesMax,
    hashSecret: options.random.bytes(16),
  };
}

function lastRecords(log: PartitionLog): ReadonlyMap<ProducerId, LastRecord> {
  const found = new Map<ProducerId, LastRecord>();
  for (const state of log.producers.all()) {
    const lastDataOffset: Offset = state.batches.at(-1)?.lastOffset ?? -1;
    found.set(state.producerId, { lastDataOffset, producerEpoch: state.epoch });
  }
  return found;
}
