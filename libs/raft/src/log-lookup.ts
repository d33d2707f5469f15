import type { LeaderEpoch, Offset } from '@millrace/foundation';

/** Names a snapshot: it holds everything before `endOffset`, and `epoch` is that of the last record in it. */
export interface OffsetAndEpoch {
  readonly offset: Offset;
  readonly epoch: LeaderEpoch;
}

/** Where a leader epoch ends in the log: the start of the next one, or the log end offset. */
export interface EpochEnd {
  readonly leaderEpoch: LeaderEpoch;
  readonly endOffset: Offset;
}

/**
 * What the machine asks of the epochs of the log (`LeaderEpochs` of the storage answers it). Asked only at the beginning of an input, so that the effects of
 * the input before must be carried out by then.
 */
export interface EpochLookup {
  /**
   * The largest epoch ≤ `leaderEpoch` and where it ends (the log end offset for the newest). For an epoch older than all known ones: itself, ending where
   * the first known one starts. Null when nothing can be said: no epochs, or an epoch beyond the newest.
   */
  endOffsetFor(leaderEpoch: LeaderEpoch, logEndOffset: Offset): EpochEnd | null;
}
