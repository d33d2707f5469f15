import { ZERO_UUID, type BrokerId, type Offset, type TimestampMs } from '@millrace/foundation';
import { isNamedBy, type ReplicaKey } from './replica-key.js';
import { voterKey, type VoterSet } from './voter-set.js';

/** An observer that has not fetched for so long is forgotten. */
const OBSERVER_SESSION_TIMEOUT_MS = 300_000;
/** A joiner must have fetched within this time to count as caught up. */
const CAUGHT_UP_WITHIN_MS = 3_600_000;

/** What a leader knows of a replica in this epoch. */
export interface ReplicaProgress {
  key: ReplicaKey;
  /** Up to where it holds the log durably; null: it has not fetched in this epoch. */
  endOffset: Offset | null;
  lastFetchMs: TimestampMs;
  /** The leader's log end at its last fetch. */
  lastFetchLeaderEnd: Offset;
  lastCaughtUpMs: TimestampMs;
}

/** How far the replicas are: from it come the high watermark, whether a majority still fetches, and who would be the best next leader. */
export class LeaderProgress {
  private readonly voters = new Map<BrokerId, ReplicaProgress>();
  private observers: ReplicaProgress[] = [];
  private readonly fetchedSince = new Set<BrokerId>();
  private checkQuorumDeadlineMs: TimestampMs;
  /** -1: nothing of this epoch is committed yet. */
  highWatermark: Offset = -1;

  constructor(
    private readonly local: ReplicaKey,
    private readonly epochStartOffset: Offset,
    voters: VoterSet,
    private readonly checkQuorumTimeoutMs: number,
    nowMs: TimestampMs,
  ) {
    this.checkQuorumDeadlineMs = nowMs + checkQuorumTimeoutMs;
    this.setVoters(voters, nowMs);
  }

  /** A new voter set is in the log: it counts from now on, committed or not. Progress of who stays, comes or goes is kept. */
  setVoters(set: VoterSet, nowMs: TimestampMs): void {
    // A lone voter heard of nobody so far, and needed nobody.
    if (this.quorumDeadlineMs === Infinity) this.checkQuorumDeadlineMs = nowMs + this.checkQuorumTimeoutMs;
    const known = [...this.voters.values(), ...this.observers];
    this.voters.clear();
    for (const voter of set.voters) {
      const key = voterKey(voter);
      const progress = known.find((it) => isNamedBy(key, it.key)) ?? newProgress(key);
      progress.key = key;
      this.voters.set(key.nodeId, progress);
    }
    // A voter that went by its id alone and has a directory now is not an observer as well; how far it is, it says with its next fetch.
    this.observers = known.filter((it) => this.voters.get(it.key.nodeId) !== it && !(it.key.directoryId === ZERO_UUID && this.voters.has(it.key.nodeId)));
  }

  /** The leader's own log is durable up to `flushedOffset`. Returns whether the high watermark advanced. */
  localFlushed(flushedOffset: Offset): boolean {
    this.progressOf(this.local).endOffset = flushedOffset;
    return this.advance();
  }

  /** A replica fetched at `fetchOffset`, which was valid: it holds everything before it. Returns whether the high watermark advanced. */
  fetched(replica: ReplicaKey, fetchOffset: Offset, leaderEndOffset: Offset, nowMs: TimestampMs): boolean {
    if (replica.nodeId < 0) return false;
    const progress = this.progressOf(replica);
    if (fetchOffset >= leaderEndOffset) progress.lastCaughtUpMs = Math.max(progress.lastCaughtUpMs, nowMs);
    else if (progress.lastFetchLeaderEnd > 0 && fetchOffset >= progress.lastFetchLeaderEnd) progress.lastCaughtUpMs = Math.max(progress.lastCaughtUpMs, progress.lastFetchMs);
    progress.lastFetchLeaderEnd = leaderEndOffset;
    progress.lastFetchMs = Math.max(progress.lastFetchMs, nowMs);
    progress.endOffset = fetchOffset;
    this.heardFrom(replica, nowMs);
    return this.isVoter(replica) && this.advance();
  }

