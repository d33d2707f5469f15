import type { Offset, TimestampMs } from '@millrace/foundation';
import type { LogConfig } from './log-config.js';

/** What retention looks at, of each segment in order. */
export interface RetainedSegment {
  readonly bytes: number;
  /** Exclusive. */
  readonly endOffset: Offset;
  readonly retentionTimestampMs: TimestampMs;
}

/**
 * How many of the oldest segments may go. Invariant 7: only whole segments, wholly below the high watermark, and by time or size only where the policy says `delete`.
 * Segments below the log start offset go under any policy.
 */
export function deletableSegments(segments: readonly RetainedSegment[], state: { readonly config: LogConfig; readonly logStartOffset: Offset; readonly highWatermark: Offset; readonly nowMs: TimestampMs }): number {
  const { config, logStartOffset, highWatermark, nowMs } = state;
  const isDeletePolicy = config.cleanupPolicies.includes('delete');
  let excessBytes = config.retentionBytes < 0 ? -1 : segments.reduce((sum, it) => sum + it.bytes, 0) - config.retentionBytes;
  let count = 0;
  for (const segment of segments) {
    // Only the last one is empty because it is new: another one was emptied by the cleaner.
    if ((segment.bytes === 0 && segment === segments.at(-1)) || segment.endOffset > highWatermark) break;
    const isBelowStart = segment.endOffset <= logStartOffset;
    const isTooOld = isDeletePolicy && config.retentionMs >= 0 && nowMs - segment.retentionTimestampMs > config.retentionMs;
    const isTooMuch = isDeletePolicy && config.retentionBytes >= 0 && excessBytes - segment.bytes >= 0;
    if (!isBelowStart && !isTooOld && !isTooMuch) break;
    excessBytes -= segment.bytes;
    count += 1;
  }
  return count;
}
