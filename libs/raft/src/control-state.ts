import type { Offset } from '@millrace/foundation';
import type { ControlRecord } from './control-record.js';
import type { VotersAtStart } from './raft-options.js';
import type { ReplicaKey } from './replica-key.js';
import { VoterSet, type Voter } from './voter-set.js';

interface Entry<T> {
  readonly offset: Offset;
  readonly value: T;
}

/** What holds of voters and kraft.version at an offset; a snapshot that ends there must begin with it. */
export interface ControlStateAt {
  readonly kRaftVersion: number;
  /** Null: the log has never said (static voters). */
  readonly voters: readonly Voter[] | null;
}

/** The voter sets and kraft versions of the log by offset. Invariant 17: a set is in force from the moment that it is in the log, committed or not. */
export class ControlState {
  private voterSets: Entry<VoterSet>[];
  private versions: Entry<number>[];

  constructor(
    private readonly staticVoters: VoterSet,
    atStart: VotersAtStart,
  ) {
    this.voterSets = atStart.voterSets.map((it) => ({ offset: it.offset, value: new VoterSet(it.voters) }));
    this.versions = atStart.kRaftVersions.map((it) => ({ offset: it.offset, value: it.kRaftVersion }));
  }

  /** The newest voters, committed or not. */
  get voters(): VoterSet {
    return this.voterSets[this.voterSets.length - 1]?.value ?? this.staticVoters;
  }

  /** Where the newest voters stand in the log; null when they are the static ones; -1 when they come of the bootstrap snapshot. */
  get votersOffset(): Offset | null {
    return this.voterSets[this.voterSets.length - 1]?.offset ?? null;
  }

  get kRaftVersion(): number {
    return this.versions[this.versions.length - 1]?.value ?? 0;
  }

  /** Whether the newest voters leave `replica` out, those before them did not, and they are not known to be committed. */
  isLeaving(replica: ReplicaKey, highWatermark: Offset): boolean {
    const newest = this.voterSets[this.voterSets.length - 1];
    const before = this.voterSets[this.voterSets.length - 2]?.value ?? this.staticVoters;
    return newest !== undefined && newest.offset >= highWatermark && !newest.value.isVoter(replica) && before.isVoter(replica);
  }

  at(endOffset: Offset): ControlStateAt {
    return { kRaftVersion: lastBefore(this.versions, endOffset) ?? 0, voters: lastBefore(this.voterSets, endOffset)?.voters ?? null };
  }

  add(offset: Offset, record: ControlRecord): void {
    if (record.type === 'voters') this.voterSets.push({ offset, value: new VoterSet(record.voters) });
    if (record.type === 'kRaftVersion') this.versions.push({ offset, value: record.kRaftVersion });
  }

  /** The log was cut to `endOffset`. */
  truncate(endOffset: Offset): void {
    this.voterSets = this.voterSets.filter((it) => it.offset < endOffset);
    this.versions = this.versions.filter((it) => it.offset < endOffset);
  }

  /** The log starts at `startOffset` now: of what lies before it, only the last is needed. */
  trim(startOffset: Offset): void {
    this.voterSets = withoutSuperseded(this.voterSets, startOffset);
    this.versions = withoutSuperseded(this.versions, startOffset);
  }

  /** A snapshot took the place of the whole log. */
  install(endOffset: Offset, state: ControlStateAt): void {
    this.voterSets = state.voters === null ? [] : [{ offset: endOffset - 1, value: new VoterSet(state.voters) }];
    this.versions = [{ offset: endOffset - 1, value: state.kRaftVersion }];
  }
}

function lastBefore<T>(entries: readonly Entry<T>[], endOffset: Offset): T | undefined {
  for (let i = entries.length - 1; i >= 0; i--) if (entries[i]!.offset < endOffset) return entries[i]!.value;
  return undefined;
}

function withoutSuperseded<T>(entries: readonly Entry<T>[], startOffset: Offset): Entry<T>[] {
  return entries.filter((it, i) => it.offset >= startOffset || (entries[i + 1]?.offset ?? Infinity) >= startOffset);
}
