import type { BrokerId, LeaderEpoch, Offset, TimestampMs, Uuid } from '@millrace/foundation';
import type { FetchedBatch } from './control-record.js';
import type { RaftError } from './raft-error.js';
import type { KRaftVersionRange, RaftEndpoint } from './voter-set.js';

/*
 * Kafka's messages for the one partition of the metadata log, field by field: the names are those of the schemas, the levels of topics and partitions are left out (the
 * driver answers INVALID_REQUEST when a request names any other partition). Errors go by their names.
 */

/** Fields of version 0 that later versions added have their defaults: voterId -1, zero uuids, preVote false. */
export interface VoteRequest {
  readonly api: 'vote';
  readonly clusterId: string | null;
  readonly voterId: BrokerId;
  readonly replicaEpoch: LeaderEpoch;
  readonly replicaId: BrokerId;
  readonly replicaDirectoryId: Uuid;
  readonly voterDirectoryId: Uuid;
  readonly lastOffsetEpoch: LeaderEpoch;
  readonly lastOffset: Offset;
  readonly preVote: boolean;
}

export interface BeginQuorumEpochRequest {
  readonly api: 'beginQuorumEpoch';
  readonly clusterId: string | null;
  readonly voterId: BrokerId;
  readonly voterDirectoryId: Uuid;
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  readonly leaderEndpoints: readonly RaftEndpoint[];
}

export interface EndQuorumEpochRequest {
  readonly api: 'endQuorumEpoch';
  readonly clusterId: string | null;
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  /** Best first. Version 0 has `preferredSuccessors`: the same ids, the directories are zero uuids then. */
  readonly preferredCandidates: readonly { readonly candidateId: BrokerId; readonly candidateDirectoryId: Uuid }[];
  readonly leaderEndpoints: readonly RaftEndpoint[];
}

/** A Fetch of the metadata partition by a voter or an observer. */
export interface FetchRequest {
  readonly api: 'fetch';
  readonly clusterId: string | null;
  /** -1: a consumer, which the machine treats as an observer without progress. */
  readonly replicaId: BrokerId;
  readonly replicaDirectoryId: Uuid;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: LeaderEpoch;
  readonly fetchOffset: Offset;
  readonly lastFetchedEpoch: LeaderEpoch;
  /** What the fetching replica knows as high watermark (v18): -1 is "none"; leave it undefined when the version does not have it. */
  readonly highWatermark: Offset | undefined;
}

export interface FetchSnapshotRequest {
  readonly api: 'fetchSnapshot';
  readonly clusterId: string | null;
  readonly replicaId: BrokerId;
  readonly replicaDirectoryId: Uuid;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: LeaderEpoch;
  readonly snapshotId: { readonly endOffset: Offset; readonly epoch: LeaderEpoch };
  readonly position: number;
}

export interface DescribeQuorumRequest {
  readonly api: 'describeQuorum';
}

export interface AddRaftVoterRequest {
  readonly api: 'addRaftVoter';
  readonly clusterId: string | null;
  readonly timeoutMs: number;
  readonly voterId: BrokerId;
  readonly voterDirectoryId: Uuid;
  readonly listeners: readonly RaftEndpoint[];
  /** False (v1): answer once the new set is appended. */
  readonly ackWhenCommitted: boolean;
}

export interface RemoveRaftVoterRequest {
  readonly api: 'removeRaftVoter';
  readonly clusterId: string | null;
  readonly voterId: BrokerId;
  readonly voterDirectoryId: Uuid;
}

export interface UpdateRaftVoterRequest {
  readonly api: 'updateRaftVoter';
  readonly clusterId: string | null;
  readonly currentLeaderEpoch: LeaderEpoch;
  readonly voterId: BrokerId;
  readonly voterDirectoryId: Uuid;
  readonly listeners: readonly RaftEndpoint[];
  readonly kRaftVersionFeature: KRaftVersionRange;
}

/** Raises `kraft.version` (Kafka does it inside UpdateFeatures): from 1 on the voters stand in the log. */
export interface UpgradeKRaftVersionRequest {
  readonly api: 'upgradeKRaftVersion';
  readonly kRaftVersion: number;
  /** Says only whether it could be done. */
  readonly validateOnly: boolean;
}

/** Asks a voter to be for its range of the feature `kraft.version`. Only sent, never received: brokers answer ApiVersions themselves. */
export interface KRaftVersionsRequest {
  readonly api: 'apiVersions';
}

/** What other nodes (or tools) ask of this one. */
export type RaftRequest =
  | VoteRequest
  | BeginQuorumEpochRequest
  | EndQuorumEpochRequest
  | FetchRequest
  | FetchSnapshotRequest
  | DescribeQuorumRequest
  | AddRaftVoterRequest
  | RemoveRaftVoterRequest
  | UpdateRaftVoterRequest
  | UpgradeKRaftVersionRequest;

/** What the machine asks of other nodes. */
export type RaftOutboundRequest =
  | VoteRequest
  | BeginQuorumEpochRequest
  | EndQuorumEpochRequest
  | FetchRequest
  | FetchSnapshotRequest
  | AddRaftVoterRequest
  | RemoveRaftVoterRequest
  | UpdateRaftVoterRequest
  | KRaftVersionsRequest;

