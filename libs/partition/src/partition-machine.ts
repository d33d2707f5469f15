import { invariant, type BrokerEpoch, type BrokerId, type LeaderEpoch, type Offset, type PartitionEpoch, type TimestampMs } from '@millrace/foundation';
import type { FetchDecision, FetchIsolation, FetchQuestion } from './fetch-decision.js';
import { FollowerProgress } from './follower-progress.js';
import { InSyncReplicas } from './in-sync-replicas.js';
import type { EpochEnd, EpochLookup, EpochStart } from './leader-epochs.js';
import {
  LIST_OFFSETS_EARLIEST,
  LIST_OFFSETS_EARLIEST_LOCAL,
  LIST_OFFSETS_LATEST,
  LIST_OFFSETS_LATEST_TIERED,
  LIST_OFFSETS_MAX_TIMESTAMP,
  type ListOffsetsDecision,
  type ListOffsetsQuestion,
} from './list-offsets-decision.js';
import { NO_EFFECTS, WAKE_ALL, WAKE_CONSUMERS, WAKE_DELETIONS, WAKE_FOLLOWERS, WAKE_PRODUCERS, wakeOf, type IsrProposal, type PartitionEffects } from './partition-effects.js';
import type { PartitionError } from './partition-error.js';

/** A partition as the metadata image has it. `leader` -1: no leader now. */
export interface PartitionAssignment {
  readonly leader: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  readonly partitionEpoch: PartitionEpoch;
  readonly replicas: readonly BrokerId[];
  readonly isr: readonly BrokerId[];
}

export interface PartitionMachineOptions {
  readonly brokerId: BrokerId;
  readonly brokerEpoch: BrokerEpoch;
  /** `min.insync.replicas` of the topic; counted at most as many as there are replicas. */
  readonly minInsyncReplicas: number;
  readonly replicaLagTimeMaxMs: number;
  /** The log as it was opened: high watermark from the checkpoint, first unstable offset from the producer state (-1: none). */
  readonly log: { readonly logStartOffset: Offset; readonly logEndOffset: Offset; readonly highWatermark: Offset; readonly firstUnstableOffset: Offset };
  readonly epochs: EpochLookup;
}

/** The log lost its disk (`offline`), or the metadata has not given it a role yet (`idle`). */
export type PartitionRole = 'idle' | 'leader' | 'follower' | 'offline';

/** A follower's fetch, after its `fetchDecision` said `read`. `isEligible`: not fenced, not shutting down, and its broker epoch is the registered one. */
export interface FollowerFetch {
  readonly replicaId: BrokerId;
  readonly fetchOffset: Offset;
  readonly logStartOffset: Offset;
  readonly brokerEpoch: BrokerEpoch;
  readonly isEligible: boolean;
  readonly nowMs: TimestampMs;
}

export type AppendStatus = 'complete' | 'pending' | Extract<PartitionError, 'NOT_LEADER_OR_FOLLOWER' | 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' | 'KAFKA_STORAGE_ERROR'>;

/** Errors of AlterPartition that say "not applied, and the partition epoch was right": the proposal is dropped. */
const REFUSED_ISR = new Set(['OPERATION_NOT_ATTEMPTED', 'INELIGIBLE_REPLICA']);
/** Errors after which only newer metadata can tell what holds: the proposal stays in flight until it arrives. */
const SUPERSEDED_ISR = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'FENCED_LEADER_EPOCH', 'INVALID_UPDATE_VERSION', 'INVALID_REQUEST', 'NEW_LEADER_ELECTED']);

/**
 * One replica of one partition, as a machine: inputs in, effects out. It holds no records: the log tells it what was appended, and it tells the log's driver
 * how far readers may see, which follower is in sync, and which waiting requests may be done. Numbered invariants: see README.
 */
