import { invariant, type BrokerId, type LeaderEpoch, type Offset, type TimestampMs } from '@millrace/foundation';
import type { ControlStateAt } from './control-state.js';
import { handleBeginQuorumEpoch, handleBeginQuorumEpochResponse, handleEndQuorumEpoch, handleEndQuorumEpochResponse } from './epoch-handling.js';
import { handleFetchResponse, handleFetchSnapshotResponse, snapshotInstalled } from './follower-fetches.js';
import { describeQuorum } from './describe-quorum.js';
import { handleFetch, handleFetchSnapshot } from './leader-fetches.js';
import type { OffsetAndEpoch } from './log-lookup.js';
import type { QuorumRole } from './quorum-role.js';
import { restoreRole } from './role-at-start.js';
import { RaftCore, type FormerLeader } from './raft-core.js';
import type { LogFlush, RaftEffects } from './raft-effects.js';
import type { RaftRequest, RaftResponse } from './raft-messages.js';
import type { RaftMachineOptions, SnapshotInfo } from './raft-options.js';
import type { ReplicaKey } from './replica-key.js';
import type { RequestInFlight } from './request-manager.js';
import { actOnRole, nextActionMs } from './role-timers.js';
import { handleVote, handleVoteResponse } from './vote-handling.js';
import { handleUpdateVoterResponse } from './own-vote.js';
import { failAddVoter, handleAddVoter, handleKRaftVersions, handleRemoveVoter, handleUpdateVoter, handleUpgradeKRaftVersion, leaderHighWatermarkAdvanced } from './voter-changes.js';
import type { VoterSet } from './voter-set.js';

/** Why a request of the machine got no answer. */
export type RequestFailure = 'disconnected' | 'timeout' | 'unsupported_version';

/** A fetched snapshot is in place: what it begins with. */
export interface InstalledSnapshot extends ControlStateAt {
  readonly snapshotId: OffsetAndEpoch;
  readonly sizeInBytes: number;
}

/**
 * One node of the metadata quorum: inputs in, effects out (see `RaftEffects` for their order, and what must be done before the next input). `nowMs` is any clock that does not
 * go back; times in DescribeQuorum are of it too. Numbered invariants: see README.
 */
export class RaftMachine {
  private readonly core: RaftCore;
  private nowMs: TimestampMs = -Infinity;

  constructor(options: RaftMachineOptions) {
    this.core = new RaftCore(options);
  }

  get role(): QuorumRole {
    return this.core.state.role;
  }

  get epoch(): LeaderEpoch {
    return this.core.epoch;
  }

  /** -1: not known. A resigned leader still names itself. */
  get leaderId(): BrokerId {
    return this.core.leaderId;
  }

  get votedKey(): ReplicaKey | null {
    return this.core.votedKey;
  }

  /** The leader that this node followed last and follows no longer, and when it heard of it last. */
  get formerLeader(): FormerLeader | undefined {
    return this.core.formerLeader;
  }

  /** What this node knows to be committed; -1: nothing yet since it started. */
  get highWatermark(): Offset {
    return this.core.highWatermark;
  }

  get logEndOffset(): Offset {
    return this.core.log.endOffset;
  }

  get isVoter(): boolean {
    return this.core.isVoter;
  }

  /** The newest voters in the log, committed or not. */
  get voters(): VoterSet {
    return this.core.control.voters;
  }

  get kRaftVersion(): number {
    return this.core.control.kRaftVersion;
  }

  /** What a snapshot that ends at `endOffset` must begin with. */
  controlStateAt(endOffset: Offset): ControlStateAt {
    return this.core.control.at(endOffset);
  }

  /** When `tick` must be called at the latest; it may come earlier. Infinity: only inputs change anything. */
  get nextTickMs(): TimestampMs {
    return nextActionMs(this.core, this.nowMs);
  }

