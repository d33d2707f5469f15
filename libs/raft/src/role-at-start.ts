import type { TimestampMs } from '@millrace/foundation';
import type { RaftCore } from './raft-core.js';
import { isNamedBy, type ReplicaKey } from './replica-key.js';

/** The role after a start, from what was remembered. A lone voter goes on to lead at once. */
export function restoreRole(core: RaftCore, nowMs: TimestampMs): void {
  const remembered = core.options.quorumState;
  const electionDeadlineMs = core.isElectable ? nowMs + (remembered === null ? core.firstElectionTimeoutMs() : core.electionTimeoutMs()) : Infinity;
  const epoch = remembered?.leaderEpoch ?? 0;
  core.epoch = Math.max(0, epoch, core.log.lastEpoch);
  const voted: ReplicaKey | null = remembered === null || remembered.votedId < 0 ? null : { nodeId: remembered.votedId, directoryId: remembered.votedDirectoryId };
  const leaderId = remembered?.leaderId ?? -1;
  const isVotedForSelf = voted !== null && isNamedBy(voted, core.local);
  if (remembered === null || epoch < core.log.lastEpoch) {
    core.become({ role: 'unattached', leaderId: -1, votedKey: null, electionDeadlineMs }, true);
  } else if (leaderId === core.local.nodeId) {
    // It can neither vote in this epoch nor write another record of it: what was not durable may be lost.
    core.become({ role: 'resigned', unacknowledged: new Set(core.control.voters.ids.filter((id) => id !== core.local.nodeId)), preferredSuccessors: [], electionDeadlineMs }, true);
  } else if (isVotedForSelf && leaderId < 0 && core.isElectable) {
    core.become({ role: 'candidate', election: core.newElection(), electionDeadlineMs }, true);
  } else if (leaderId >= 0 && core.control.voters.endpointsOf(leaderId).length > 0) {
    core.toFollower(epoch, leaderId, core.control.voters.endpointsOf(leaderId), nowMs);
    if (core.state.role === 'follower' && voted !== null) core.become({ ...core.state, votedKey: voted }, true);
  } else {
    core.become({ role: 'unattached', leaderId, votedKey: voted, electionDeadlineMs }, true);
  }
  if (core.control.voters.isOnlyVoter(core.local)) core.toProspective('only voter', nowMs);
}
