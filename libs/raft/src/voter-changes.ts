import { ZERO_UUID, type TimestampMs } from '@millrace/foundation';
import { checkLeaderRequest, isOtherCluster, leaderInAnswer, refusedWhole } from './common-checks.js';
import { VOTER_CHANGE_APIS, type RaftCore } from './raft-core.js';
import type { RaftError } from './raft-error.js';
import type { AddRaftVoterRequest, KRaftVersionsResponse, RemoveRaftVoterRequest, UpdateRaftVoterRequest, UpdateRaftVoterResponse, UpgradeKRaftVersionRequest } from './raft-messages.js';
import type { ReplicaKey } from './replica-key.js';
import type { Leader } from './role-state.js';
import { VoterSet, type KRaftVersionRange, type Voter } from './voter-set.js';

interface Refusal {
  readonly errorCode: RaftError;
  readonly errorMessage: string | null;
}

/** Step 1: the request itself. The new voter is then asked for its versions (`handleKRaftVersions`). */
export function handleAddVoter(core: RaftCore, requestId: number, request: AddRaftVoterRequest, nowMs: TimestampMs): void {
  const refuse = (refusal: Refusal): void => core.answer(requestId, { api: 'addRaftVoter', ...refusal });
  if (isOtherCluster(core, request.clusterId)) return refuse(otherCluster(core, request.clusterId));
  const leadership = checkLeaderRequest(core, core.epoch);
  const { state } = core;
  if (leadership !== null || state.role !== 'leader') return refuse({ errorCode: leadership ?? 'NOT_LEADER_OR_FOLLOWER', errorMessage: null });
  if (request.voterId < 0 || request.voterDirectoryId === ZERO_UUID) return refuse({ errorCode: 'INVALID_REQUEST', errorMessage: "Add voter request didn't include a valid voter" });
  const node = core.nodeAt(request.voterId, request.listeners);
  if (node === null) return refuse({ errorCode: 'INVALID_REQUEST', errorMessage: `Add voter request didn't include the endpoint for the default listener ${core.options.listenerName}` });
  const blocked = changeBlocked(core, state, nowMs);
  if (blocked !== null) return refuse(blocked);
  if (core.control.voters.voter(request.voterId) !== undefined) return refuse({ errorCode: 'DUPLICATE_VOTER', errorMessage: `The voter id ${request.voterId} is already part of the set of voters ${core.control.voters.ids.join()}.` });
  const correlationId = core.send(node, () => ({ api: 'apiVersions' }), nowMs);
  if (correlationId === null) return refuse({ errorCode: 'REQUEST_TIMED_OUT', errorMessage: `New voter ${request.voterId} is not ready to receive requests` });
  state.pendingChange = { kind: 'add', requestId, request, deadlineMs: nowMs + core.settings.requestTimeoutMs, correlationId, lastOffset: null };
}

/** Step 2: what the new voter answered. With it the new set is appended, and in force. Returns whether the answer was of use. */
export function handleKRaftVersions(core: RaftCore, correlationId: number, response: KRaftVersionsResponse, nowMs: TimestampMs): boolean {
  const { state } = core;
  if (state.role !== 'leader' || state.pendingChange?.kind !== 'add' || state.pendingChange.correlationId !== correlationId) return true;
  const { request } = state.pendingChange;
  if (response.errorCode !== 'NONE') {
    finish(core, state, { errorCode: 'REQUEST_TIMED_OUT', errorMessage: `Aborted add voter operation since API_VERSIONS returned an error ${response.errorCode}` });
    return false;
  }
  const range = response.supportedKRaftVersions ?? { minSupportedVersion: 0, maxSupportedVersion: 0 };
  const key: ReplicaKey = { nodeId: request.voterId, directoryId: request.voterDirectoryId };
  if (!supports(core, range)) {
    const errorMessage = `Aborted add voter operation for ${request.voterId} since its range of kraft.version ${range.minSupportedVersion}-${range.maxSupportedVersion} doesn't support the finalized version ${core.control.kRaftVersion}`;
    finish(core, state, { errorCode: 'INVALID_REQUEST', errorMessage });
  } else if (!state.progress.isCaughtUp(key, nowMs)) {
    finish(core, state, { errorCode: 'REQUEST_TIMED_OUT', errorMessage: `Aborted add voter operation for ${request.voterId} since it is lagging behind` });
  } else {
    const added = core.control.voters.withAdded({ voterId: key.nodeId, voterDirectoryId: key.directoryId, endpoints: request.listeners, kRaftVersionFeature: range });
    if (added === null) finish(core, state, { errorCode: 'DUPLICATE_VOTER', errorMessage: null });
    else appendAdded(core, state, added, nowMs);
  }
  return true;
}

function appendAdded(core: RaftCore, leader: Leader, voters: VoterSet, nowMs: TimestampMs): void {
  const change = leader.pendingChange;
  if (change?.kind !== 'add') return;
  change.lastOffset = appendVoters(core, leader, voters, nowMs);
  if (!change.request.ackWhenCommitted) finish(core, leader, { errorCode: 'NONE', errorMessage: null });
}