export class PartitionMachine {
  role: PartitionRole = 'idle';
  leader: BrokerId = -1;
  leaderEpoch: LeaderEpoch = -1;
  partitionEpoch: PartitionEpoch = -1;
  replicas: readonly BrokerId[] = [];
  readonly isr = new InSyncReplicas();
  logStartOffset: Offset;
  logEndOffset: Offset;
  highWatermark: Offset;
  private firstUnstableOffset: Offset;
  /** Where this leadership began; -1 when not leader. */
  private epochStartOffset: Offset = -1;
  private followers: readonly FollowerProgress[] = [];
  private minInsyncReplicas: number;
  private readonly epochs: EpochLookup;
  private readonly brokerId: BrokerId;
  /** Of this broker, as registered; it goes into proposals. */
  brokerEpoch: BrokerEpoch;
  private readonly lagMsMax: number;
  /** That this broker has heard of, its assignment may be to come. */
  private newestLeaderEpoch: LeaderEpoch = -1;

  constructor(options: PartitionMachineOptions) {
    const { log } = options;
    this.brokerId = options.brokerId;
    this.brokerEpoch = options.brokerEpoch;
    this.lagMsMax = options.replicaLagTimeMaxMs;
    this.minInsyncReplicas = options.minInsyncReplicas;
    this.epochs = options.epochs;
    this.logStartOffset = log.logStartOffset;
    this.logEndOffset = log.logEndOffset;
    this.highWatermark = Math.min(Math.max(log.highWatermark, log.logStartOffset), log.logEndOffset);
    this.firstUnstableOffset = log.firstUnstableOffset;
  }

  /** How far a read_committed consumer may see. Invariant 3: logStart ≤ LSO ≤ HW ≤ LEO. */
  get lastStableOffset(): Offset {
    if (this.firstUnstableOffset < 0 || this.firstUnstableOffset >= this.highWatermark) return this.highWatermark;
    return Math.max(this.firstUnstableOffset, this.logStartOffset);
  }

  get isUnderMinIsr(): boolean {
    return this.isr.committed.length < this.effectiveMinIsr();
  }

  get isAtMinIsr(): boolean {
    return this.isr.committed.length === this.effectiveMinIsr();
  }

  follower(brokerId: BrokerId): FollowerProgress | undefined {
    return this.followers.find((it) => it.brokerId === brokerId);
  }

  /** The metadata image says something (new) about this partition. An assignment older than what is known changes nothing (Invariants 6, 11). */
  assigned(assignment: PartitionAssignment, nowMs: TimestampMs): PartitionEffects {
    // The partition epoch names the content. To take what is known once more would drop an expansion in flight from the maximal set (Invariant 12).
    if (this.role !== 'idle' && assignment.partitionEpoch === this.partitionEpoch) return NO_EFFECTS;
    if (this.role === 'offline' || assignment.partitionEpoch < this.partitionEpoch || assignment.leaderEpoch < this.leaderEpoch) return NO_EFFECTS;
    return assignment.leader === this.brokerId ? this.lead(assignment, nowMs) : this.follow(assignment);
  }

  /** The broker's metadata has this epoch; `assigned` follows as soon as the disk allows it. Until then a leader appends nothing (Invariant 9). */
  superseded(leaderEpoch: LeaderEpoch): void {
    this.newestLeaderEpoch = Math.max(this.newestLeaderEpoch, leaderEpoch);
  }

  /** Null when the append may go on. acks: 0, 1 or -1 (all). Epoch -1: not said. */
  checkAppend(acks: number, currentLeaderEpoch: LeaderEpoch = -1): PartitionError | null {
    if (this.role === 'offline') return 'KAFKA_STORAGE_ERROR';
    const stale = this.checkEpoch(currentLeaderEpoch);
    if (stale !== null) return stale;
    if (this.role !== 'leader' || this.newestLeaderEpoch > this.leaderEpoch) return 'NOT_LEADER_OR_FOLLOWER';
    // Invariant 4: what acks=all promises needs min.insync.replicas at the time of the append.
    if (acks === -1 && this.isUnderMinIsr) return 'NOT_ENOUGH_REPLICAS';
    return null;
  }

