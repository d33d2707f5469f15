import type { BrokerId, Offset, TimestampMs } from '@millrace/foundation';
import type { EpochElection } from './epoch-election.js';
import type { LeaderProgress } from './leader-progress.js';
import type { OffsetAndEpoch } from './log-lookup.js';
import type { CandidacyReason, StepDownReason } from './raft-effects.js';
import type { AddRaftVoterRequest, FetchRequest } from './raft-messages.js';
import type { ReplicaKey } from './replica-key.js';
import type { RaftEndpoint, VoterSet } from './voter-set.js';

/** Knows the epoch, and waits for a leader or for its own turn. */
export interface Unattached {
  readonly role: 'unattached';
  /** -1: not known. Known without endpoints, it cannot be fetched from. */
  readonly leaderId: BrokerId;
  readonly votedKey: ReplicaKey | null;
  readonly electionDeadlineMs: TimestampMs;
}

/** Asks whether it would be elected, before it disturbs anyone with a new epoch. */
export interface Prospective {
  readonly role: 'prospective';
  readonly leaderId: BrokerId;
  readonly leaderEndpoints: readonly RaftEndpoint[];
  readonly votedKey: ReplicaKey | null;
  readonly reason: CandidacyReason;
  readonly election: EpochElection;
  readonly electionDeadlineMs: TimestampMs;
}

/** Has voted for itself in a new epoch. */
export interface Candidate {
  readonly role: 'candidate';
  readonly election: EpochElection;
  readonly electionDeadlineMs: TimestampMs;
}

export interface Follower {
  readonly role: 'follower';
  readonly leaderId: BrokerId;
  readonly leaderEndpoints: readonly RaftEndpoint[];
  /** Kept so that a later step back in this epoch cannot vote twice. */
  readonly votedKey: ReplicaKey | null;
  /** After so long without an answer of the leader this node stands for election; a little different on each. */
  readonly fetchTimeoutMs: number;
  fetchDeadlineMs: TimestampMs;
  /** The leader said so; the fetch deadline is this node's turn then. */
  hasLeaderResigned: boolean;
  /** When this node looks again whether the leader knows of it what it should. */
  updateVoterDeadlineMs: TimestampMs;
  /** The leader of this epoch has heard the directory and the versions of this voter; asked for with kraft.version 0 only, where the log does not say. */
  hasUpdatedLeader: boolean;
  hasFetchedFromLeader: boolean;
  /** The snapshot that is being fetched, and how many bytes of it are here. */
  fetchingSnapshot: { readonly id: OffsetAndEpoch; position: number } | null;
}

/** Was the leader of this epoch, and never will be again. */
export interface Resigned {
  readonly role: 'resigned';
  readonly unacknowledged: Set<BrokerId>;
  readonly preferredSuccessors: readonly ReplicaKey[];
  readonly electionDeadlineMs: TimestampMs;
}

/** A fetch that found nothing new, and waits for it. */
export interface ParkedFetch {
  readonly requestId: number;
  readonly request: FetchRequest;
  readonly deadlineMs: TimestampMs;
}

/** An AddRaftVoter, a RemoveRaftVoter or the move of the voters into the log that is under way. */
export type PendingVoterChange =
  | { readonly kind: 'add'; readonly requestId: number; readonly request: AddRaftVoterRequest; readonly deadlineMs: TimestampMs; correlationId: number; lastOffset: Offset | null }
  | { readonly kind: 'remove' | 'upgrade'; readonly requestId: number; readonly deadlineMs: TimestampMs; readonly lastOffset: Offset };

export interface Leader {
  readonly role: 'leader';
  readonly epochStartOffset: Offset;
  readonly progress: LeaderProgress;
  parked: ParkedFetch[];
  pendingChange: PendingVoterChange | null;
  /** With kraft.version 0: the static voters with what they said of themselves in this epoch. They go into the log when the version is raised. */
  toldVoters: VoterSet;
  beginQuorumDueMs: TimestampMs;
  /** Null: it leads on. */
  resignReason: StepDownReason | null;
}

export type RoleState = Unattached | Prospective | Candidate | Follower | Resigned | Leader;
