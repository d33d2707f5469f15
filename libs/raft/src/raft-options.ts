import type { BrokerId, Offset, Uuid } from '@millrace/foundation';
import type { EpochLookup, OffsetAndEpoch } from './log-lookup.js';
import type { QuorumState } from './quorum-state.js';
import type { RaftNode } from './raft-effects.js';
import type { KRaftVersionRange, RaftEndpoint, Voter } from './voter-set.js';

/** Kafka's settings of the quorum with Kafka's defaults; all times in milliseconds. */
export interface RaftSettings {
  /** controller.quorum.election.timeout.ms: the least time without a leader before an election; up to twice as much, at random. */
  readonly electionTimeoutMs: number;
  /** controller.quorum.fetch.timeout.ms: a voter that could not fetch for so long, or up to a tenth longer, at random, asks for an election. */
  readonly fetchTimeoutMs: number;
  /** controller.quorum.election.backoff.max.ms. */
  readonly electionBackoffMaxMs: number;
  /** controller.quorum.request.timeout.ms. */
  readonly requestTimeoutMs: number;
  /** controller.quorum.retry.backoff.ms. */
  readonly retryBackoffMs: number;
  /** How long a fetch may be parked at the leader. */
  readonly fetchMaxWaitMs: number;
  /** controller.quorum.fetch.max.bytes. */
  readonly fetchMaxBytes: number;
  /** controller.quorum.fetch.snapshot.max.bytes. */
  readonly fetchSnapshotMaxBytes: number;
}

export const DEFAULT_RAFT_SETTINGS: RaftSettings = Object.freeze({
  electionTimeoutMs: 1000,
  fetchTimeoutMs: 2000,
  electionBackoffMaxMs: 1000,
  requestTimeoutMs: 2000,
  retryBackoffMs: 20,
  fetchMaxWaitMs: 500,
  fetchMaxBytes: 1024 * 1024,
  fetchSnapshotMaxBytes: 1024 * 1024,
});

/** Control records as a scan of the latest snapshot and the log after it found them. */
export interface VotersAtStart {
  /** What the bootstrap snapshot (0-0) holds is at offset -1, what a later snapshot holds at its end offset - 1. */
  readonly voterSets: readonly { readonly offset: Offset; readonly voters: readonly Voter[] }[];
  readonly kRaftVersions: readonly { readonly offset: Offset; readonly kRaftVersion: number }[];
}

export interface SnapshotInfo extends OffsetAndEpoch {
  readonly sizeInBytes: number;
}

/** The log as it was opened. All of it is durable. */
export interface LogAtStart {
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
  /** The epoch of the last record, of the snapshot that the log starts at when there is no record, else 0. */
  readonly lastEpoch: number;
  /** Readable snapshots, in any order; without the bootstrap snapshot 0-0. */
  readonly snapshots: readonly SnapshotInfo[];
  readonly epochs: EpochLookup;
}

export interface RaftMachineOptions {
  readonly nodeId: BrokerId;
  /** The id of the directory that holds this log (meta.properties). */
  readonly directoryId: Uuid;
  readonly clusterId: string;
  /** The listener by which voters reach each other (the first of controller.listener.names). */
  readonly listenerName: string;
  /** This node's endpoints for voters; empty for a pure broker. */
  readonly localListeners: readonly RaftEndpoint[];
  /** Whether this node could be a voter (it has the controller role). If so, everything fetched is flushed before the next fetch says that it is here. */
  readonly canBecomeVoter: boolean;
  /** controller.quorum.auto.join.enable: an observer that could be a voter asks the leader to make it one (and to remove the voter of its id whose disk is gone); needs kraft.version 1. False when left out. */
  readonly isJoiningByItself?: boolean;
  /** `kraft.version` as this node supports it; 0-1 when left out. */
  readonly supportedKRaftVersions?: KRaftVersionRange;
  /** controller.quorum.bootstrap.servers, or the static voters: who is asked for the leader while none is known. Ids of unknown nodes are negative and differ. */
  readonly bootstrapServers: readonly RaftNode[];
  /** controller.quorum.voters; empty with dynamic voters. In force while the log and the snapshots have no voters. */
  readonly staticVoters: readonly Voter[];
  readonly settings?: Partial<RaftSettings>;
  readonly log: LogAtStart;
  readonly control: VotersAtStart;
  /** Null: the file is not there yet. */
  readonly quorumState: QuorumState | null;
  /** Uniform in [0, bound): jitter of election timeouts, and which bootstrap server is asked first. */
  readonly random: { integer(bound: number): number };
}
