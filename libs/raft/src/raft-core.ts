import { invariant, type BrokerId, type LeaderEpoch, type Offset, type TimestampMs, ZERO_UUID } from '@millrace/foundation';
import type { ControlRecord } from './control-record.js';
import { ControlState } from './control-state.js';
import { EffectsBuilder } from './effects-builder.js';
import { EpochElection } from './epoch-election.js';
import { LeaderProgress } from './leader-progress.js';
import { LogState } from './log-state.js';
import type { QuorumState } from './quorum-state.js';
import type { CandidacyReason, RaftNode, StepDownReason } from './raft-effects.js';
import type { RaftAnswer, RaftOutboundRequest } from './raft-messages.js';
import { DEFAULT_RAFT_SETTINGS, type RaftMachineOptions, type RaftSettings } from './raft-options.js';
import type { ReplicaKey } from './replica-key.js';
import { RequestManager } from './request-manager.js';
import type { Candidate, Follower, Leader, Prospective, RoleState, Unattached } from './role-state.js';
import { VoterSet, type KRaftVersionRange, type RaftEndpoint, type Voter } from './voter-set.js';

/** Leader for so long without fetches of a majority, in fetch timeouts. */
const CHECK_QUORUM_FACTOR = 1.5;
/** How much longer than the fetch timeout a voter may wait, as a part of it. */
const FETCH_TIMEOUT_SPREAD = 0.1;

export interface FormerLeader {
  readonly leaderId: BrokerId;
  /** It answered, or said that it leads. */
  readonly lastHeardMs: TimestampMs;
}

/** Who waits for a change of the voters is answered as such. */
export const VOTER_CHANGE_APIS = { add: 'addRaftVoter', remove: 'removeRaftVoter', upgrade: 'upgradeKRaftVersion' } as const;

/** The state of the node in the quorum, and the transitions between the roles. What inputs do with it is in the files of their messages. */
export class RaftCore {
  readonly settings: RaftSettings;
  readonly local: ReplicaKey;
  readonly supportedVersions: KRaftVersionRange;
  readonly log: LogState;
  readonly control: ControlState;
  readonly connections: RequestManager;
  readonly effects = new EffectsBuilder();
  state: RoleState = { role: 'unattached', leaderId: -1, votedKey: null, electionDeadlineMs: Infinity };
  epoch: LeaderEpoch = 0;
  /** The leader that this node followed last and follows no longer. */
  formerLeader: FormerLeader | undefined;
  /** Of what this node was told or found out: never goes back. -1: not known since it started. */
  highWatermark: Offset = -1;
  shutdownDeadlineMs: TimestampMs | null = null;
  /** The last chunk of a snapshot is with the driver: nothing else may come before it says that it is in place. */
  isInstalling = false;

  constructor(readonly options: RaftMachineOptions) {
    this.settings = { ...DEFAULT_RAFT_SETTINGS, ...options.settings };
    this.local = { nodeId: options.nodeId, directoryId: options.directoryId };
    this.supportedVersions = options.supportedKRaftVersions ?? { minSupportedVersion: 0, maxSupportedVersion: 1 };
    this.log = new LogState(options.log);
    this.control = new ControlState(new VoterSet(options.staticVoters), options.control);
    this.connections = new RequestManager(this.settings.retryBackoffMs, this.settings.requestTimeoutMs, options.random);
  }

  get isVoter(): boolean {
    return this.control.voters.isVoter(this.local);
  }

  /**
   * Whether this node may stand for an election: as a voter, or while its removal is not known to be committed. Its log may be the only one that holds the removal, and
   * then nobody else could be elected.
   */
  get isElectable(): boolean {
    return this.isVoter || this.control.isLeaving(this.local, this.highWatermark);
  }

  /** -1: not known. A resigned leader still names itself: its epoch had no other. */
  get leaderId(): BrokerId {
    const { state } = this;
    if (state.role === 'leader' || state.role === 'resigned') return this.local.nodeId;
    return state.role === 'candidate' ? -1 : state.leaderId;
  }

  get leaderEndpoints(): readonly RaftEndpoint[] {
    const { state } = this;
    if (state.role === 'leader' || state.role === 'resigned') return this.options.localListeners;
    return state.role === 'follower' || state.role === 'prospective' ? state.leaderEndpoints : [];
  }

  /** The vote of this epoch; null: none. */
  get votedKey(): ReplicaKey | null {
    const { state } = this;
    if (state.role === 'candidate') return this.local;
    return state.role === 'unattached' || state.role === 'prospective' || state.role === 'follower' ? state.votedKey : null;
  }

