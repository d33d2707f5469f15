import { ZERO_UUID, type TimestampMs } from '@millrace/foundation';
import { checkAnswer, checkVoterRequest, contradictsLeader, isForThisReplica, isOtherCluster, leaderInAnswer, learnLeader, refusedWhole } from './common-checks.js';
import type { RaftCore } from './raft-core.js';
import type { BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse } from './raft-messages.js';
import type { ReplicaKey } from './replica-key.js';
import type { Leader, Resigned } from './role-state.js';

/** A node says that it leads an epoch. */
export function handleBeginQuorumEpoch(core: RaftCore, request: BeginQuorumEpochRequest, nowMs: TimestampMs): BeginQuorumEpochResponse {
  if (isOtherCluster(core, request.clusterId)) return { api: 'beginQuorumEpoch', ...refusedWhole('INCONSISTENT_CLUSTER_ID') };
  const { leaderId, leaderEpoch } = request;
  const error = checkVoterRequest(core, leaderId, leaderEpoch) ?? (contradictsLeader(core, leaderId, leaderEpoch) ? 'INVALID_REQUEST' : null);
  if (error !== null) return { api: 'beginQuorumEpoch', ...leaderInAnswer(core, error) };
  learnLeader(core, leaderId, leaderEpoch, request.leaderEndpoints, nowMs);
  const isForThis = isForThisReplica(core, request.voterId, request.voterDirectoryId);
  return { api: 'beginQuorumEpoch', ...leaderInAnswer(core, isForThis ? 'NONE' : 'INVALID_VOTER_KEY') };
}

export function handleBeginQuorumEpochResponse(core: RaftCore, response: BeginQuorumEpochResponse, nowMs: TimestampMs): boolean {
  return checkAnswer(core, response, nowMs) !== 'failed';
}

/** The leader of an epoch resigns: the preferred candidate asks for votes at once, the others after a while. */
export function handleEndQuorumEpoch(core: RaftCore, request: EndQuorumEpochRequest, nowMs: TimestampMs): EndQuorumEpochResponse {
  if (isOtherCluster(core, request.clusterId)) return { api: 'endQuorumEpoch', ...refusedWhole('INCONSISTENT_CLUSTER_ID') };
  const { leaderId, leaderEpoch } = request;
  const error = checkVoterRequest(core, leaderId, leaderEpoch) ?? (contradictsLeader(core, leaderId, leaderEpoch) ? 'INVALID_REQUEST' : null);
  if (error !== null) return { api: 'endQuorumEpoch', ...leaderInAnswer(core, error) };
  learnLeader(core, leaderId, leaderEpoch, request.leaderEndpoints, nowMs);
  const { state } = core;
  if (state.role === 'follower' && state.leaderId === leaderId) {
    state.fetchDeadlineMs = nowMs + successorBackoffMs(core, request);
    state.hasLeaderResigned = true;
  }
  return { api: 'endQuorumEpoch', ...leaderInAnswer(core, 'NONE') };
}

/** Nothing for the first of the preferred candidates, then doubling up to the maximum. */
function successorBackoffMs(core: RaftCore, { preferredCandidates }: EndQuorumEpochRequest): number {
  const { electionBackoffMaxMs } = core.settings;
  const { nodeId, directoryId } = core.local;
  const position = preferredCandidates.findIndex((it) => it.candidateId === nodeId && (it.candidateDirectoryId === ZERO_UUID || it.candidateDirectoryId === directoryId));
  if (position === 0 || preferredCandidates.length === 0) return 0;
  if (position < 0) return electionBackoffMaxMs;
  const baseMs = electionBackoffMaxMs >> (preferredCandidates.length - 1);
  return Math.min(electionBackoffMaxMs, baseMs << (position - 1));
}

export function handleEndQuorumEpochResponse(core: RaftCore, nodeId: number, response: EndQuorumEpochResponse, nowMs: TimestampMs): boolean {
  const outcome = checkAnswer(core, response, nowMs);
  if (outcome === 'continue' && core.state.role === 'resigned') core.state.unacknowledged.delete(nodeId);
  return outcome !== 'failed';
}

/** The leader tells the voters that have not fetched for a while who leads. */
export function sendBeginQuorumEpoch(core: RaftCore, leader: Leader, nowMs: TimestampMs): void {
  if (nowMs < leader.beginQuorumDueMs) return;
  const periodMs = Math.floor(core.settings.fetchTimeoutMs / 2);
  for (const voter of leader.progress.silentVoters(nowMs, periodMs)) {
    const node = core.nodeAt(voter.nodeId, core.control.voters.endpointsOf(voter.nodeId));
    if (node !== null) core.send(node, () => beginRequest(core, voter), nowMs);
  }
  leader.beginQuorumDueMs = nowMs + periodMs;
}

function beginRequest(core: RaftCore, voter: ReplicaKey): BeginQuorumEpochRequest {
  return {
    api: 'beginQuorumEpoch',
    clusterId: core.options.clusterId,
    voterId: voter.nodeId,
    voterDirectoryId: voter.directoryId,
    leaderId: core.local.nodeId,
    leaderEpoch: core.epoch,
    leaderEndpoints: core.options.localListeners,
  };
}

/** A resigned leader tells every voter until each has answered. */
export function sendEndQuorumEpoch(core: RaftCore, state: Resigned, nowMs: TimestampMs): void {
  for (const voterId of state.unacknowledged) {
    const node = core.nodeAt(voterId, core.control.voters.endpointsOf(voterId));
    if (node !== null) core.send(node, () => endRequest(core, state), nowMs);
  }
}

function endRequest(core: RaftCore, state: Resigned): EndQuorumEpochRequest {
  return {
    api: 'endQuorumEpoch',
    clusterId: core.options.clusterId,
    leaderId: core.local.nodeId,
    leaderEpoch: core.epoch,
    preferredCandidates: state.preferredSuccessors.map((it) => ({ candidateId: it.nodeId, candidateDirectoryId: it.directoryId })),
    leaderEndpoints: core.options.localListeners,
  };
}
