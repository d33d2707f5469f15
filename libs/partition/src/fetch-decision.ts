import type { BrokerId, LeaderEpoch, Offset } from '@millrace/foundation';
import type { EpochEnd } from './leader-epochs.js';
import type { PartitionError } from './partition-error.js';

/** Who reads, and so how far: a consumer to the high watermark or the last stable offset, a replica to the log end. */
export type FetchIsolation = 'read_uncommitted' | 'read_committed' | 'log_end';

/** One partition of a Fetch request. Epochs of -1 are "not said". */
export interface FetchQuestion {
  readonly fetchOffset: Offset;
  readonly isolation: FetchIsolation;
  readonly currentLeaderEpoch: LeaderEpoch;
  readonly lastFetchedEpoch: LeaderEpoch;
  /** -1 for a consumer. */
  readonly replicaId: BrokerId;
  /** False lets a follower serve a consumer (KIP-392). */
  readonly onlyFromLeader: boolean;
}

/**
 * `read`: read whole batches from `fetchOffset` while they begin below `upTo` (nothing to read when `fetchOffset` ≥ `upTo`: wait, or answer empty).
 * `diverging`: answer with the epoch and its end, no records; the follower cuts its log.
 */
export type FetchDecision =
  | { readonly kind: 'error'; readonly error: PartitionError; readonly highWatermark: Offset; readonly lastStableOffset: Offset; readonly logStartOffset: Offset }
  | { readonly kind: 'read'; readonly fetchOffset: Offset; readonly upTo: Offset; readonly highWatermark: Offset; readonly lastStableOffset: Offset; readonly logStartOffset: Offset; readonly logEndOffset: Offset }
  | { readonly kind: 'diverging'; readonly diverging: EpochEnd; readonly highWatermark: Offset; readonly lastStableOffset: Offset; readonly logStartOffset: Offset };
