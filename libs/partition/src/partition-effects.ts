import type { BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch } from '@millrace/foundation';
import type { EpochStart } from './leader-epochs.js';

/** An AlterPartition request to the controller: a compare-and-set on the partition epoch. */
export interface IsrProposal {
  readonly leaderEpoch: LeaderEpoch;
  readonly partitionEpoch: PartitionEpoch;
  /** The proposed in-sync replicas; a broker epoch of -1 is "not known to this leader". */
  readonly isr: readonly { readonly brokerId: BrokerId; readonly brokerEpoch: BrokerEpoch }[];
}

/** Which waiting operations may be able to finish now. */
export interface Wake {
  /** Follower fetches: the log end offset advanced, or the role changed. */
  readonly followers: boolean;
  /** Consumer fetches: the high watermark or the last stable offset advanced, or the role changed. */
  readonly consumers: boolean;
  /** Produces with acks=all: the high watermark advanced, the in-sync replicas changed, or the role changed. */
  readonly producers: boolean;
  /** DeleteRecords: the low watermark advanced, or the role changed. */
  readonly deletions: boolean;
}

/** What the world must do after an input, in the order of the fields. */
export interface PartitionEffects {
  /** Write into the leader-epoch checkpoint before anything is appended under this epoch. */
  readonly assignEpoch: EpochStart | null;
  /** Cut the log to this end offset before anything is fetched or appended; then call `truncated`. */
  readonly truncateTo: Offset | null;
  /** Send to the controller; its answer comes back through `isrAnswered`. */
  readonly proposeIsr: IsrProposal | null;
  /** The new high watermark, when it moved. */
  readonly highWatermarkAdvancedTo: Offset | null;
  readonly wake: Wake;
}

export const WAKE_FOLLOWERS = 1;
export const WAKE_CONSUMERS = 2;
export const WAKE_PRODUCERS = 4;
export const WAKE_DELETIONS = 8;
export const WAKE_ALL = 15;

/** Every combination made once, so that the hot path allocates none. */
const WAKES: readonly Wake[] = Array.from({ length: 16 }, (_, bits) =>
  Object.freeze({
    followers: (bits & WAKE_FOLLOWERS) !== 0,
    consumers: (bits & WAKE_CONSUMERS) !== 0,
    producers: (bits & WAKE_PRODUCERS) !== 0,
    deletions: (bits & WAKE_DELETIONS) !== 0,
  }),
);

export function wakeOf(bits: number): Wake {
  return WAKES[bits]!;
}

export const NO_EFFECTS: PartitionEffects = Object.freeze({ assignEpoch: null, truncateTo: null, proposeIsr: null, highWatermarkAdvancedTo: null, wake: wakeOf(0) });
