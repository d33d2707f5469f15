import type { FilePosition, Offset } from '@millrace/foundation';
import { batchBaseOffsetAt, batchLastOffsetAt, batchMaxTimestampAt } from '@millrace/records';
import { scanBatches, type ScanEnd } from './batch-scan.js';
import type { Segment } from './segment.js';

/**
 * Makes a segment ready to grow: finds its end and its largest timestamp from the last index entry on. Nothing is taken over when the bytes are not whole batches, or the
 * time index speaks of batches that are not there.
 */
export async function resumeSegment(segment: Segment): Promise<ScanEnd> {
  const indexes = segment.loadIndexes();
  let largest = { timestampMs: indexes?.times.lastTimestampMs ?? -1, offset: indexes?.times.lastOffset ?? segment.baseOffset };
  const from = indexes === undefined ? 0 : Math.min(indexes.offsets.lastPosition, indexes.offsets.positionFor(largest.offset));
  const end = await scanBatches(segment.file, { from, to: segment.bytes, baseOffset: segment.baseOffset }, (bytes, at) => {
    const timestampMs = batchMaxTimestampAt(bytes, at);
    if (timestampMs > largest.timestampMs) largest = { timestampMs, offset: batchLastOffsetAt(bytes, at) };
  });
  if (end.problem !== undefined) return end;
  if (largest.timestampMs >= 0 && largest.offset >= end.nextOffset) return { ...end, problem: 'the time index is ahead of the log' };
  const firstBatchTimestampMs = segment.readFirstTimestamp();
  segment.resume({ endOffset: end.nextOffset, firstBatchTimestampMs, largest });
  return end;
}

/** Where the batch begins that contains `offset` or is the first behind it, and the offset at which a log ends that is cut there. */
export async function cutPointFor(segment: Segment, offset: Offset): Promise<{ readonly position: FilePosition; readonly endOffset: Offset }> {
  const from = segment.loadIndexes()?.offsets.positionFor(offset) ?? 0;
  let found = { position: segment.bytes, endOffset: offset };
  await scanBatches(segment.file, { from, to: segment.bytes, baseOffset: segment.baseOffset }, (bytes, at, position) => {
    if (batchLastOffsetAt(bytes, at) < offset) return true;
    found = { position, endOffset: Math.min(offset, batchBaseOffsetAt(bytes, at)) };
    return false;
  });
  return found;
}