  /** The log now ends after `lastOffset`. On the leader: of an append; on a follower: of replicated batches. */
  appended(lastOffset: Offset, nowMs: TimestampMs): PartitionEffects {
    invariant(lastOffset + 1 >= this.logEndOffset, `append ended at ${lastOffset}, the log end was ${this.logEndOffset}`);
    this.logEndOffset = lastOffset + 1;
    if (this.role !== 'leader') return NO_EFFECTS;
    return this.advanceHighWatermark(nowMs, WAKE_FOLLOWERS, null);
  }

  /** The first offset of a transaction that is open, or ended above the high watermark; -1: none. Tell it after appends and after the high watermark moved. */
  unstableOffsetChanged(firstUnstableOffset: Offset): PartitionEffects {
    const before = this.lastStableOffset;
    this.firstUnstableOffset = firstUnstableOffset;
    return this.lastStableOffset > before ? wakeOnly(WAKE_CONSUMERS) : NO_EFFECTS;
  }

  /** Retention, DeleteRecords or the leader moved the log start. It never goes back (Invariant 3). */
  logStartAdvanced(logStartOffset: Offset): PartitionEffects {
    if (logStartOffset <= this.logStartOffset) return NO_EFFECTS;
    invariant(logStartOffset <= this.logEndOffset, `log start ${logStartOffset} beyond the log end ${this.logEndOffset}`);
    this.logStartOffset = logStartOffset;
    if (this.highWatermark >= logStartOffset) return wakeOnly(WAKE_DELETIONS);
    this.highWatermark = logStartOffset;
    return { assignEpoch: null, truncateTo: null, proposeIsr: null, highWatermarkAdvancedTo: logStartOffset, wake: wakeOf(WAKE_ALL) };
  }

  minInsyncReplicasChanged(minInsyncReplicas: number, nowMs: TimestampMs): PartitionEffects {
    this.minInsyncReplicas = minInsyncReplicas;
    return this.role === 'leader' ? this.advanceHighWatermark(nowMs, WAKE_PRODUCERS, null) : NO_EFFECTS;
  }