export function handleRemoveVoter(core: RaftCore, requestId: number, request: RemoveRaftVoterRequest, nowMs: TimestampMs): void {
  const refuse = (refusal: Refusal): void => core.answer(requestId, { api: 'removeRaftVoter', ...refusal });
  if (isOtherCluster(core, request.clusterId)) return refuse(otherCluster(core, request.clusterId));
  const leadership = checkLeaderRequest(core, core.epoch);
  const { state } = core;
  if (leadership !== null || state.role !== 'leader') return refuse({ errorCode: leadership ?? 'NOT_LEADER_OR_FOLLOWER', errorMessage: null });
  if (request.voterId < 0 || request.voterDirectoryId === ZERO_UUID) return refuse({ errorCode: 'INVALID_REQUEST', errorMessage: "Remove voter request didn't include a valid voter" });
  const blocked = changeBlocked(core, state, nowMs);
  if (blocked !== null) return refuse(blocked);
  const { voters } = core.control;
  const left = voters.withRemoved({ nodeId: request.voterId, directoryId: request.voterDirectoryId });
  if (left === null) return refuse({ errorCode: 'VOTER_NOT_FOUND', errorMessage: `Cannot remove voter ${request.voterId} with directory ${request.voterDirectoryId} from the set of voters ${voters.ids.join()}` });
  state.pendingChange = { kind: 'remove', requestId, deadlineMs: nowMs + core.settings.requestTimeoutMs, lastOffset: core.log.endOffset };
  appendVoters(core, state, left, nowMs);
}

/** A voter says where it listens now, and which versions it knows. Answered before it is committed. */
export function handleUpdateVoter(core: RaftCore, request: UpdateRaftVoterRequest, nowMs: TimestampMs): UpdateRaftVoterResponse {
  if (isOtherCluster(core, request.clusterId)) return { api: 'updateRaftVoter', ...refusedWhole('INCONSISTENT_CLUSTER_ID') };
  return { api: 'updateRaftVoter', ...leaderInAnswer(core, updateVoter(core, request, nowMs)) };
}

function updateVoter(core: RaftCore, request: UpdateRaftVoterRequest, nowMs: TimestampMs): RaftError {
  const leadership = checkLeaderRequest(core, request.currentLeaderEpoch);
  const { state } = core;
  if (leadership !== null || state.role !== 'leader') return leadership ?? 'NOT_LEADER_OR_FOLLOWER';
  const { minSupportedVersion, maxSupportedVersion } = request.kRaftVersionFeature;
  if (request.voterId < 0 || request.voterDirectoryId === ZERO_UUID || core.nodeAt(request.voterId, request.listeners) === null) return 'INVALID_REQUEST';
  if (minSupportedVersion < 0 || maxSupportedVersion < minSupportedVersion) return 'INVALID_REQUEST';
  const voter = { voterId: request.voterId, voterDirectoryId: request.voterDirectoryId, endpoints: request.listeners, kRaftVersionFeature: request.kRaftVersionFeature };
  if (core.control.kRaftVersion === 0) return tellVoter(core, state, voter);
  const blocked = changeBlocked(core, state, nowMs);
  if (blocked !== null) return blocked.errorCode;
  if (!supports(core, request.kRaftVersionFeature)) return 'INVALID_REQUEST';
  const updated = core.control.voters.withUpdated(voter);
  if (updated === null) return 'VOTER_NOT_FOUND';
  if (core.control.voters.needsUpdate(voter)) appendVoters(core, state, updated, nowMs);
  return 'NONE';
}

/** Static voters stay as they are: what one says of itself is kept until the voters go into the log. */
function tellVoter(core: RaftCore, leader: Leader, voter: Voter): RaftError {
  if (core.control.voters.voter(voter.voterId) === undefined) return 'VOTER_NOT_FOUND';
  leader.toldVoters = new VoterSet(leader.toldVoters.voters.map((it) => (it.voterId === voter.voterId ? voter : it)));
  return 'NONE';
}

