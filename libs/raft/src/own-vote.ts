import type { TimestampMs } from '@millrace/foundation';
import { checkAnswer } from './common-checks.js';
import type { RaftCore } from './raft-core.js';
import type { AddRaftVoterRequest, RaftOutboundRequest, RemoveRaftVoterRequest, UpdateRaftVoterRequest, UpdateRaftVoterResponse } from './raft-messages.js';
import type { Follower } from './role-state.js';

/** Whether a follower has anything to say to the leader about its own place among the voters. */
export function hasOwnVoteToMind(core: RaftCore): boolean {
  return core.isVoter || wantsToJoin(core);
}

/** A follower that is a voter keeps its entry in the voter set true; an observer that may joins. `idle`: all is as it should be. */
export function sendOwnVote(core: RaftCore, state: Follower, nowMs: TimestampMs): 'idle' | 'notReady' | 'sent' {
  const request = ownRequest(core, state);
  if (request === null) return 'idle';
  const node = core.nodeAt(state.leaderId, state.leaderEndpoints);
  return node !== null && core.send(node, () => request, nowMs) !== null ? 'sent' : 'notReady';
}

export function handleUpdateVoterResponse(core: RaftCore, response: UpdateRaftVoterResponse, nowMs: TimestampMs): boolean {
  const { state } = core;
  const isTold = response.topLevelError === 'NONE' ? response.errorCode === 'NONE' : response.topLevelError === 'UNSUPPORTED_VERSION';
  // An older leader has no use for it while the voters are static.
  if (isTold && state.role === 'follower' && (response.leaderId < 0 || response.leaderId === state.leaderId)) state.hasUpdatedLeader = true;
  return response.topLevelError === 'UNSUPPORTED_VERSION' || checkAnswer(core, response, nowMs) !== 'failed';
}

/** It has read all that is committed as far as it knows: only then does it ask. */
function wantsToJoin(core: RaftCore): boolean {
  const { options, control, state } = core;
  return options.isJoiningByItself === true && options.canBecomeVoter && !core.isVoter && control.kRaftVersion > 0 && state.role === 'follower' && state.hasFetchedFromLeader;
}

function ownRequest(core: RaftCore, state: Follower): RaftOutboundRequest | null {
  const { control, local } = core;
  if (core.isVoter) {
    const isStale = control.kRaftVersion > 0 ? control.voters.needsUpdate(core.localVoter) : !state.hasUpdatedLeader;
    return isStale ? updateRequest(core) : null;
  }
  const former = control.voters.voter(local.nodeId);
  return former === undefined ? addRequest(core) : removeRequest(core, former.voterDirectoryId);
}

function updateRequest(core: RaftCore): UpdateRaftVoterRequest {
  return {
    api: 'updateRaftVoter',
    clusterId: core.options.clusterId,
    currentLeaderEpoch: core.epoch,
    voterId: core.local.nodeId,
    voterDirectoryId: core.local.directoryId,
    listeners: core.options.localListeners,
    kRaftVersionFeature: core.supportedVersions,
  };
}

/** Answered when it is appended: until it is committed this node may have to fetch, which it does not while it waits. */
function addRequest(core: RaftCore): AddRaftVoterRequest {
  return {
    api: 'addRaftVoter',
    clusterId: core.options.clusterId,
    timeoutMs: core.settings.requestTimeoutMs,
    voterId: core.local.nodeId,
    voterDirectoryId: core.local.directoryId,
    listeners: core.options.localListeners,
    ackWhenCommitted: false,
  };
}

/** The voter of this node's id with another directory: its disk is gone. */
function removeRequest(core: RaftCore, voterDirectoryId: string): RemoveRaftVoterRequest {
  return { api: 'removeRaftVoter', clusterId: core.options.clusterId, voterId: core.local.nodeId, voterDirectoryId };
}
