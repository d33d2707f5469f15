import type { Offset } from '@millrace/foundation';
import { RELATIVE_OFFSET_MAX } from '../segment/offset-index.js';
import type { SourceSegment } from './cleaning-job.js';

/**
 * Puts neighbours together that fit into one segment, before anything of them is removed: small segments do not pile up, and offsets stay within int32 of their segment's
 * base. The order is kept.
 */
export function groupSegments(segments: readonly SourceSegment[], limits: { readonly segmentBytes: number; readonly segmentIndexBytes: number; readonly firstUncleanableOffset: Offset }): SourceSegment[][] {
  const groups: SourceSegment[][] = [];
  let bytes = 0;
  let offsetIndexBytes = 0;
  let timeIndexBytes = 0;
  segments.forEach((segment, i) => {
    bytes += segment.bytes;
    offsetIndexBytes += segment.offsetIndexBytes;
    timeIndexBytes += segment.timeIndexBytes;
    const group = groups.at(-1);
    const lastOffset = (segments[i + 1]?.baseOffset ?? limits.firstUncleanableOffset) - 1;
    const isNear = group !== undefined && (segment.bytes === 0 || lastOffset - group[0]!.baseOffset <= RELATIVE_OFFSET_MAX);
    if (group !== undefined && isNear && bytes <= limits.segmentBytes && offsetIndexBytes <= limits.segmentIndexBytes && timeIndexBytes <= limits.segmentIndexBytes) {
      group.push(segment);
      return;
    }
    groups.push([segment]);
    bytes = segment.bytes;
    offsetIndexBytes = segment.offsetIndexBytes;
    timeIndexBytes = segment.timeIndexBytes;
  });
  return groups;
}
