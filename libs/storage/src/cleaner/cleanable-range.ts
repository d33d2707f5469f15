import type { Offset, TimestampMs } from '@millrace/foundation';
import { isCompacted, type LogConfig } from '../log/log-config.js';
import { floorSegment } from '../log/segment-list.js';
import type { Segment } from '../segment/segment.js';

/** What is looked at of a log. `PartitionLog` has all of it. */
export interface CleanableLog {
  readonly segments: readonly Segment[];
  readonly config: LogConfig;
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
}

export interface CleanableRange {
  readonly firstDirtyOffset: Offset;
  /** Of a segment: it and all behind it stay as they are. */
  readonly firstUncleanableOffset: Offset;
  readonly cleanBytes: number;
  readonly cleanableBytes: number;
  /** The dirty share of what may be cleaned, 0 to 1. */
  readonly ratio: number;
  /** By how much a record has outstayed `max.compaction.lag.ms`; 0 for none. */
  readonly delayMs: number;
  /** `ratio` is above the log's minimum, or a record has stayed too long. */
  readonly isDue: boolean;
  /** What the checkpoint says lies outside of the log. */
  readonly isCheckpointWrong: boolean;
}

/**
 * Which part of a compacted log may be cleaned now: from where the last cleaning ended to before the active segment, the last stable offset, and the first segment with a record
 * younger than `min.compaction.lag.ms`. Undefined when there is nothing to clean or the log is not compacted. Throws what the disk throws.
 */
export function cleanableRange(log: CleanableLog, state: { readonly cleanedOffset: Offset | undefined; readonly lastStableOffset: Offset; readonly nowMs: TimestampMs }): CleanableRange | undefined {
  const { segments, config, logStartOffset, logEndOffset } = log;
  if (!isCompacted(config)) return undefined;
  const checkpointed = state.cleanedOffset ?? logStartOffset;
  const isCheckpointWrong = checkpointed < logStartOffset || checkpointed > logEndOffset;
  const firstDirtyOffset = isCheckpointWrong ? logStartOffset : checkpointed;
  const finished = segments.slice(0, -1);
  const dirty = finished.slice(Math.max(0, floorSegment(finished, firstDirtyOffset)));
  const young = config.minCompactionLagMs > 0 ? dirty.find((it) => it.retentionTimestampMs > state.nowMs - config.minCompactionLagMs) : undefined;
  const activeBase = segments[segments.length - 1]!.baseOffset;
  const uncleanable = Math.max(firstDirtyOffset, Math.min(state.lastStableOffset, activeBase, young?.baseOffset ?? activeBase));
  const firstUncleanable = Math.max(0, floorSegment(segments, uncleanable));
  const firstUncleanableOffset = segments[firstUncleanable]!.baseOffset;
  const firstDirty = Math.max(0, floorSegment(segments, Math.min(firstDirtyOffset, firstUncleanableOffset)));
  const cleanBytes = sum(segments.filter((it) => it.baseOffset < firstDirtyOffset));
  const cleanableBytes = sum(segments.slice(firstDirty, firstUncleanable));
  if (cleanBytes + cleanableBytes === 0) return undefined;
  const ratio = cleanableBytes / (cleanBytes + cleanableBytes);
  const delayMs = compactionDelay(dirty, state.nowMs - config.maxCompactionLagMs);
  const isDue = (delayMs > 0 && cleanableBytes > 0) || ratio > config.minCleanableDirtyRatio;
  return { firstDirtyOffset, firstUncleanableOffset, cleanBytes, cleanableBytes, ratio, delayMs, isDue, isCheckpointWrong };
}

function sum(segments: readonly Segment[]): number {
  return segments.reduce((total, it) => total + it.bytes, 0);
}

function compactionDelay(dirty: readonly Segment[], cleanUntilMs: TimestampMs): number {
  if (cleanUntilMs <= 0) return 0;
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const segment of dirty) {
    const firstMs = segment.readFirstTimestamp();
    if (firstMs > 0 && firstMs < earliestMs) earliestMs = firstMs;
  }
  return Math.max(0, cleanUntilMs - earliestMs);
}
