import { invariant, type LeaderEpoch, type Offset } from '@millrace/foundation';
import type { EpochLookup, OffsetAndEpoch } from './log-lookup.js';
import type { LogAtStart, SnapshotInfo } from './raft-options.js';

/** What a leader says to a place in a log that is fetched from: its own log has it too, or parts before it, or begins after it. */
export type PlaceInLog = { readonly kind: 'valid' } | { readonly kind: 'diverging' | 'snapshot'; readonly place: OffsetAndEpoch };

/** The machine's view of its own log: what it holds once the effects are carried out, and how much of it is durable. */
export class LogState {
  startOffset: Offset;
  endOffset: Offset;
  /** Everything before it survives a crash. */
  flushedOffset: Offset;
  /** How often it was truncated. */
  generation = 0;
  lastEpoch: LeaderEpoch;
  snapshots: readonly SnapshotInfo[];
  private readonly epochs: EpochLookup;

  constructor(atStart: LogAtStart) {
    this.startOffset = atStart.logStartOffset;
    this.endOffset = atStart.logEndOffset;
    this.flushedOffset = atStart.logEndOffset;
    this.lastEpoch = atStart.lastEpoch;
    this.snapshots = sorted(atStart.snapshots);
    this.epochs = atStart.epochs;
  }

  get latestSnapshot(): SnapshotInfo | undefined {
    return this.snapshots[this.snapshots.length - 1];
  }

  get earliestSnapshot(): SnapshotInfo | undefined {
    return this.snapshots.find((it) => it.offset === this.startOffset);
  }

  snapshot(id: OffsetAndEpoch): SnapshotInfo | undefined {
    return this.snapshots.find((it) => it.offset === id.offset && it.epoch === id.epoch);
  }

  /** Whether a log that ends at `offset` with `epoch` has everything that this one has, or more (Invariant 16). */
  isUpToDate(offset: Offset, epoch: LeaderEpoch): boolean {
    return epoch !== this.lastEpoch ? epoch > this.lastEpoch : offset >= this.endOffset;
  }

  /** Where a log that ends at `offset`, its last record of `epoch`, stands to this one. */
  placeOf(offset: Offset, epoch: LeaderEpoch): PlaceInLog {
    const { latestSnapshot, earliestSnapshot } = this;
    // An empty log is filled faster by the snapshot than by segments.
    if (offset === 0 && latestSnapshot !== undefined) return { kind: 'snapshot', place: latestSnapshot };
    if (latestSnapshot !== undefined && this.startOffset > 0) {
      const startEpoch = earliestSnapshot?.epoch ?? -1;
      if (offset < this.startOffset || (offset === this.startOffset && epoch !== startEpoch) || epoch < startEpoch) return { kind: 'snapshot', place: latestSnapshot };
    }
    const end = this.endOfEpoch(epoch);
    return end.epoch !== epoch || end.offset < offset ? { kind: 'diverging', place: end } : { kind: 'valid' };
  }

  /** To where this log must be cut when the leader's log parts from it at `diverging`. Never further than the leader says (Invariant 13). */
  truncationOffset(diverging: OffsetAndEpoch): Offset {
    if (diverging.epoch === 0) return Math.min(diverging.offset, this.endOffset);
    const mine = this.endOfEpoch(diverging.epoch);
    return mine.epoch === diverging.epoch ? Math.min(mine.offset, diverging.offset) : mine.offset;
  }

  appended(endOffset: Offset, epoch: LeaderEpoch): void {
    invariant(endOffset >= this.endOffset, `the log ended at ${this.endOffset}, and after an append at ${endOffset}`);
    this.endOffset = endOffset;
    this.lastEpoch = epoch;
  }

  truncated(endOffset: Offset): void {
    this.lastEpoch = this.epochBefore(endOffset);
    this.endOffset = endOffset;
    this.flushedOffset = Math.min(this.flushedOffset, endOffset);
    this.generation++;
  }

  /** The log is empty now, and starts where the snapshot ends. */
  installed(snapshot: SnapshotInfo): void {
    this.startOffset = snapshot.offset;
    this.endOffset = snapshot.offset;
    this.flushedOffset = snapshot.offset;
    this.lastEpoch = snapshot.epoch;
    this.snapshots = sorted([...this.snapshots.filter((it) => it.offset !== snapshot.offset), snapshot]);
    this.generation++;
  }

  cleaned(startOffset: Offset, snapshots: readonly SnapshotInfo[]): void {
    invariant(startOffset >= this.startOffset && startOffset <= this.endOffset, `the log start went from ${this.startOffset} to ${startOffset}, its end is ${this.endOffset}`);
    this.startOffset = startOffset;
    this.snapshots = sorted(snapshots);
  }

  private endOfEpoch(epoch: LeaderEpoch): OffsetAndEpoch {
    const end = this.epochs.endOffsetFor(epoch, this.endOffset);
    if (end === null) return { offset: this.endOffset, epoch: this.lastEpoch };
    const earliest = this.earliestSnapshot;
    // The epoch is older than everything in the log: the snapshot's epoch is what came before.
    if (earliest !== undefined && end.endOffset === earliest.offset && end.leaderEpoch === epoch) return { offset: earliest.offset, epoch: earliest.epoch };
    return { offset: end.endOffset, epoch: end.leaderEpoch };
  }

  /** The epoch of the last record before `endOffset`. */
  private epochBefore(endOffset: Offset): LeaderEpoch {
    if (endOffset >= this.endOffset) return this.lastEpoch;
    const snapshotEpoch = this.earliestSnapshot?.epoch ?? 0;
    if (endOffset <= this.startOffset) return snapshotEpoch;
    for (let epoch = this.lastEpoch; epoch > snapshotEpoch; ) {
      const older = this.epochs.endOffsetFor(epoch - 1, this.endOffset);
      if (older === null || older.endOffset < endOffset) return epoch;
      epoch = older.leaderEpoch;
    }
    return snapshotEpoch;
  }
}

function sorted(snapshots: readonly SnapshotInfo[]): readonly SnapshotInfo[] {
  return [...snapshots].sort((a, b) => a.offset - b.offset || a.epoch - b.epoch);
}
