import { ZERO_UUID, type BrokerId, type LeaderEpoch, type TimestampMs, type Uuid } from '@millrace/foundation';
import type { RaftCore } from './raft-core.js';
import type { RaftError } from './raft-error.js';
import type { RaftEndpoint } from './voter-set.js';

/** What every answer says of the leader of the one who answers. */
export interface LeaderInAnswer {
  readonly topLevelError: string;
  readonly errorCode: string;
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  readonly leaderEndpoints: readonly RaftEndpoint[];
}

/** `handled`: nothing more to do with the answer · `failed`: the node backs off · `continue`: it is of this epoch and its content counts. */
export type CommonOutcome = 'handled' | 'failed' | 'continue';

export function isOtherCluster(core: RaftCore, clusterId: string | null): boolean {
  return clusterId !== null && clusterId !== core.options.clusterId;
}

/** Of requests that establish or end a leadership. */
export function checkVoterRequest(core: RaftCore, remoteId: BrokerId, epoch: LeaderEpoch): RaftError | null {
  if (epoch < core.epoch) return 'FENCED_LEADER_EPOCH';
  return remoteId < 0 ? 'INVALID_REQUEST' : null;
}

/** Of requests that only the leader of the epoch may answer. */
export function checkLeaderRequest(core: RaftCore, epoch: LeaderEpoch): 'FENCED_LEADER_EPOCH' | 'UNKNOWN_LEADER_EPOCH' | 'NOT_LEADER_OR_FOLLOWER' | 'BROKER_NOT_AVAILABLE' | null {
  if (epoch < core.epoch) return 'FENCED_LEADER_EPOCH';
  if (epoch > core.epoch) return 'UNKNOWN_LEADER_EPOCH';
  if (core.state.role !== 'leader') return 'NOT_LEADER_OR_FOLLOWER';
  return core.shutdownDeadlineMs === null ? null : 'BROKER_NOT_AVAILABLE';
}

/** Whether a request was meant for this replica: by its node, and by its directory where both are known. -1 is "not said". */
export function isForThisReplica(core: RaftCore, voterId: BrokerId, voterDirectoryId: Uuid): boolean {
  if (voterId < 0) return true;
  return voterId === core.local.nodeId && (voterDirectoryId === ZERO_UUID || voterDirectoryId === core.local.directoryId);
}

/** Two leaders of one epoch cannot be, and this node knows best whether it leads. */
export function contradictsLeader(core: RaftCore, leaderId: BrokerId, epoch: LeaderEpoch): boolean {
  if (leaderId >= 0 && leaderId === core.local.nodeId) return core.state.role !== 'leader' || epoch !== core.epoch;
  return epoch === core.epoch && leaderId >= 0 && core.leaderId >= 0 && leaderId !== core.leaderId;
}

/** A message says that `leaderId` (-1: unknown) leads `epoch`, which is not older than this node's: follow, when that is news. */
export function learnLeader(core: RaftCore, leaderId: BrokerId, epoch: LeaderEpoch, endpoints: readonly RaftEndpoint[], nowMs: TimestampMs): void {
  const known = endpoints.length > 0 || leaderId < 0 ? endpoints : core.control.voters.endpointsOf(leaderId);
  if (epoch > core.epoch) {
    if (leaderId >= 0 && known.length > 0) core.toFollower(epoch, leaderId, known, nowMs);
    else core.toUnattached(epoch, leaderId, nowMs);
  } else if (leaderId >= 0 && leaderId !== core.local.nodeId && known.length > core.leaderEndpoints.length) {
    core.toFollower(epoch, leaderId, known, nowMs);
  }
}

/** What every answer is looked at for before its content: the epoch and the leader of who answers. */
export function checkAnswer(core: RaftCore, answer: LeaderInAnswer, nowMs: TimestampMs): CommonOutcome {
  if (answer.topLevelError !== 'NONE') return 'failed';
  const { errorCode, leaderId, leaderEpoch } = answer;
  if (leaderEpoch < core.epoch || errorCode === 'UNKNOWN_LEADER_EPOCH') return 'handled';
  if (contradictsLeader(core, leaderId, leaderEpoch)) return 'failed';
  if (leaderEpoch > core.epoch || errorCode === 'FENCED_LEADER_EPOCH' || errorCode === 'NOT_LEADER_OR_FOLLOWER') {
    learnLeader(core, leaderId, leaderEpoch, answer.leaderEndpoints, nowMs);
    return 'handled';
  }
  if (leaderId >= 0 && (core.leaderId < 0 || core.leaderEndpoints.length === 0)) {
    learnLeader(core, leaderId, leaderEpoch, answer.leaderEndpoints, nowMs);
    // An observer learns of the leader and takes the records of one and the same answer.
    return errorCode === 'NONE' ? 'continue' : 'handled';
  }
  return errorCode === 'NONE' ? 'continue' : 'failed';
}

/** The part of an answer that says who leads. */
export function leaderInAnswer(core: RaftCore, errorCode: RaftError): LeaderInAnswer & { readonly topLevelError: RaftError; readonly errorCode: RaftError } {
  return { topLevelError: 'NONE', errorCode, leaderId: core.leaderId, leaderEpoch: core.epoch, leaderEndpoints: core.leaderEndpoints };
}

/** An answer that says nothing but that the whole request was refused. */
export function refusedWhole(topLevelError: RaftError): LeaderInAnswer & { readonly topLevelError: RaftError; readonly errorCode: RaftError } {
  return { topLevelError, errorCode: topLevelError, leaderId: -1, leaderEpoch: -1, leaderEndpoints: [] };
}