  /** The first input. A lone voter leads when it returns. */
  start(nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => restoreRole(this.core, nowMs));
  }

  tick(nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => undefined);
  }

  /** Another node or a tool asks. The answer comes in the effects of this or of a later input, under `requestId`. */
  request(requestId: number, request: RaftRequest, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => this.handleRequest(requestId, request, nowMs));
  }

  /** The answer to a request of the machine. One that is not waited for any more changes nothing. */
  response(correlationId: number, response: RaftResponse, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      const inFlight = this.core.connections.inFlight(correlationId);
      if (inFlight === null) return;
      invariant(inFlight.request.api === response.api, `an answer to ${response.api} for a request of ${inFlight.request.api}`);
      this.core.connections.answered(correlationId, this.handleResponse(inFlight, response, nowMs), nowMs);
    });
  }

  /** There will be no answer to a request of the machine. */
  requestFailed(correlationId: number, failure: RequestFailure, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      const { core } = this;
      const inFlight = core.connections.inFlight(correlationId);
      if (inFlight === null) return;
      core.connections.answered(correlationId, false, nowMs);
      if (inFlight.request.api === 'apiVersions') failAddVoter(core, correlationId);
      if (failure === 'unsupported_version' && inFlight.request.api === 'vote' && core.state.role === 'prospective') core.toCandidate(nowMs);
    });
  }

  /** Null when the controller may append records under `epoch`. */
  checkAppend(epoch: LeaderEpoch): 'NOT_LEADER_OR_FOLLOWER' | null {
    return this.core.state.role === 'leader' && this.core.epoch === epoch ? null : 'NOT_LEADER_OR_FOLLOWER';
  }

  /** The controller's records are in the log, after `checkAppend` said that they may; the log ends at `logEndOffset` now. */
  appended(logEndOffset: Offset, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      invariant(this.core.state.role === 'leader', 'only a leader appends');
      this.core.log.appended(logEndOffset, this.core.epoch);
      this.core.askToFlush();
    });
  }

  /** The log is durable up to where this flush was asked for. */
  flushed(flush: LogFlush, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      const { log, state } = this.core;
      if (flush.generation !== log.generation || flush.endOffset <= log.flushedOffset) return;
      invariant(flush.endOffset <= log.endOffset, 'more is durable than there is');
      log.flushedOffset = flush.endOffset;
      // A leader counts itself only for what a crash does not take away.
      if (state.role === 'leader' && state.progress.localFlushed(flush.endOffset)) leaderHighWatermarkAdvanced(this.core, state);
    });
  }

  /** The very next input after a `writeSnapshot` with `isLast`: the snapshot has its name, the log is empty and starts at its end offset. */
  snapshotInstalled(installed: InstalledSnapshot, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      snapshotInstalled(this.core, installed.sizeInBytes);
      this.core.control.install(installed.snapshotId.offset, installed);
    }, true);
  }

  /** A snapshot was made, or old ones and the segments before `logStartOffset` were deleted: all that there are now (without the bootstrap snapshot). */
  snapshotsChanged(now: { readonly logStartOffset: Offset; readonly snapshots: readonly SnapshotInfo[] }, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      this.core.log.cleaned(now.logStartOffset, now.snapshots);
      this.core.control.trim(now.logStartOffset);
    });
  }

  /** The controller cannot go on as leader of `epoch`. */
  resign(epoch: LeaderEpoch, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      const { state } = this.core;
      if (state.role === 'leader' && this.core.epoch === epoch) state.resignReason = 'controller resigned';
    });
  }

  /** Hands a leadership over within `timeoutMs`; the effects say `shutdownComplete` when the node may stop. */
  shutdown(timeoutMs: number, nowMs: TimestampMs): RaftEffects {
    return this.input(nowMs, () => {
      this.core.shutdownDeadlineMs ??= nowMs + timeoutMs;
    });
  }

  private input(nowMs: TimestampMs, handle: () => void, isInstalling = false): RaftEffects {
    invariant(nowMs >= this.nowMs, `time went back from ${this.nowMs} to ${nowMs}`);
    invariant(this.core.isInstalling === isInstalling, 'the last chunk of a snapshot is put in place before anything else');
    this.nowMs = nowMs;
    handle();
    actOnRole(this.core, nowMs);
    return this.core.effects.take();
  }

  private handleRequest(requestId: number, request: RaftRequest, nowMs: TimestampMs): void {
    const { core } = this;
    switch (request.api) {
      case 'vote':
        return core.answer(requestId, handleVote(core, request, nowMs));
      case 'beginQuorumEpoch':
        return core.answer(requestId, handleBeginQuorumEpoch(core, request, nowMs));
      case 'endQuorumEpoch':
        return core.answer(requestId, handleEndQuorumEpoch(core, request, nowMs));
      case 'fetch':
        return handleFetch(core, requestId, request, nowMs);
      case 'fetchSnapshot':
        return core.answer(requestId, handleFetchSnapshot(core, request, nowMs));
      case 'describeQuorum':
        return core.answer(requestId, describeQuorum(core, nowMs));
      case 'addRaftVoter':
        return handleAddVoter(core, requestId, request, nowMs);
      case 'removeRaftVoter':
        return handleRemoveVoter(core, requestId, request, nowMs);
      case 'updateRaftVoter':
        return core.answer(requestId, handleUpdateVoter(core, request, nowMs));
      case 'upgradeKRaftVersion':
        return handleUpgradeKRaftVersion(core, requestId, request, nowMs);
    }
  }

  private handleResponse({ correlationId, nodeId, request }: RequestInFlight, response: RaftResponse, nowMs: TimestampMs): boolean {
    const { core } = this;
    switch (response.api) {
      case 'vote':
        return request.api !== 'vote' || handleVoteResponse(core, nodeId, request, response, nowMs);
      case 'beginQuorumEpoch':
        return handleBeginQuorumEpochResponse(core, response, nowMs);
      case 'endQuorumEpoch':
        return handleEndQuorumEpochResponse(core, nodeId, response, nowMs);
      case 'fetch':
        return request.api !== 'fetch' || handleFetchResponse(core, request, response, nowMs);
      case 'fetchSnapshot':
        return request.api !== 'fetchSnapshot' || handleFetchSnapshotResponse(core, request, response, nowMs);
      case 'addRaftVoter':
      case 'removeRaftVoter':
        // What came of it stands in the log; what did not is asked again.
        return true;
      case 'updateRaftVoter':
        return handleUpdateVoterResponse(core, response, nowMs);
      case 'apiVersions':
        return handleKRaftVersions(core, correlationId, response, nowMs);
    }
  }
}