  get localVoter(): Voter {
    return { voterId: this.local.nodeId, voterDirectoryId: this.local.directoryId, endpoints: this.options.localListeners, kRaftVersionFeature: this.supportedVersions };
  }

  /** Whether what is fetched must be durable before the next fetch: a voter's fetch says "I hold this", and who may become one does not know when it counts. */
  get mustFlushBeforeFetch(): boolean {
    return this.options.canBecomeVoter || this.isVoter;
  }

  answer(requestId: number, answer: RaftAnswer): void {
    this.effects.answers.push({ requestId, answer });
  }

  /** Sends unless a request is under way to the node or it backs off. Returns the correlation id, or null. */
  send(destination: RaftNode, request: () => RaftOutboundRequest, nowMs: TimestampMs): number | null {
    if (!this.connections.isReady(destination.id, nowMs)) return null;
    const body = request();
    const correlationId = this.connections.sent(destination.id, body, nowMs);
    this.effects.requests.push({ correlationId, destination, request: body });
    return correlationId;
  }

  /** The address of a node under the controllers' listener; null when it has none. */
  nodeAt(id: BrokerId, endpoints: readonly RaftEndpoint[]): RaftNode | null {
    const endpoint = endpoints.find((it) => it.name === this.options.listenerName);
    return endpoint === undefined ? null : { id, host: endpoint.host, port: endpoint.port };
  }

  /** Who may know the leader: the bootstrap servers, and the voters that the log names; not this node. */
  get nodesToAsk(): readonly RaftNode[] {
    const own = this.nodeAt(this.local.nodeId, this.options.localListeners);
    const nodes: RaftNode[] = [];
    const add = (node: RaftNode | null): void => {
      if (node === null || node.id === this.local.nodeId || isAt(node, own) || nodes.some((it) => isAt(it, node))) return;
      nodes.push(node);
    };
    for (const node of this.options.bootstrapServers) add(node);
    for (const { voterId, endpoints } of this.control.voters.voters) add(this.nodeAt(voterId, endpoints));
    return nodes;
  }

  /** Of a node that remembers nothing: time to ask who leads; there need be no leader to wait for, and a pre-vote disturbs none that is there (KIP-996). */
  firstElectionTimeoutMs(): number {
    const { electionTimeoutMs } = this.settings;
    const askingMs = Math.floor(electionTimeoutMs / 4);
    return askingMs + this.options.random.integer(Math.max(1, electionTimeoutMs - askingMs));
  }

  electionTimeoutMs(): number {
    const { electionTimeoutMs } = this.settings;
    return electionTimeoutMs + this.options.random.integer(Math.max(1, electionTimeoutMs));
  }

  /** Voters hear from their leader in the same millisecond: with one timeout for all they would stand against each other when it is gone, and none would win. */
  private followerFetchTimeoutMs(): number {
    const { fetchTimeoutMs } = this.settings;
    return this.isElectable ? fetchTimeoutMs + this.options.random.integer(Math.max(1, Math.floor(fetchTimeoutMs * FETCH_TIMEOUT_SPREAD))) : fetchTimeoutMs;
  }

  advanceHighWatermark(offset: Offset): void {
    if (offset <= this.highWatermark) return;
    this.highWatermark = offset;
    this.effects.highWatermarkAdvancedTo = offset;
  }

  /** Appends control records as one batch of this epoch. Returns the offset of the last. */
  appendControl(records: readonly ControlRecord[], nowMs: TimestampMs): Offset {
    const baseOffset = this.log.endOffset;
    this.effects.append = { kind: 'control', baseOffset, leaderEpoch: this.epoch, timestampMs: nowMs, records };
    records.forEach((record, i) => this.control.add(baseOffset + i, record));
    this.log.appended(baseOffset + records.length, this.epoch);
    this.askToFlush();
    return this.log.endOffset - 1;
  }

  askToFlush(): void {
    this.effects.flush = { endOffset: this.log.endOffset, generation: this.log.generation };
  }

  // Transitions. A durable one asks to persist before anything else of the input is done (Invariant 15).

  become(state: RoleState, isDurable: boolean): void {
    const left = this.state;
    this.state = state;
    if (left.role === 'follower') this.formerLeader = { leaderId: left.leaderId, lastHeardMs: left.fetchDeadlineMs - left.fetchTimeoutMs };
    if (left.role === 'leader') this.refuseWaiting(left);
    if (isDurable) this.effects.persist = this.quorumState();
    this.noteRole();
  }

