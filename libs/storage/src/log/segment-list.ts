import type { Offset } from '@millrace/foundation';
import { batchBaseOffsetAt, batchLastOffsetAt } from '@millrace/records';
import { scanBatches, type BatchVisitor } from '../segment/batch-scan.js';
import type { Segment } from '../segment/segment.js';

/** The segment whose range holds the offset: the last one that begins at or below it, or -1. */
export function floorSegment(segments: readonly Segment[], offset: Offset): number {
  if (segments.length > 0 && segments[segments.length - 1]!.baseOffset <= offset) return segments.length - 1;
  let low = 0;
  let high = segments.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.baseOffset <= offset) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}

/** Visits the batches of [from, to) in order, from headers alone: their content is not checked. Ends early at bytes that are no batch. */
export async function replayBatches(segments: readonly Segment[], from: Offset, to: Offset, visit: BatchVisitor): Promise<void> {
  for (const segment of segments.slice(Math.max(0, floorSegment(segments, from)))) {
    if (segment.baseOffset >= to) return;
    if (segment.bytes === 0 || segment.endOffset <= from) continue;
    const start = segment.baseOffset >= from ? 0 : (segment.loadIndexes()?.offsets.positionFor(from) ?? 0);
    const end = await scanBatches(segment.file, { from: start, to: segment.bytes, baseOffset: segment.baseOffset }, (bytes, at, position) => {
      if (batchBaseOffsetAt(bytes, at) >= to) return false;
      return batchLastOffsetAt(bytes, at) < from ? undefined : visit(bytes, at, position);
    });
    if (end.problem !== undefined) return;
  }
}

/** Segments that are kept open for readers; each holds a descriptor and its indexes. */
const OPEN_SEGMENTS_MAX = 8;

/** Of these segments, which can be opened again at any time, only the last used ones stay open. */
export function closeLeastRecent(segments: readonly Segment[]): void {
  const open = segments.filter((it) => it.isOpen);
  if (open.length <= OPEN_SEGMENTS_MAX) return;
  open.sort((a, b) => a.recency - b.recency);
  for (const segment of open.slice(0, open.length - OPEN_SEGMENTS_MAX)) segment.close();
}
