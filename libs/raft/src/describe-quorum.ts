import type { TimestampMs } from '@millrace/foundation';
import type { ReplicaProgress } from './leader-progress.js';
import type { RaftCore } from './raft-core.js';
import type { DescribeQuorumAnswer, QuorumReplicaState } from './raft-messages.js';

/** Who votes, who observes, and how far each is: known to the leader only. */
export function describeQuorum(core: RaftCore, nowMs: TimestampMs): DescribeQuorumAnswer {
  const { state } = core;
  if (state.role !== 'leader') {
    return { api: 'describeQuorum', errorCode: 'NOT_LEADER_OR_FOLLOWER', leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [], nodes: [] };
  }
  const described = (it: ReplicaProgress): QuorumReplicaState => {
    const isLocal = state.progress.isLocal(it.key);
    return {
      replicaId: it.key.nodeId,
      replicaDirectoryId: it.key.directoryId,
      logEndOffset: isLocal ? core.log.endOffset : (it.endOffset ?? -1),
      lastFetchTimestamp: isLocal ? nowMs : it.lastFetchMs,
      lastCaughtUpTimestamp: isLocal ? nowMs : it.lastCaughtUpMs,
    };
  };
  return {
    api: 'describeQuorum',
    errorCode: 'NONE',
    leaderId: core.local.nodeId,
    leaderEpoch: core.epoch,
    highWatermark: state.progress.highWatermark,
    currentVoters: state.progress.voterProgress().map(described),
    observers: state.progress.observerProgress(nowMs).map(described),
    nodes: core.control.voters.voters.map((it) => ({ nodeId: it.voterId, listeners: it.endpoints })),
  };
}
