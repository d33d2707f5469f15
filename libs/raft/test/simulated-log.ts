import type { ControlRecord, EpochEnd, EpochLookup, OffsetAndEpoch, SnapshotInfo } from '../src/index.js';

export interface Entry {
  readonly epoch: number;
  /** Names what was appended: no two appends of a run have the same. */
  readonly value: number;
  readonly control: ControlRecord | null;
}

export interface SimulatedSnapshot extends SnapshotInfo {
  readonly bytes: Uint8Array;
  readonly control: { readonly kRaftVersion: number; readonly voters: Extract<ControlRecord, { type: 'voters' }>['voters'] | null };
}

/** A log on a disk that forgets what was not flushed. Snapshots are durable when they are there. */
export class SimulatedLog implements EpochLookup {
  startOffset = 0;
  entries: Entry[] = [];
  snapshots: SimulatedSnapshot[] = [];
  flushedOffset = 0;
  /** What a crash would bring back: durable entries that were cut off, and nothing was flushed since. */
  private undone: { readonly from: number; readonly entries: readonly Entry[] } | null = null;
  /** Kept when the flush of the log was asked for, so that a late one counts for no more than it covered. */
  private generation = 0;

  get endOffset(): number {
    return this.startOffset + this.entries.length;
  }

  get lastEpoch(): number {
    return this.entries[this.entries.length - 1]?.epoch ?? this.snapshotAtStart?.epoch ?? 0;
  }

  get snapshotAtStart(): SimulatedSnapshot | undefined {
    return this.snapshots.find((it) => it.offset === this.startOffset);
  }

  at(offset: number): Entry | undefined {
    return this.entries[offset - this.startOffset];
  }

  /** The epoch of the entry before `offset`. */
  epochBefore(offset: number): number {
    return this.at(offset - 1)?.epoch ?? (offset === this.startOffset ? (this.snapshotAtStart?.epoch ?? 0) : -1);
  }

  endOffsetFor(leaderEpoch: number, logEndOffset: number): EpochEnd | null {
    const { entries } = this;
    const last = entries[entries.length - 1];
    if (last === undefined || leaderEpoch > last.epoch) return null;
    if (last.epoch === leaderEpoch) return { leaderEpoch, endOffset: logEndOffset };
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[middle]!.epoch > leaderEpoch) high = middle;
      else low = middle + 1;
    }
    return { leaderEpoch: low === 0 ? leaderEpoch : entries[low - 1]!.epoch, endOffset: this.startOffset + low };
  }

  append(entry: Entry): void {
    this.entries.push(entry);
  }

  truncate(endOffset: number): void {
    if (endOffset < this.flushedOffset) {
      const cut = this.entries.slice(endOffset - this.startOffset, this.flushedOffset - this.startOffset);
      this.undone = { from: endOffset, entries: this.undone === null ? cut : [...cut, ...this.undone.entries] };
      this.flushedOffset = endOffset;
    }
    this.entries.length = endOffset - this.startOffset;
    this.generation++;
  }

  /** Returns what to call when the disk has done it. */
  beginFlush(endOffset: number): () => void {
    const { generation } = this;
    return () => {
      if (generation !== this.generation || endOffset <= this.flushedOffset) return;
      this.flushedOffset = endOffset;
      this.undone = null;
    };
  }

  install(snapshot: SimulatedSnapshot): void {
    this.snapshots = [...this.snapshots.filter((it) => it.offset !== snapshot.offset), snapshot];
    this.startOffset = snapshot.offset;
    this.flushedOffset = snapshot.offset;
    this.entries = [];
    this.undone = null;
    this.generation++;
  }

  /** Deletes what the snapshot makes superfluous. */
  cleanUpTo(snapshot: OffsetAndEpoch): void {
    if (snapshot.offset <= this.startOffset || snapshot.offset > this.flushedOffset) return;
    this.entries.splice(0, snapshot.offset - this.startOffset);
    this.startOffset = snapshot.offset;
    this.snapshots = this.snapshots.filter((it) => it.offset >= snapshot.offset);
  }

  /** Some of what was not flushed is lost; or, when durable entries were cut off and nothing was flushed since, they are back. */
  crash(random: { chance(probability: number): boolean; integer(bound: number): number }): void {
    if (this.undone !== null && random.chance(0.5)) {
      this.entries = [...this.entries.slice(0, this.undone.from - this.startOffset), ...this.undone.entries];
    } else {
      const survives = random.integer(this.endOffset - this.flushedOffset + 1);
      this.entries.length = this.flushedOffset + survives - this.startOffset;
    }
    this.flushedOffset = this.endOffset;
    this.undone = null;
    this.generation++;
  }

  /** The voters that the log names, each with its offset; those of the snapshot that it starts at come first. */
  votersInLog(): { readonly offset: number; readonly ids: readonly string[] }[] {
    const found: { offset: number; ids: readonly string[] }[] = [];
    const start = this.snapshotAtStart?.control.voters;
    if (start !== undefined && start !== null) found.push({ offset: this.startOffset - 1, ids: start.map((it) => `${it.voterId}/${it.voterDirectoryId}`) });
    this.entries.forEach((it, i) => {
      if (it.control?.type === 'voters') found.push({ offset: this.startOffset + i, ids: it.control.voters.map((voter) => `${voter.voterId}/${voter.voterDirectoryId}`) });
    });
    return found;
  }
}