  toUnattached(epoch: LeaderEpoch, leaderId: BrokerId, nowMs: TimestampMs): void {
    invariant(epoch > this.epoch || (epoch === this.epoch && (this.state.role === 'prospective' || !this.isElectable)), `unattached in epoch ${epoch} as ${this.state.role} of ${this.epoch}`);
    const votedKey = epoch === this.epoch ? this.votedKey : null;
    const electionDeadlineMs = this.isElectable ? this.keptElectionDeadlineMs(nowMs) : Infinity;
    this.enter(epoch, leaderId);
    this.become({ role: 'unattached', leaderId, votedKey, electionDeadlineMs }, true);
    this.connections.resetAll();
  }

  /** Grants a binding vote in this epoch. The election timeout begins anew: the candidate has as good a chance as this node. */
  voteFor(state: Unattached | Prospective, candidate: ReplicaKey, nowMs: TimestampMs): void {
    invariant(state.votedKey === null && candidate.nodeId !== this.local.nodeId, `a second vote in epoch ${this.epoch}`);
    const electionDeadlineMs = nowMs + this.electionTimeoutMs();
    if (state.role === 'unattached') this.become({ ...state, votedKey: candidate, electionDeadlineMs }, true);
    else this.become({ ...state, votedKey: candidate, electionDeadlineMs, election: this.newElection() }, true);
  }

  toFollower(epoch: LeaderEpoch, leaderId: BrokerId, leaderEndpoints: readonly RaftEndpoint[], nowMs: TimestampMs): void {
    invariant(leaderId !== this.local.nodeId && epoch >= this.epoch && leaderEndpoints.length > 0, `follower of ${leaderId} in epoch ${epoch} as ${this.state.role} of ${this.epoch}`);
    const votedKey = epoch === this.epoch ? this.votedKey : null;
    this.enter(epoch, leaderId);
    const fetchTimeoutMs = this.followerFetchTimeoutMs();
    const state: Follower = {
      role: 'follower',
      leaderId,
      leaderEndpoints,
      votedKey,
      fetchTimeoutMs,
      fetchDeadlineMs: nowMs + fetchTimeoutMs,
      hasLeaderResigned: false,
      updateVoterDeadlineMs: nowMs + this.settings.fetchTimeoutMs,
      hasUpdatedLeader: false,
      hasFetchedFromLeader: false,
      fetchingSnapshot: null,
    };
    this.become(state, true);
    this.connections.resetAll();
  }

  /** Nothing of what is persisted changes. A majority of its own vote alone goes on at once. */
  toProspective(reason: CandidacyReason, nowMs: TimestampMs): void {
    invariant(this.isElectable && this.state.role !== 'leader', `prospective as ${this.state.role}`);
    const { leaderId, leaderEndpoints, votedKey } = this;
    const state: Prospective = { role: 'prospective', leaderId: leaderId === this.local.nodeId ? -1 : leaderId, leaderEndpoints, votedKey, reason, election: this.newElection(), electionDeadlineMs: nowMs + this.electionTimeoutMs() };
    this.become(state, false);
    if (state.election.isGranted) this.toCandidate(nowMs);
    else this.connections.resetAll();
  }

  toCandidate(nowMs: TimestampMs): void {
    invariant(this.isElectable && this.state.role === 'prospective', `candidate as ${this.state.role}`);
    this.epoch++;
    this.effects.candidacy = { leaderEpoch: this.epoch, reason: this.state.reason };
    const state: Candidate = { role: 'candidate', election: this.newElection(), electionDeadlineMs: nowMs + this.electionTimeoutMs() };
    this.become(state, true);
    if (state.election.isGranted) this.toLeader(state, nowMs);
    else this.connections.resetAll();
  }

  toLeader(candidate: Candidate, nowMs: TimestampMs): void {
    invariant(this.state === candidate && candidate.election.isGranted, 'a leader without a majority');
    const epochStartOffset = this.log.endOffset;
    const progress = new LeaderProgress(this.local, epochStartOffset, this.control.voters, this.settings.fetchTimeoutMs * CHECK_QUORUM_FACTOR, nowMs);
    const state: Leader = { role: 'leader', epochStartOffset, progress, parked: [], pendingChange: null, toldVoters: this.control.voters.withUpdated(this.localVoter) ?? this.control.voters, beginQuorumDueMs: nowMs, resignReason: null };
    this.become(state, true);
    this.appendControl(this.epochStartRecords(candidate), nowMs);
    progress.setVoters(this.control.voters, nowMs);
    progress.localFlushed(this.log.flushedOffset);
    this.connections.resetAll();
  }