/** The address of a leader, for the `nodeEndpoints` of an answer: that of the listener by which the request came, when it is among `leaderEndpoints`. */
interface WithLeader {
  /** The error of the whole request; when it is not NONE, the rest of the answer is not sent. */
  readonly topLevelError: RaftError | (string & {});
  readonly errorCode: RaftError | (string & {});
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  /** All known endpoints of the leader. Outgoing: pick the one of the request's listener; incoming: what `nodeEndpoints` has of the leader, under the controllers' listener name. */
  readonly leaderEndpoints: readonly RaftEndpoint[];
}

export interface VoteResponse extends WithLeader {
  readonly api: 'vote';
  readonly voteGranted: boolean;
}

export interface BeginQuorumEpochResponse extends WithLeader {
  readonly api: 'beginQuorumEpoch';
}

export interface EndQuorumEpochResponse extends WithLeader {
  readonly api: 'endQuorumEpoch';
}

interface FetchResponseHead extends WithLeader {
  readonly api: 'fetch';
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  /** Null: the logs do not part (both fields -1 on the wire). */
  readonly divergingEpoch: { readonly epoch: LeaderEpoch; readonly endOffset: Offset } | null;
  /** Null: no snapshot is to be fetched (both fields -1 on the wire). */
  readonly snapshotId: { readonly endOffset: Offset; readonly epoch: LeaderEpoch } | null;
}

/** A Fetch answered by this node. */
export interface FetchAnswer extends FetchResponseHead {
  /**
   * Where to read the records from, up to `upTo` and `maxBytes` (at least one batch); null: no records. Read them before the next input goes into the machine,
   * or drop the answer when the epoch is another by then: a later truncation could put other records at these offsets.
   */
  readonly read: { readonly fromOffset: Offset; readonly upTo: Offset; readonly maxBytes: number } | null;
}

/** A Fetch answered by another node, its records split into batches. */
export interface FetchResponse extends FetchResponseHead {
  readonly batches: readonly FetchedBatch[];
}

interface FetchSnapshotResponseHead extends WithLeader {
  readonly api: 'fetchSnapshot';
  readonly snapshotId: { readonly endOffset: Offset; readonly epoch: LeaderEpoch };
  readonly position: number;
}

/** A FetchSnapshot answered by this node: read `maxBytes` at most from `position` of the snapshot. `size` is that of the file, given when it was created. */
export interface FetchSnapshotAnswer extends FetchSnapshotResponseHead {
  readonly size: number;
  readonly read: { readonly maxBytes: number } | null;
}

export interface FetchSnapshotResponse extends FetchSnapshotResponseHead {
  readonly size: number;
  readonly bytes: Uint8Array;
}

export interface QuorumReplicaState {
  readonly replicaId: BrokerId;
  readonly replicaDirectoryId: Uuid;
  readonly logEndOffset: Offset;
  readonly lastFetchTimestamp: TimestampMs;
  readonly lastCaughtUpTimestamp: TimestampMs;
}

export interface DescribeQuorumAnswer {
  readonly api: 'describeQuorum';
  readonly errorCode: RaftError;
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
  readonly highWatermark: Offset;
  readonly currentVoters: readonly QuorumReplicaState[];
  readonly observers: readonly QuorumReplicaState[];
  /** v2: the voters' endpoints. */
  readonly nodes: readonly { readonly nodeId: BrokerId; readonly listeners: readonly RaftEndpoint[] }[];
}

/** Incoming and outgoing alike. */
export interface AddRaftVoterAnswer {
  readonly api: 'addRaftVoter';
  readonly errorCode: RaftError | (string & {});
  readonly errorMessage: string | null;
}

/** Incoming and outgoing alike. */
export interface RemoveRaftVoterAnswer {
  readonly api: 'removeRaftVoter';
  readonly errorCode: RaftError | (string & {});
  readonly errorMessage: string | null;
}

export interface UpgradeKRaftVersionAnswer {
  readonly api: 'upgradeKRaftVersion';
  readonly errorCode: RaftError | (string & {});
  readonly errorMessage: string | null;
}

/** Incoming and outgoing alike. `currentLeader` on the wire has the leader's host and port of the request's listener. */
export interface UpdateRaftVoterResponse extends WithLeader {
  readonly api: 'updateRaftVoter';
}

export interface KRaftVersionsResponse {
  readonly api: 'apiVersions';
  readonly errorCode: RaftError | (string & {});
  /** `supportedFeatures` of the answer for `kraft.version`; null when it is not there. */
  readonly supportedKRaftVersions: KRaftVersionRange | null;
}

/** What this node answers. */
export type RaftAnswer =
  | VoteResponse
  | BeginQuorumEpochResponse
  | EndQuorumEpochResponse
  | FetchAnswer
  | FetchSnapshotAnswer
  | DescribeQuorumAnswer
  | AddRaftVoterAnswer
  | RemoveRaftVoterAnswer
  | UpdateRaftVoterResponse
  | UpgradeKRaftVersionAnswer;

/** What other nodes answered. */
export type RaftResponse =
  | VoteResponse
  | BeginQuorumEpochResponse
  | EndQuorumEpochResponse
  | FetchResponse
  | FetchSnapshotResponse
  | AddRaftVoterAnswer
  | RemoveRaftVoterAnswer
  | UpdateRaftVoterResponse
  | KRaftVersionsResponse;
