import { invariant, type LeaderEpoch, type Offset } from '@millrace/foundation';

/** Where a leader epoch begins in the log. */
export interface EpochStart {
  readonly leaderEpoch: LeaderEpoch;
  readonly startOffset: Offset;
}

/** Where a leader epoch ends in the log: the start of the next one, or the log end offset. */
export interface EpochEnd {
  readonly leaderEpoch: LeaderEpoch;
  readonly endOffset: Offset;
}

/** What the partition machine asks of the epochs of a log; the log's own cache may answer. */
export interface EpochLookup {
  /** The newest epoch with a start offset, or -1. */
  latestEpoch(): LeaderEpoch;
  /**
   * The largest epoch ≤ `leaderEpoch` and where it ends (the log end offset for the newest). For an epoch older than all known ones: itself, ending where
   * the first known one starts. Null when nothing can be said: no epochs, -1, or an epoch beyond the newest.
   */
  endOffsetFor(leaderEpoch: LeaderEpoch, logEndOffset: Offset): EpochEnd | null;
  /** The epoch that `offset` was (or will be) appended under: the newest that starts at or before it; -1 when none does. */
  epochAt(offset: Offset): LeaderEpoch;
}

/** The epochs of one log in memory. Invariant 8: entries strictly increase in epoch and in start offset. */
export class LeaderEpochs implements EpochLookup {
  private readonly starts: EpochStart[] = [];

  constructor(starts: readonly EpochStart[] = []) {
    for (const start of starts) this.assign(start.leaderEpoch, start.startOffset);
  }

  get entries(): readonly EpochStart[] {
    return this.starts;
  }

  latestEpoch(): LeaderEpoch {
    return this.starts.length === 0 ? -1 : this.starts[this.starts.length - 1]!.leaderEpoch;
  }

  /** Notes that `leaderEpoch` starts at `startOffset`; entries that the new one contradicts are dropped. Returns whether anything changed. */
  assign(leaderEpoch: LeaderEpoch, startOffset: Offset): boolean {
    invariant(leaderEpoch >= 0 && startOffset >= 0, `epoch ${leaderEpoch} at ${startOffset}`);
    const latest = this.starts[this.starts.length - 1];
    if (latest !== undefined && latest.leaderEpoch === leaderEpoch && latest.startOffset <= startOffset) return false;
    while (this.starts.length > 0) {
      const last = this.starts[this.starts.length - 1]!;
      if (last.leaderEpoch < leaderEpoch && last.startOffset < startOffset) break;
      this.starts.pop();
    }
    this.starts.push({ leaderEpoch, startOffset });
    return true;
  }

  /** After the log was cut to `logEndOffset`: epochs that start at or beyond it are gone. */
  truncateFromEnd(logEndOffset: Offset): void {
    while (this.starts.length > 0 && this.starts[this.starts.length - 1]!.startOffset >= logEndOffset) this.starts.pop();
  }

  /** After the log start moved to `logStartOffset`: the epoch that holds it starts there, older ones are gone. */
  truncateFromStart(logStartOffset: Offset): void {
    let holder = -1;
    while (holder + 1 < this.starts.length && this.starts[holder + 1]!.startOffset <= logStartOffset) holder++;
    if (holder < 0) return;
    const { leaderEpoch } = this.starts[holder]!;
    this.starts.splice(0, holder + 1, { leaderEpoch, startOffset: logStartOffset });
  }

  epochAt(offset: Offset): LeaderEpoch {
    for (let i = this.starts.length - 1; i >= 0; i--) if (this.starts[i]!.startOffset <= offset) return this.starts[i]!.leaderEpoch;
    return -1;
  }

  endOffsetFor(leaderEpoch: LeaderEpoch, logEndOffset: Offset): EpochEnd | null {
    if (leaderEpoch < 0) return null;
    const count = this.starts.length;
    if (this.latestEpoch() === leaderEpoch) return { leaderEpoch, endOffset: logEndOffset };
    let higher = 0;
    while (higher < count && this.starts[higher]!.leaderEpoch <= leaderEpoch) higher++;
    if (higher === count) return null;
    return { leaderEpoch: higher === 0 ? leaderEpoch : this.starts[higher - 1]!.leaderEpoch, endOffset: this.starts[higher]!.startOffset };
  }
}