  /** Steps down in its own epoch, and tells the others who should be next. Not persisted: a leader always comes back as resigned. */
  toResigned(leader: Leader, reason: StepDownReason, nowMs: TimestampMs): void {
    invariant(this.state === leader, `resigned as ${this.state.role}`);
    this.effects.steppedDown = { leaderEpoch: this.epoch, reason, newer: null };
    const unacknowledged = new Set(this.control.voters.ids.filter((id) => id !== this.local.nodeId));
    this.become({ role: 'resigned', unacknowledged, preferredSuccessors: leader.progress.successors(), electionDeadlineMs: nowMs + this.electionTimeoutMs() }, false);
    this.connections.resetAll();
  }

  quorumState(): QuorumState {
    const voted = this.votedKey;
    const dataVersion = this.control.kRaftVersion === 0 ? 0 : 1;
    return {
      dataVersion,
      leaderId: this.leaderId,
      leaderEpoch: this.epoch,
      votedId: voted?.nodeId ?? -1,
      votedDirectoryId: (dataVersion === 1 ? voted?.directoryId : undefined) ?? ZERO_UUID,
      currentVoters: dataVersion === 0 ? this.control.voters.ids.map((voterId) => ({ voterId })) : [],
    };
  }

  newElection(): EpochElection {
    const election = new EpochElection(this.control.voters);
    election.record(this.local.nodeId, true);
    return election;
  }

  private epochStartRecords(candidate: Candidate): ControlRecord[] {
    const { control } = this;
    const named = (voterId: BrokerId) => ({ voterId, voterDirectoryId: ZERO_UUID });
    const grantingVoters = candidate.election.granting.map((it) => named(it.nodeId));
    const records: ControlRecord[] = [{ type: 'leaderChange', version: 0, leaderId: this.local.nodeId, voters: control.voters.ids.map(named), grantingVoters }];
    if (control.kRaftVersion === 0) return records;
    // What only the bootstrap snapshot says goes into the log, and so does a change of this node's own endpoints.
    if (control.votersOffset === -1 || control.voters.needsUpdate(this.localVoter)) {
      const updated = control.voters.withUpdated(this.localVoter);
      invariant(updated !== null, 'a leader that is no voter');
      records.push({ type: 'kRaftVersion', version: 0, kRaftVersion: control.kRaftVersion }, { type: 'voters', version: 0, voters: updated.voters });
    }
    return records;
  }

  private enter(epoch: LeaderEpoch, leaderId: BrokerId): void {
    if (this.state.role === 'leader') this.effects.steppedDown = { leaderEpoch: this.epoch, reason: 'newer epoch', newer: { leaderId, leaderEpoch: epoch } };
    this.epoch = epoch;
  }

  /** The election timeout goes on over a change of epochs, so that a node that loses elections gets its turn. */
  private keptElectionDeadlineMs(nowMs: TimestampMs): TimestampMs {
    const { state } = this;
    switch (state.role) {
      case 'candidate':
      case 'unattached':
      case 'resigned':
        return state.electionDeadlineMs === Infinity ? nowMs + this.electionTimeoutMs() : state.electionDeadlineMs;
      case 'prospective':
        return state.election.isRejected ? nowMs + this.electionTimeoutMs() : state.electionDeadlineMs;
      default:
        return nowMs + this.electionTimeoutMs();
    }
  }

  /** What waits at a leader that is none any more is told so, with what is known now. */
  private refuseWaiting(left: Leader): void {
    for (const { requestId } of left.parked) this.answer(requestId, this.refusedFetch('NOT_LEADER_OR_FOLLOWER'));
    if (left.pendingChange === null) return;
    const { kind, requestId } = left.pendingChange;
    this.answer(requestId, { api: VOTER_CHANGE_APIS[kind], errorCode: 'NOT_LEADER_OR_FOLLOWER', errorMessage: null });
  }

  refusedFetch(errorCode: 'NOT_LEADER_OR_FOLLOWER' | 'INVALID_REQUEST' | 'FENCED_LEADER_EPOCH' | 'UNKNOWN_LEADER_EPOCH' | 'BROKER_NOT_AVAILABLE'): RaftAnswer {
    const { leaderId, epoch: leaderEpoch, leaderEndpoints } = this;
    return { api: 'fetch', topLevelError: 'NONE', errorCode, leaderId, leaderEpoch, leaderEndpoints, highWatermark: -1, logStartOffset: this.log.startOffset, divergingEpoch: null, snapshotId: null, read: null };
  }

  private noteRole(): void {
    const { state } = this;
    const epochStartOffset = state.role === 'leader' ? state.epochStartOffset : -1;
    this.effects.roleChanged = { role: state.role, leaderId: this.leaderId, leaderEpoch: this.epoch, leaderEndpoints: this.leaderEndpoints, epochStartOffset };
  }
}

function isAt(node: RaftNode, other: RaftNode | null): boolean {
  return other !== null && node.host === other.host && node.port === other.port;
}
