import type { BrokerId, LeaderEpoch, Offset, TimestampMs } from '@millrace/foundation';
import type { ControlRecord, FetchedBatch } from './control-record.js';
import type { OffsetAndEpoch } from './log-lookup.js';
import type { QuorumRole } from './quorum-role.js';
import type { QuorumState } from './quorum-state.js';
import type { RaftAnswer, RaftOutboundRequest } from './raft-messages.js';
import type { RaftEndpoint } from './voter-set.js';

/** What to append. Control records go into one control batch of epoch `leaderEpoch` at `baseOffset`, one after the other; fetched batches are appended as they came. */
export type RaftAppend =
  | { readonly kind: 'control'; readonly baseOffset: Offset; readonly leaderEpoch: LeaderEpoch; readonly timestampMs: TimestampMs; readonly records: readonly ControlRecord[] }
  | { readonly kind: 'fetched'; readonly batches: readonly FetchedBatch[] };

/** Make the log durable up to `endOffset`. Hand the very object back by `flushed` when it is: a flush that began before a truncation says nothing afterwards. */
export interface LogFlush {
  readonly endOffset: Offset;
  /** How often the log was truncated before it. */
  readonly generation: number;
}

/** Bytes of a snapshot that is being fetched: write them at `position` of its temporary file (position 0 begins a new one). */
export interface SnapshotChunk {
  readonly snapshotId: OffsetAndEpoch;
  readonly position: number;
  readonly bytes: Uint8Array;
  /** The file is whole now: make it durable, give it its name, empty the log so that it starts at the snapshot's end offset, then call `snapshotInstalled`. */
  readonly isLast: boolean;
}

/** A node to send to. `id` is negative for a bootstrap server of which no id is known. */
export interface RaftNode {
  readonly id: BrokerId;
  readonly host: string;
  readonly port: number;
}

export interface OutboundRequest {
  /** Names the request in `response` and `requestFailed`. */
  readonly correlationId: number;
  readonly destination: RaftNode;
  readonly request: RaftOutboundRequest;
}

export interface InboundAnswer {
  /** The id that the driver gave with `request`. */
  readonly requestId: number;
  readonly answer: RaftAnswer;
}

/** Who leads, as listeners (the controller, the brokers) are told. */
export interface LeaderAndEpoch {
  /** -1: not known. */
  readonly leaderId: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
}

export interface RoleChange extends LeaderAndEpoch {
  readonly role: QuorumRole;
  readonly leaderEndpoints: readonly RaftEndpoint[];
  /** As leader: where the epoch starts in the log (offset of its leader-change record). Act as the active controller once everything before it is applied. Else -1. */
  readonly epochStartOffset: Offset;
}

/** Why a leader leads no longer: its node stops; its controller cannot go on; the committed voters do not name it any more; too few of them fetched for too long; somebody is in a newer epoch. */
export type StepDownReason = 'shutdown' | 'controller resigned' | 'no voter any more' | 'no fetches of a majority' | 'newer epoch';

/** For operators: the machine has acted on it. */
export interface StepDown {
  /** That it led. */
  readonly leaderEpoch: LeaderEpoch;
  readonly reason: StepDownReason;
  /** The newer epoch, as far as it is known; null when it resigned by itself. */
  readonly newer: LeaderAndEpoch | null;
}

/** Why a voter asks for votes: it follows nobody and has heard of no leader, or got no majority, within the election timeout; its leader did not answer within the fetch timeout; its leader said that it resigns; there is no other voter. */
export type CandidacyReason = 'election timeout' | 'fetch timeout' | 'leader resigned' | 'only voter';

/** For operators: this node asks for the votes of a new epoch. */
export interface Candidacy {
  readonly leaderEpoch: LeaderEpoch;
  readonly reason: CandidacyReason;
}

/**
 * What the world must do after an input, in the order of the fields. `persist` must be durable before anything after it is done; `persist`, `truncateTo`, `append` and
 * `writeSnapshot` must be done before the next input goes in (the lookup of epochs must show them); the rest may lag, in order.
 */
export interface RaftEffects {
  readonly persist: QuorumState | null;
  /** Cut the log to this end offset. */
  readonly truncateTo: Offset | null;
  readonly append: RaftAppend | null;
  readonly writeSnapshot: SnapshotChunk | null;
  /** Null: nothing to make durable now. Several flushes may be done as one, for the latest; report the latest. */
  readonly flush: LogFlush | null;
  readonly requests: readonly OutboundRequest[];
  readonly answers: readonly InboundAnswer[];
  /** Everything before it is committed: give it to the state machine. It never goes back while the node lives. */
  readonly highWatermarkAdvancedTo: Offset | null;
  /** The role, the epoch or the leader is another. */
  readonly roleChanged: RoleChange | null;
  readonly steppedDown: StepDown | null;
  readonly candidacy: Candidacy | null;
  /** A shutdown that was asked for has nothing left to do (or ran out of time): stop. */
  readonly shutdownComplete: boolean;
}

export const NO_RAFT_EFFECTS: RaftEffects = Object.freeze({
  persist: null,
  truncateTo: null,
  append: null,
  writeSnapshot: null,
  flush: null,
  requests: Object.freeze([]) as readonly OutboundRequest[],
  answers: Object.freeze([]) as readonly InboundAnswer[],
  highWatermarkAdvancedTo: null,
  roleChanged: null,
  steppedDown: null,
  candidacy: null,
  shutdownComplete: false,
});
