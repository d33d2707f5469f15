import { OperationalError, type Codecs, type Logger, type Offset, type TimestampMs } from '@millrace/foundation';
import { batchLeaderEpochAt, batchMaxTimestampAt, batchSizeAt, recordsOf } from '@millrace/records';
import { scanBatches } from '../segment/batch-scan.js';
import type { Segment } from '../segment/segment.js';
import type { TimestampOffset } from './contract.js';

export interface TimestampSearch {
  readonly segments: readonly Segment[];
  readonly codecs: Codecs;
  readonly decompressedBytesMax: number;
  /** Records below it are not found. */
  readonly startOffset: Offset;
}

/** Of segments whose index files cannot be right they are made anew. */
export async function loadAllIndexes(segments: readonly Segment[], options: { readonly indexIntervalBytes: number; readonly logger: Logger }): Promise<void> {
  for (const segment of segments) {
    if (segment.bytes === 0 || segment.loadIndexes() !== undefined) continue;
    options.logger.warn({ segment: segment.path('.log') }, 'index is missing or cannot be right; rebuilding it from the log');
    await segment.rebuildIndexes(options);
  }
}

/** The first record, in order of offsets, that is at least as late as `timestampMs`. */
export async function findOffsetByTimestamp(timestampMs: TimestampMs, search: TimestampSearch): Promise<TimestampOffset | undefined> {
  for (const segment of [...search.segments]) {
    if (segment.bytes === 0 || segment.endOffset <= search.startOffset || segment.largest.timestampMs < timestampMs) continue;
    const indexes = segment.loadIndexes();
    const from = indexes === undefined ? 0 : indexes.offsets.positionFor(Math.max(indexes.times.offsetFor(timestampMs), search.startOffset));
    let found: TimestampOffset | undefined;
    const end = await scanBatches(segment.file, { from, to: segment.bytes, baseOffset: segment.baseOffset, crc32c: search.codecs.crc32c }, (bytes, at) => {
      if (batchMaxTimestampAt(bytes, at) < timestampMs) return true;
      found = firstRecord(bytes, at, search, (it) => it >= timestampMs);
      return found === undefined;
    });
    if (found !== undefined) return found;
    if (end.problem !== undefined) throw new OperationalError('CORRUPT_MESSAGE', `batch at ${end.position} of ${segment.path('.log')} cannot be read: ${end.problem}`);
  }
  return undefined;
}

/** The record with the largest timestamp of all; the first one when several have it. */
export async function findLargestTimestamp(search: TimestampSearch): Promise<TimestampOffset | undefined> {
  let latest: Segment | undefined;
  for (const segment of search.segments) {
    if (segment.bytes > 0 && segment.largest.timestampMs >= 0 && (latest === undefined || segment.largest.timestampMs > latest.largest.timestampMs)) latest = segment;
  }
  return latest === undefined ? undefined : findOffsetByTimestamp(latest.largest.timestampMs, { ...search, segments: [latest], startOffset: latest.baseOffset });
}

function firstRecord(bytes: Uint8Array, at: number, search: TimestampSearch, isWanted: (timestampMs: TimestampMs) => boolean): TimestampOffset | undefined {
  const leaderEpoch = batchLeaderEpochAt(bytes, at);
  const cursor = recordsOf(bytes.subarray(at, at + batchSizeAt(bytes, at)), search.codecs, { decompressedBytesMax: search.decompressedBytesMax });
  while (cursor.next()) {
    if (cursor.offset >= search.startOffset && isWanted(cursor.timestampMs)) return { timestampMs: cursor.timestampMs, offset: cursor.offset, leaderEpoch };
  }
  return undefined;
}