  /** A voter fetched records or a snapshot: with a majority of them, the leader goes on for another period. */
  heardFrom(replica: ReplicaKey, nowMs: TimestampMs): void {
    if (!this.isVoter(replica)) return;
    this.fetchedSince.add(replica.nodeId);
    // The leader counts itself, unless it is leaving.
    const needed = Math.floor(this.voters.size / 2) + 1 - (this.isVoter(this.local) ? 1 : 0);
    if (this.fetchedSince.size < needed) return;
    this.fetchedSince.clear();
    this.checkQuorumDeadlineMs = nowMs + this.checkQuorumTimeoutMs;
  }

  /** When the leadership ends for want of fetches of a majority. */
  get quorumDeadlineMs(): TimestampMs {
    return this.voters.size === 1 && this.isVoter(this.local) ? Infinity : this.checkQuorumDeadlineMs;
  }

  /** Whether `replica` was caught up and fetched lately: only then may it become a voter. */
  isCaughtUp(replica: ReplicaKey, nowMs: TimestampMs): boolean {
    const progress = this.observers.find((it) => isNamedBy(it.key, replica));
    return progress !== undefined && progress.lastCaughtUpMs >= 0 && progress.lastFetchMs > nowMs - CAUGHT_UP_WITHIN_MS;
  }

  /** The other voters that have not fetched for `periodMs`: they may not know the leader. */
  silentVoters(nowMs: TimestampMs, periodMs: number): readonly ReplicaKey[] {
    return this.otherVoters()
      .filter((it) => it.lastFetchMs < 0 || nowMs - it.lastFetchMs >= periodMs)
      .map((it) => it.key);
  }

  /** The other voters, those with the longest log first. */
  successors(): readonly ReplicaKey[] {
    return this.otherVoters()
      .sort((a, b) => (b.endOffset ?? -1) - (a.endOffset ?? -1) || a.key.nodeId - b.key.nodeId)
      .map((it) => it.key);
  }

  voterProgress(): readonly ReplicaProgress[] {
    return [...this.voters.values()];
  }

  observerProgress(nowMs: TimestampMs): readonly ReplicaProgress[] {
    this.observers = this.observers.filter((it) => nowMs - it.lastFetchMs < OBSERVER_SESSION_TIMEOUT_MS || isNamedBy(it.key, this.local));
    return this.observers;
  }

  isLocal(replica: ReplicaKey): boolean {
    return isNamedBy(replica, this.local);
  }

  /** Recounts after the voters changed. */
  advance(): boolean {
    const ends = [...this.voters.values()].map((it) => it.endOffset ?? -1).sort((a, b) => b - a);
    const candidate = ends[Math.floor(ends.length / 2)] ?? -1;
    // Invariant 16: entries of older epochs are committed by one of this epoch only.
    if (candidate <= this.epochStartOffset || candidate <= this.highWatermark) return false;
    this.highWatermark = candidate;
    return true;
  }

  private isVoter(replica: ReplicaKey): boolean {
    const voter = this.voters.get(replica.nodeId);
    return voter !== undefined && isNamedBy(voter.key, replica);
  }

  private otherVoters(): ReplicaProgress[] {
    return [...this.voters.values()].filter((it) => !isNamedBy(it.key, this.local));
  }

  private progressOf(replica: ReplicaKey): ReplicaProgress {
    const voter = this.voters.get(replica.nodeId);
    if (voter !== undefined && isNamedBy(voter.key, replica)) return voter;
    const known = this.observers.find((it) => it.key.nodeId === replica.nodeId && it.key.directoryId === replica.directoryId);
    if (known !== undefined) return known;
    const progress = newProgress(replica);
    this.observers.push(progress);
    return progress;
  }
}

function newProgress(key: ReplicaKey): ReplicaProgress {
  return { key, endOffset: null, lastFetchMs: -1, lastFetchLeaderEnd: -1, lastCaughtUpMs: -1 };
}