/** The voters go into the log, each with its directory, under the new version, and change by requests from then on. Refused unless each of them has said that it can. */
export function handleUpgradeKRaftVersion(core: RaftCore, requestId: number, { kRaftVersion, validateOnly }: UpgradeKRaftVersionRequest, nowMs: TimestampMs): void {
  const answer = (errorCode: RaftError, errorMessage: string | null = null): void => core.answer(requestId, { api: 'upgradeKRaftVersion', errorCode, errorMessage });
  const leadership = checkLeaderRequest(core, core.epoch);
  const { state } = core;
  if (leadership !== null || state.role !== 'leader') return answer(leadership ?? 'NOT_LEADER_OR_FOLLOWER');
  const current = core.control.kRaftVersion;
  if (kRaftVersion === current) return answer('NONE');
  const invalid = (why: string): void => answer('INVALID_UPDATE_VERSION', `Invalid update version ${kRaftVersion} for feature kraft.version. ${why}`);
  if (kRaftVersion < current) return invalid("Can't downgrade the version of this feature.");
  if (kRaftVersion > core.supportedVersions.maxSupportedVersion) return invalid(`Local controller only supports versions ${core.supportedVersions.minSupportedVersion}-${core.supportedVersions.maxSupportedVersion}`);
  expireVoterChange(core, state, nowMs);
  if (state.pendingChange !== null || state.progress.highWatermark < 0) return answer('REQUEST_TIMED_OUT', 'The leader has not committed anything of its epoch yet, or another change of the voters is under way');
  const voters = state.toldVoters;
  const unable = voters.voters.filter((it) => it.voterDirectoryId === ZERO_UUID || it.kRaftVersionFeature.maxSupportedVersion < kRaftVersion || core.nodeAt(it.voterId, it.endpoints) === null);
  if (unable.length > 0) return invalid(`Voters ${unable.map((it) => it.voterId).join()} do not support it, or have not told the leader yet that they do`);
  if (validateOnly) return answer('NONE');
  const lastOffset = core.appendControl([{ type: 'kRaftVersion', version: 0, kRaftVersion }, { type: 'voters', version: 0, voters: voters.voters }], nowMs);
  state.pendingChange = { kind: 'upgrade', requestId, deadlineMs: nowMs + core.settings.requestTimeoutMs, lastOffset };
  state.progress.setVoters(core.control.voters, nowMs);
  if (state.progress.localFlushed(core.log.flushedOffset)) leaderHighWatermarkAdvanced(core, state);
}

/** Invariant 17: a change begins only when the epoch has committed something, and the change before it is committed. */
function changeBlocked(core: RaftCore, leader: Leader, nowMs: TimestampMs): Refusal | null {
  expireVoterChange(core, leader, nowMs);
  const timedOut = (errorMessage: string): Refusal => ({ errorCode: 'REQUEST_TIMED_OUT', errorMessage });
  if (leader.pendingChange !== null) return timedOut('Request timed out waiting for leader to handle previous voter change request');
  const { highWatermark } = leader.progress;
  if (highWatermark < 0) return timedOut('Request timed out waiting for leader to establish HWM and fence previous voter changes');
  const { kRaftVersion, votersOffset } = core.control;
  if (kRaftVersion === 0) return { errorCode: 'UNSUPPORTED_VERSION', errorMessage: "Cluster doesn't support changing voters because the kraft.version feature is 0" };
  if (votersOffset === null || votersOffset >= highWatermark) return timedOut(`Request timed out waiting for voters to commit the latest voter change at ${votersOffset} with HWM ${highWatermark}`);
  return null;
}

function appendVoters(core: RaftCore, leader: Leader, voters: VoterSet, nowMs: TimestampMs): number {
  const offset = core.appendControl([{ type: 'voters', version: 0, voters: voters.voters }], nowMs);
  leader.progress.setVoters(core.control.voters, nowMs);
  if (leader.progress.advance()) leaderHighWatermarkAdvanced(core, leader);
  return offset;
}

/** The leader's high watermark moved: tell the state machine, and whoever waits for a change of the voters. */
export function leaderHighWatermarkAdvanced(core: RaftCore, leader: Leader): void {
  const { highWatermark } = leader.progress;
  core.advanceHighWatermark(highWatermark);
  const change = leader.pendingChange;
  if (change !== null && change.lastOffset !== null && highWatermark > change.lastOffset) finish(core, leader, { errorCode: 'NONE', errorMessage: null });
  // A leader that the committed voters do not name any more has done its work.
  const { votersOffset } = core.control;
  if (!core.isVoter && votersOffset !== null && highWatermark > votersOffset) leader.resignReason = 'no voter any more';
}

export function expireVoterChange(core: RaftCore, leader: Leader, nowMs: TimestampMs): void {
  if (leader.pendingChange !== null && nowMs >= leader.pendingChange.deadlineMs) finish(core, leader, { errorCode: 'REQUEST_TIMED_OUT', errorMessage: null });
}

/** The new voter did not answer. */
export function failAddVoter(core: RaftCore, correlationId: number): void {
  const { state } = core;
  if (state.role !== 'leader' || state.pendingChange?.kind !== 'add' || state.pendingChange.correlationId !== correlationId) return;
  finish(core, state, { errorCode: 'REQUEST_TIMED_OUT', errorMessage: 'Aborted add voter operation since the new voter did not answer API_VERSIONS' });
}

function finish(core: RaftCore, leader: Leader, refusal: Refusal): void {
  const change = leader.pendingChange;
  if (change === null) return;
  leader.pendingChange = null;
  const errorCode: string = refusal.errorCode;
  core.answer(change.requestId, { api: VOTER_CHANGE_APIS[change.kind], errorCode, errorMessage: refusal.errorMessage });
}

function supports(core: RaftCore, range: KRaftVersionRange): boolean {
  const { kRaftVersion } = core.control;
  return range.minSupportedVersion <= kRaftVersion && kRaftVersion <= range.maxSupportedVersion;
}

function otherCluster(core: RaftCore, clusterId: string | null): Refusal {
  return { errorCode: 'INCONSISTENT_CLUSTER_ID', errorMessage: `The given id "${clusterId}" doesn't match the cluster id "${core.options.clusterId}"` };
}
