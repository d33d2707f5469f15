import type { TimestampMs } from '@millrace/foundation';
import { checkAnswer, checkVoterRequest, isForThisReplica, isOtherCluster, leaderInAnswer, refusedWhole } from './common-checks.js';
import type { RaftCore } from './raft-core.js';
import type { RaftError } from './raft-error.js';
import type { VoteRequest, VoteResponse } from './raft-messages.js';
import { isNamedBy, type ReplicaKey } from './replica-key.js';

/** Another node asks for a vote of this one, a binding one or (preVote) whether it would get one. */
export function handleVote(core: RaftCore, request: VoteRequest, nowMs: TimestampMs): VoteResponse {
  if (isOtherCluster(core, request.clusterId)) return { api: 'vote', ...refusedWhole('INCONSISTENT_CLUSTER_ID'), voteGranted: false };
  const { replicaEpoch, lastOffsetEpoch, lastOffset, preVote } = request;
  // Who asks beforehand has not raised its epoch yet, so that its log may have records of it.
  const isIllegalEpoch = preVote ? lastOffsetEpoch > replicaEpoch : lastOffsetEpoch >= replicaEpoch;
  if (lastOffset < 0 || lastOffsetEpoch < 0 || isIllegalEpoch) return answered(core, 'INVALID_REQUEST', false);
  const error = checkVoterRequest(core, request.replicaId, replicaEpoch);
  if (error !== null) return answered(core, error, false);
  if (replicaEpoch > core.epoch) core.toUnattached(replicaEpoch, -1, nowMs);
  if (!isForThisReplica(core, request.voterId, request.voterDirectoryId)) return answered(core, 'INVALID_VOTER_KEY', false);
  const candidate: ReplicaKey = { nodeId: request.replicaId, directoryId: request.replicaDirectoryId };
  const isGranted = canGrant(core, candidate, core.log.isUpToDate(lastOffset, lastOffsetEpoch), preVote);
  const { state } = core;
  // Invariant 15: the vote is durable before the answer goes out, and there is one per epoch.
  if (isGranted && !preVote && (state.role === 'unattached' || state.role === 'prospective') && state.votedKey === null) core.voteFor(state, candidate, nowMs);
  return answered(core, 'NONE', isGranted);
}

function canGrant(core: RaftCore, candidate: ReplicaKey, isUpToDate: boolean, preVote: boolean): boolean {
  const { state } = core;
  switch (state.role) {
    case 'leader':
      return false;
    case 'follower':
      // A follower that hears from its leader does not let others disturb it.
      return preVote && isUpToDate && !state.hasFetchedFromLeader;
    case 'candidate':
    case 'resigned':
      return preVote && isUpToDate;
    default:
      if (preVote) return isUpToDate;
      if (candidate.nodeId === core.local.nodeId) return false;
      if (state.votedKey !== null) return isNamedBy(state.votedKey, candidate);
      return state.leaderId < 0 && isUpToDate;
  }
}

function answered(core: RaftCore, error: RaftError, voteGranted: boolean): VoteResponse {
  return { api: 'vote', ...leaderInAnswer(core, error), voteGranted };
}

/** Returns whether the answer was of use; if not, the node is not asked again for a while. */
export function handleVoteResponse(core: RaftCore, nodeId: number, sent: VoteRequest, response: VoteResponse, nowMs: TimestampMs): boolean {
  if (response.topLevelError === 'UNSUPPORTED_VERSION' && core.state.role === 'prospective') {
    // A voter that does not know PreVote yet: do as before it.
    core.toCandidate(nowMs);
    return true;
  }
  const outcome = checkAnswer(core, response, nowMs);
  if (outcome !== 'continue') return outcome === 'handled';
  const { state } = core;
  // An answer to an earlier question says nothing about this one.
  if ((state.role !== 'prospective' && state.role !== 'candidate') || sent.replicaEpoch !== core.epoch || sent.preVote !== (state.role === 'prospective')) return true;
  state.election.record(nodeId, response.voteGranted);
  if (state.election.isGranted) {
    if (state.role === 'prospective') core.toCandidate(nowMs);
    else core.toLeader(state, nowMs);
  } else if (state.role === 'prospective' && state.election.isRejected) {
    loseAsProspective(core, nowMs);
  }
  return true;
}

/** Without a majority of pre-votes the node goes back to the leader that it knew, or waits. */
export function loseAsProspective(core: RaftCore, nowMs: TimestampMs): void {
  const { state } = core;
  if (state.role !== 'prospective') return;
  if (state.leaderId >= 0 && state.leaderEndpoints.length > 0) core.toFollower(core.epoch, state.leaderId, state.leaderEndpoints, nowMs);
  else core.toUnattached(core.epoch, state.leaderId, nowMs);
}

/** The votes that are still missing are asked for, as long as a majority is possible. */
export function sendVoteRequests(core: RaftCore, nowMs: TimestampMs): void {
  const { state } = core;
  if ((state.role !== 'prospective' && state.role !== 'candidate') || state.election.isRejected) return;
  for (const voter of state.election.unrecorded) {
    const node = core.nodeAt(voter.nodeId, core.control.voters.endpointsOf(voter.nodeId));
    if (node !== null) core.send(node, () => voteRequest(core, voter, state.role === 'prospective'), nowMs);
  }
}

function voteRequest(core: RaftCore, voter: ReplicaKey, preVote: boolean): VoteRequest {
  return {
    api: 'vote',
    clusterId: core.options.clusterId,
    voterId: voter.nodeId,
    voterDirectoryId: voter.directoryId,
    replicaEpoch: core.epoch,
    replicaId: core.local.nodeId,
    replicaDirectoryId: core.local.directoryId,
    lastOffsetEpoch: core.log.lastEpoch,
    lastOffset: core.log.endOffset,
    preVote,
  };
}
