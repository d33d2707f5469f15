import type { TimestampMs } from '@millrace/foundation';
import { sendBeginQuorumEpoch, sendEndQuorumEpoch } from './epoch-handling.js';
import { sendFetch, sendFetchToAny } from './follower-fetches.js';
import { answerParkedFetches } from './leader-fetches.js';
import type { RaftCore } from './raft-core.js';
import type { StepDownReason } from './raft-effects.js';
import type { Follower, Leader, RoleState } from './role-state.js';
import { loseAsProspective, sendVoteRequests } from './vote-handling.js';
import { hasOwnVoteToMind, sendOwnVote } from './own-vote.js';
import { expireVoterChange } from './voter-changes.js';

/** After each input: what the role wants to do now. Goes on while a step leads to another role. */
export function actOnRole(core: RaftCore, nowMs: TimestampMs): void {
  if (core.isInstalling || isShutdownComplete(core, nowMs)) return;
  for (let before: RoleState | null = null; before !== core.state; ) {
    before = core.state;
    act(core, nowMs);
  }
}

function act(core: RaftCore, nowMs: TimestampMs): void {
  const { state } = core;
  const isStopping = core.shutdownDeadlineMs !== null;
  switch (state.role) {
    case 'leader':
      return actAsLeader(core, state, nowMs);
    case 'follower':
      return actAsFollower(core, state, nowMs);
    case 'resigned':
      if (!isStopping && nowMs >= state.electionDeadlineMs) return core.toUnattached(core.epoch + 1, -1, nowMs);
      return sendEndQuorumEpoch(core, state, nowMs);
    case 'candidate':
      if (!isStopping && nowMs >= state.electionDeadlineMs) return core.toProspective('election timeout', nowMs);
      return sendVoteRequests(core, nowMs);
    case 'prospective':
      if (!isStopping && nowMs >= state.electionDeadlineMs) return loseAsProspective(core, nowMs);
      return sendVoteRequests(core, nowMs);
    case 'unattached':
      if (core.isElectable && isStopping) return;
      if (core.isElectable && nowMs >= state.electionDeadlineMs) return core.toProspective('election timeout', nowMs);
      return sendFetchToAny(core, nowMs);
  }
}

function actAsLeader(core: RaftCore, state: Leader, nowMs: TimestampMs): void {
  const reason = reasonToResign(core, state, nowMs);
  if (reason !== null) return core.toResigned(state, reason, nowMs);
  expireVoterChange(core, state, nowMs);
  answerParkedFetches(core, state, nowMs);
  sendBeginQuorumEpoch(core, state, nowMs);
}

function reasonToResign(core: RaftCore, state: Leader, nowMs: TimestampMs): StepDownReason | null {
  if (core.shutdownDeadlineMs !== null) return 'shutdown';
  return state.resignReason ?? (nowMs >= state.progress.quorumDeadlineMs ? 'no fetches of a majority' : null);
}

function actAsFollower(core: RaftCore, state: Follower, nowMs: TimestampMs): void {
  if (nowMs >= state.fetchDeadlineMs) {
    if (core.isElectable) core.toProspective(state.hasLeaderResigned ? 'leader resigned' : 'fetch timeout', nowMs);
    else core.toUnattached(core.epoch, state.leaderId, nowMs);
    return;
  }
  if (nowMs >= state.updateVoterDeadlineMs && hasOwnVoteToMind(core)) {
    const outcome = sendOwnVote(core, state, nowMs);
    if (outcome !== 'notReady') state.updateVoterDeadlineMs = nowMs + core.settings.fetchTimeoutMs;
    if (outcome === 'sent') return;
  }
  sendFetch(core, state, nowMs);
}

/** Followers of a known leader, observers and lone voters have nobody to hand anything over to. */
function isShutdownComplete(core: RaftCore, nowMs: TimestampMs): boolean {
  if (core.shutdownDeadlineMs === null) return false;
  const hasRemoteLeader = core.leaderId >= 0 && core.leaderId !== core.local.nodeId;
  if (nowMs < core.shutdownDeadlineMs && core.isVoter && !core.control.voters.isOnlyVoter(core.local) && !hasRemoteLeader) return false;
  core.effects.shutdownComplete = true;
  return true;
}

/** The next moment at which time alone changes something. What was due by `nowMs` is done, or waits for something else than time. */
export function nextActionMs(core: RaftCore, nowMs: TimestampMs): TimestampMs {
  let next = Infinity;
  for (const dueMs of dueTimes(core)) if (dueMs > nowMs && dueMs < next) next = dueMs;
  return Math.min(next, core.state.role === 'leader' ? Infinity : core.connections.nextChangeMs(nowMs));
}

function dueTimes(core: RaftCore): readonly TimestampMs[] {
  const { state, shutdownDeadlineMs } = core;
  const shutdownMs = shutdownDeadlineMs ?? Infinity;
  switch (state.role) {
    case 'leader':
      return [shutdownMs, state.progress.quorumDeadlineMs, state.beginQuorumDueMs, state.pendingChange?.deadlineMs ?? Infinity, ...state.parked.map((it) => it.deadlineMs)];
    case 'follower':
      return [shutdownMs, state.fetchDeadlineMs, hasOwnVoteToMind(core) ? state.updateVoterDeadlineMs : Infinity];
    default:
      return [shutdownMs, state.electionDeadlineMs];
  }
}
