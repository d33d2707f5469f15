export type { QuorumRole } from './quorum-role.js';
export { isSameReplica, type ReplicaKey } from './replica-key.js';
export type { RaftError } from './raft-error.js';
export { staticVoters, VoterSet, type KRaftVersionRange, type RaftEndpoint, type Voter } from './voter-set.js';
export type { EpochEnd, EpochLookup, OffsetAndEpoch } from './log-lookup.js';
export type { QuorumState } from './quorum-state.js';
export type { ControlRecord, FetchedBatch, LeaderChangeVoter } from './control-record.js';
export type {
  AddRaftVoterAnswer,
  AddRaftVoterRequest,
  BeginQuorumEpochRequest,
  BeginQuorumEpochResponse,
  DescribeQuorumAnswer,
  DescribeQuorumRequest,
  EndQuorumEpochRequest,
  EndQuorumEpochResponse,
  FetchAnswer,
  FetchRequest,
  FetchResponse,
  FetchSnapshotAnswer,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
  KRaftVersionsRequest,
  KRaftVersionsResponse,
  QuorumReplicaState,
  RaftAnswer,
  RaftOutboundRequest,
  RaftRequest,
  RaftResponse,
  RemoveRaftVoterAnswer,
  RemoveRaftVoterRequest,
  UpdateRaftVoterRequest,
  UpdateRaftVoterResponse,
  UpgradeKRaftVersionAnswer,
  UpgradeKRaftVersionRequest,
  VoteRequest,
  VoteResponse,
} from './raft-messages.js';
export { NO_RAFT_EFFECTS, type Candidacy, type CandidacyReason, type InboundAnswer, type LeaderAndEpoch, type LogFlush, type OutboundRequest, type RaftAppend, type RaftEffects, type RaftNode, type RoleChange, type SnapshotChunk, type StepDown, type StepDownReason } from './raft-effects.js';
export { DEFAULT_RAFT_SETTINGS, type LogAtStart, type RaftMachineOptions, type RaftSettings, type SnapshotInfo, type VotersAtStart } from './raft-options.js';
export type { ControlStateAt } from './control-state.js';
export { RaftMachine, type InstalledSnapshot, type RequestFailure } from './raft-machine.js';
export type { FormerLeader } from './raft-core.js';