  /** What to read for one partition of a Fetch. Changes nothing: a follower's progress is told by `followerFetched`. */
  fetchDecision(question: FetchQuestion): FetchDecision {
    const error = this.checkRead(question.currentLeaderEpoch, question.onlyFromLeader || question.replicaId >= 0);
    if (error !== null) return this.fetchError(error);
    if (question.replicaId >= 0 && this.follower(question.replicaId) === undefined) {
      return this.fetchError(question.currentLeaderEpoch >= 0 ? 'UNKNOWN_LEADER_EPOCH' : 'NOT_LEADER_OR_FOLLOWER');
    }
    const { fetchOffset, lastFetchedEpoch } = question;
    if (lastFetchedEpoch >= 0) {
      const end = this.epochs.endOffsetFor(lastFetchedEpoch, this.logEndOffset);
      if (end === null || fetchOffset < this.logStartOffset) return this.fetchError('OFFSET_OUT_OF_RANGE');
      if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset) {
        return { kind: 'diverging', diverging: end, highWatermark: this.highWatermark, lastStableOffset: this.lastStableOffset, logStartOffset: this.logStartOffset };
      }
    }
    if (fetchOffset < this.logStartOffset || fetchOffset > this.logEndOffset) return this.fetchError('OFFSET_OUT_OF_RANGE');
    return {
      kind: 'read',
      fetchOffset,
      upTo: this.readableEnd(question.isolation),
      highWatermark: this.highWatermark,
      lastStableOffset: this.lastStableOffset,
      logStartOffset: this.logStartOffset,
      logEndOffset: this.logEndOffset,
    };
  }

  /**
   * A follower fetched (its decision was `read`): its fetch offset acknowledges everything before it. `logEndOffset` is the leader's at the time of the
   * decision, so that appends that came since do not count against it.
   */
  followerFetched(fetch: FollowerFetch, logEndOffset: Offset): PartitionEffects {
    const follower = this.role === 'leader' ? this.follower(fetch.replicaId) : undefined;
    if (follower === undefined) return NO_EFFECTS;
    // A late request of a process that has been replaced says nothing about the new one.
    if (fetch.brokerEpoch >= 0 && fetch.brokerEpoch < follower.brokerEpoch) return NO_EFFECTS;
    const endBefore = follower.logEndOffset;
    const lowBefore = this.lowWatermark();
    follower.fetched(fetch, logEndOffset);
    const proposal = this.maybeExpand(follower);
    const wake = this.lowWatermark() > lowBefore ? WAKE_DELETIONS : 0;
    if (endBefore === follower.logEndOffset) return proposal === null && wake === 0 ? NO_EFFECTS : { assignEpoch: null, truncateTo: null, proposeIsr: proposal, highWatermarkAdvancedTo: null, wake: wakeOf(wake) };
    return this.advanceHighWatermark(fetch.nowMs, wake, proposal);
  }

  /**
   * A follower's standing request covers this partition without naming it: when it was last renewed, at `atMs`, the follower had all there was, up to `fetchOffset`. Tell it when
   * more was appended since; while nothing is, a follower that is at the end needs no word.
   */
  followerWasCaughtUp(replicaId: BrokerId, fetchOffset: Offset, atMs: TimestampMs): void {
    if (this.role === 'leader') this.follower(replicaId)?.wasCaughtUp(fetchOffset, atMs);
  }

  /**
   * The metadata image says (anew) how the broker of a replica fares. One that was fenced holds the high watermark and deletions back no longer, unless it is still in sync.
   * Tell it after `assigned`, of every other replica.
   */
  brokerChanged(brokerId: BrokerId, registration: { readonly isActive: boolean; readonly brokerEpoch: BrokerEpoch }, nowMs: TimestampMs): PartitionEffects {
    const follower = this.follower(brokerId);
    if (follower === undefined) return NO_EFFECTS;
    const lowBefore = this.lowWatermark();
    follower.heardOf(registration);
    if (this.role !== 'leader') return NO_EFFECTS;
    return this.advanceHighWatermark(nowMs, this.lowWatermark() > lowBefore ? WAKE_DELETIONS : 0, null);
  }

  /** Time went by: a follower that has not been caught up for the lag limit is proposed out of the in-sync replicas. Call about every half limit. */
  tick(nowMs: TimestampMs): PartitionEffects {
    if (this.role !== 'leader') return NO_EFFECTS;
    let proposal: IsrProposal | null = null;
    if (this.isr.pending === null) {
      const staying = this.isr.committed.filter((id) => id === this.brokerId || this.follower(id)?.isCaughtUp(this.logEndOffset, nowMs, this.lagMsMax) === true);
      if (staying.length < this.isr.committed.length) proposal = this.propose('shrink', staying);
      // Within a fetch session an idle partition is named once: a follower that fetched it while another change was in flight has nothing more to say.
      for (const it of this.followers) if (proposal === null && it.isCaughtUp(this.logEndOffset, nowMs, this.lagMsMax)) proposal = this.maybeExpand(it);
    }
    return this.advanceHighWatermark(nowMs, 0, proposal);
  }

  /** The controller took the proposal and answers with what now holds. An answer to an older proposal or epoch changes nothing. */
  isrCommitted(proposal: IsrProposal, answer: { leaderEpoch: LeaderEpoch; partitionEpoch: PartitionEpoch; isr: readonly BrokerId[] }, nowMs: TimestampMs): PartitionEffects {
    if (this.role !== 'leader' || this.isr.pending?.proposal !== proposal) return NO_EFFECTS;
    if (answer.leaderEpoch !== this.leaderEpoch || answer.partitionEpoch < this.partitionEpoch) return NO_EFFECTS;
    this.partitionEpoch = answer.partitionEpoch;
    this.isr.commit(answer.isr);
    return this.advanceHighWatermark(nowMs, WAKE_PRODUCERS, null);
  }

  /** The controller refused the proposal, by Kafka's name of the error. A retriable error proposes the same again. */
  isrRefused(proposal: IsrProposal, error: string): PartitionEffects {
    if (this.role !== 'leader' || this.isr.pending?.proposal !== proposal) return NO_EFFECTS;
    if (REFUSED_ISR.has(error)) {
      this.isr.revert();
      return NO_EFFECTS;
    }
    if (SUPERSEDED_ISR.has(error)) return NO_EFFECTS;
    return { assignEpoch: null, truncateTo: null, proposeIsr: proposal, highWatermarkAdvancedTo: null, wake: wakeOf(0) };
  }

  /** Whether a produce with acks=all whose records end before `requiredOffset` (last offset + 1) may be answered. */
  appendStatus(requiredOffset: Offset): AppendStatus {
    if (this.role === 'offline') return 'KAFKA_STORAGE_ERROR';
    if (this.role !== 'leader') return 'NOT_LEADER_OR_FOLLOWER';
    if (this.highWatermark < requiredOffset) return 'pending';
    return this.isr.maximal.length >= this.effectiveMinIsr() ? 'complete' : 'NOT_ENOUGH_REPLICAS_AFTER_APPEND';
  }

  listOffsetsDecision(question: ListOffsetsQuestion): ListOffsetsDecision {
    const error = this.checkRead(question.currentLeaderEpoch, question.onlyFromLeader);
    if (error !== null) return { kind: 'error', error };
    const below = this.readableEnd(question.isolation);
    // A new leader whose high watermark has not reached its own epoch yet would show consumers an end that goes back.
    const errorBeyond = question.isolation !== 'log_end' && this.epochStartOffset > this.highWatermark ? 'OFFSET_NOT_AVAILABLE' : null;
    switch (question.timestamp) {
      case LIST_OFFSETS_LATEST:
        return errorBeyond === null ? { kind: 'offset', offset: below, leaderEpoch: this.leaderEpoch } : { kind: 'error', error: errorBeyond };
      case LIST_OFFSETS_EARLIEST:
      case LIST_OFFSETS_EARLIEST_LOCAL:
        return { kind: 'offset', offset: this.logStartOffset, leaderEpoch: this.epochs.epochAt(this.logStartOffset) };
      case LIST_OFFSETS_LATEST_TIERED:
        return { kind: 'none' };
      case LIST_OFFSETS_MAX_TIMESTAMP:
        return { kind: 'search', target: 'max-timestamp', timestamp: -1, below, errorBeyond };
      default:
        return question.timestamp < 0 ? { kind: 'none' } : { kind: 'search', target: 'timestamp', timestamp: question.timestamp, below, errorBeyond };
    }
  }

  /** OffsetForLeaderEpoch. An `end` of null: the epoch is not known (answered as -1/-1). */
  epochEnd(leaderEpoch: LeaderEpoch, currentLeaderEpoch: LeaderEpoch, onlyFromLeader: boolean): { readonly error: PartitionError | null; readonly end: EpochEnd | null } {
    const error = this.checkRead(currentLeaderEpoch, onlyFromLeader);
    return { error, end: error === null ? this.epochs.endOffsetFor(leaderEpoch, this.logEndOffset) : null };
  }

  /** Where DeleteRecords may move the log start to; -1 asks for the high watermark. */
  deleteRecordsDecision(offset: Offset): { readonly error: PartitionError } | { readonly error: null; readonly logStartOffset: Offset } {
    const error = this.checkRead(-1, true);
    if (error !== null) return { error };
    const wanted = offset === -1 ? this.highWatermark : offset;
    return wanted < 0 || wanted > this.highWatermark ? { error: 'OFFSET_OUT_OF_RANGE' } : { error: null, logStartOffset: wanted };
  }

  /** The smallest log start among the replicas on active brokers, -1 while one of them has not fetched yet: DeleteRecords is done when it has reached the asked offset. */
  lowWatermark(): Offset {
    let low = this.logStartOffset;
    for (const follower of this.followers) if (follower.isActive && follower.logStartOffset < low) low = follower.logStartOffset;
    return low;
  }

  /** Follower: the leader answered a fetch; its records are appended already. */
  leaderAnswered(answer: { highWatermark: Offset; logStartOffset: Offset }): PartitionEffects {
    if (this.role !== 'follower') return NO_EFFECTS;
    const start = Math.min(answer.logStartOffset, this.logEndOffset);
    const started = start > this.logStartOffset;
    if (started) this.logStartOffset = start;
    const highWatermark = Math.max(Math.min(answer.highWatermark, this.logEndOffset), this.logStartOffset);
    if (highWatermark <= this.highWatermark) return started ? wakeOnly(WAKE_DELETIONS) : NO_EFFECTS;
    this.highWatermark = highWatermark;
    return { assignEpoch: null, truncateTo: null, proposeIsr: null, highWatermarkAdvancedTo: highWatermark, wake: wakeOf(WAKE_CONSUMERS | (started ? WAKE_DELETIONS : 0)) };
  }

  /** Follower: the leader says where our last epoch ends in its log. Never cuts to the high watermark (KIP-101, KIP-279): only to where the two logs agree. */
  diverged(leaderEnd: EpochEnd): PartitionEffects {
    if (this.role !== 'follower') return NO_EFFECTS;
    const own = this.epochs.endOffsetFor(leaderEnd.leaderEpoch, this.logEndOffset);
    let end = Math.min(leaderEnd.endOffset, this.logEndOffset);
    // When the leader's epoch is unknown here, cut to the end of the largest epoch below it, and ask again from there.
    if (own !== null) end = own.leaderEpoch === leaderEnd.leaderEpoch ? Math.min(end, own.endOffset) : Math.min(own.endOffset, this.logEndOffset);
    return { assignEpoch: null, truncateTo: end, proposeIsr: null, highWatermarkAdvancedTo: null, wake: wakeOf(0) };
  }

  /** The log was cut: after `truncateTo`, or to `offset` and emptied when it starts anew there. */
  truncated(logEndOffset: Offset, logStartOffset: Offset = this.logStartOffset): void {
    invariant(this.role !== 'leader', 'a leader never truncates its log');
    this.logEndOffset = logEndOffset;
    this.logStartOffset = Math.min(logStartOffset, logEndOffset);
    this.highWatermark = Math.max(Math.min(this.highWatermark, logEndOffset), this.logStartOffset);
  }

  /** The disk under the log failed: every question is answered KAFKA_STORAGE_ERROR from now on. */
  wentOffline(): PartitionEffects {
    this.role = 'offline';
    return wakeOnly(WAKE_ALL);
  }

  private lead(assignment: PartitionAssignment, nowMs: TimestampMs): PartitionEffects {
    const isNewLeader = this.role !== 'leader';
    const isNewEpoch = assignment.leaderEpoch > this.leaderEpoch;
    const isrBefore = this.isr.committed;
    this.role = 'leader';
    this.leader = this.brokerId;
    this.adopt(assignment);
    this.isr.commit(assignment.isr);
    let assignEpoch: EpochStart | null = null;
    if (isNewEpoch || isNewLeader) {
      this.epochStartOffset = this.logEndOffset;
      for (const follower of this.followers) follower.reset(nowMs, this.logEndOffset, { isNewLeader, isInSync: assignment.isr.includes(follower.brokerId) });
      if (this.epochs.latestEpoch() < assignment.leaderEpoch) assignEpoch = { leaderEpoch: assignment.leaderEpoch, startOffset: this.logEndOffset };
    }
    const wake = isNewLeader || isNewEpoch ? WAKE_ALL : isrBefore.length === assignment.isr.length ? 0 : WAKE_PRODUCERS;
    const effects = this.advanceHighWatermark(nowMs, wake, null);
    return assignEpoch === null ? effects : { ...effects, assignEpoch };
  }

  private follow(assignment: PartitionAssignment): PartitionEffects {
    const changed = this.role !== 'follower' || assignment.leaderEpoch > this.leaderEpoch;
    this.role = 'follower';
    this.leader = assignment.leader;
    this.adopt(assignment);
    this.isr.commit(assignment.isr);
    this.epochStartOffset = -1;
    return changed ? wakeOnly(WAKE_ALL) : NO_EFFECTS;
  }

  private adopt(assignment: PartitionAssignment): void {
    this.leaderEpoch = assignment.leaderEpoch;
    this.partitionEpoch = assignment.partitionEpoch;
    this.replicas = assignment.replicas;
    this.followers = assignment.replicas.filter((id) => id !== this.brokerId).map((id) => this.follower(id) ?? new FollowerProgress(id));
  }

  private effectiveMinIsr(): number {
    return Math.min(this.minInsyncReplicas, this.replicas.length);
  }

  private readableEnd(isolation: FetchIsolation): Offset {
    if (isolation === 'log_end') return this.logEndOffset;
    return isolation === 'read_committed' ? this.lastStableOffset : this.highWatermark;
  }

  private checkEpoch(currentLeaderEpoch: LeaderEpoch): PartitionError | null {
    if (currentLeaderEpoch < 0 || currentLeaderEpoch === this.leaderEpoch) return null;
    return currentLeaderEpoch < this.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH';
  }

  private checkRead(currentLeaderEpoch: LeaderEpoch, onlyFromLeader: boolean): PartitionError | null {
    if (this.role === 'offline') return 'KAFKA_STORAGE_ERROR';
    const stale = this.checkEpoch(currentLeaderEpoch);
    if (stale !== null) return stale;
    if (this.role === 'leader' || (this.role === 'follower' && !onlyFromLeader)) return null;
    return 'NOT_LEADER_OR_FOLLOWER';
  }

  private fetchError(error: PartitionError): FetchDecision {
    return { kind: 'error', error, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 };
  }

  /** Invariant 2: the high watermark never goes back on a leader. */
  private advanceHighWatermark(nowMs: TimestampMs, wake: number, proposeIsr: IsrProposal | null): PartitionEffects {
    let next = this.logEndOffset;
    if (this.isUnderMinIsr) next = this.highWatermark;
    else {
      for (const follower of this.followers) {
        if (follower.logEndOffset >= next) continue;
        // One that is caught up and about to join is waited for: else it could never reach a moving high watermark.
        if (this.isr.maximal.includes(follower.brokerId) || (follower.isEligible && follower.isCaughtUp(this.logEndOffset, nowMs, this.lagMsMax))) next = follower.logEndOffset;
      }
    }
    if (next <= this.highWatermark) return proposeIsr === null && wake === 0 ? NO_EFFECTS : { assignEpoch: null, truncateTo: null, proposeIsr, highWatermarkAdvancedTo: null, wake: wakeOf(wake) };
    this.highWatermark = next;
    return { assignEpoch: null, truncateTo: null, proposeIsr, highWatermarkAdvancedTo: next, wake: wakeOf(wake | WAKE_CONSUMERS | WAKE_PRODUCERS) };
  }

  private maybeExpand(follower: FollowerProgress): IsrProposal | null {
    if (this.isr.pending !== null || !follower.isEligible || this.isr.committed.includes(follower.brokerId)) return null;
    if (follower.logEndOffset < this.highWatermark || follower.logEndOffset < this.epochStartOffset) return null;
    return this.propose('expand', [...this.isr.committed, follower.brokerId]);
  }

  private propose(kind: 'expand' | 'shrink', isr: readonly BrokerId[]): IsrProposal {
    const proposal: IsrProposal = {
      leaderEpoch: this.leaderEpoch,
      partitionEpoch: this.partitionEpoch,
      isr: isr.map((brokerId) => ({ brokerId, brokerEpoch: brokerId === this.brokerId ? this.brokerEpoch : (this.follower(brokerId)?.brokerEpoch ?? -1) })),
    };
    this.isr.propose({ kind, proposal });
    return proposal;
  }
}

function wakeOnly(bits: number): PartitionEffects {
  return { assignEpoch: null, truncateTo: null, proposeIsr: null, highWatermarkAdvancedTo: null, wake: wakeOf(bits) };
}
