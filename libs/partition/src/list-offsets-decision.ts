import type { LeaderEpoch, Offset, TimestampMs } from '@millrace/foundation';
import type { FetchIsolation } from './fetch-decision.js';
import type { PartitionError } from './partition-error.js';

/** The special timestamps of ListOffsets. */
export const LIST_OFFSETS_LATEST = -1;
export const LIST_OFFSETS_EARLIEST = -2;
export const LIST_OFFSETS_MAX_TIMESTAMP = -3;
export const LIST_OFFSETS_EARLIEST_LOCAL = -4;
export const LIST_OFFSETS_LATEST_TIERED = -5;

/** One partition of a ListOffsets request; `log_end` is a replica's view. */
export interface ListOffsetsQuestion {
  readonly timestamp: TimestampMs;
  readonly isolation: FetchIsolation;
  readonly currentLeaderEpoch: LeaderEpoch;
  readonly onlyFromLeader: boolean;
}

/**
 * `offset`: the answer (timestamp -1). `search`: find the first record with at least this timestamp, or the record with the largest one; a find at or beyond
 * `below` is answered with `errorBeyond` when that is set, else as "none" (offset -1). `none`: offset -1, no error.
 */
export type ListOffsetsDecision =
  | { readonly kind: 'error'; readonly error: PartitionError }
  | { readonly kind: 'offset'; readonly offset: Offset; readonly leaderEpoch: LeaderEpoch }
  | { readonly kind: 'search'; readonly target: 'timestamp' | 'max-timestamp'; readonly timestamp: TimestampMs; readonly below: Offset; readonly errorBeyond: PartitionError | null }
  | { readonly kind: 'none' };
