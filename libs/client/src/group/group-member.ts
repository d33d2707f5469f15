import { errorMessage, hasCode, isRetriable, OperationalError, type BrokerId, type Scheduled } from '@millrace/foundation';
import { ErrorCode, Heartbeat, JoinGroup, LeaveGroup, ProtocolError, SyncGroup, type JoinGroupResponse } from '@millrace/protocol';
import type { KafkaClient } from '../cluster/kafka-client.js';

export interface GroupProtocol {
  readonly name: string;
  /** Opaque to the broker. */
  readonly metadata: Uint8Array;
}

export interface JoinedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Uint8Array;
}

/** What the leader is asked to assign. */
export interface AssignmentRound {
  readonly protocol: string;
  readonly generationId: number;
  /** This member's id: it is the leader. */
  readonly leaderId: string;
  readonly members: readonly JoinedMember[];
}

export interface GroupAssignment {
  readonly protocol: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly leaderId: string;
  readonly isLeader: boolean;
  /** As the leader made it; empty when it made none for this member. */
  readonly bytes: Uint8Array;
}

/**
 * A member of a group on the classic protocol, for any protocol type. Callbacks never run at the same time; heartbeats go on while one
 * runs, so it may take its time within the rebalance timeout. One that throws ends the membership with `onFailed`.
 */
export interface GroupMemberOptions {
  readonly client: KafkaClient;
  readonly groupId: string;
  /** `consumer`, `connect`, ... */
  readonly protocolType: string;
  /** A static member (KIP-345): it does not leave on close, and comes back under the same name. */
  readonly groupInstanceId?: string | null;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly heartbeatMs?: number;
  /** Asked before each join, best first. */
  readonly protocols: () => readonly GroupProtocol[];
  /** Asked on the leader only. Members without an entry get empty bytes. */
  readonly performAssignment: (round: AssignmentRound) => ReadonlyMap<string, Uint8Array> | Promise<ReadonlyMap<string, Uint8Array>>;
  /** Before the group is joined again, while this member still owns what it was given; not before the first join. */
  readonly onRevoked?: (held: { readonly generationId: number; readonly memberId: string }) => void | Promise<void>;
  readonly onAssigned: (assignment: GroupAssignment) => void | Promise<void>;
  /** The membership is gone (expired, fenced, unknown to the coordinator): others may own what this member was given. It joins again afterwards. */
  readonly onLost?: (reason: Error) => void | Promise<void>;
  /**
   * The coordinator has just said that it counts this member in; it will go on doing so for a session timeout from `ageMs` ago, when it was asked.
   * Comes also while a join waits for the others.
   */
  readonly onAlive?: (ageMs: number) => void;
  /** While partitions were revoked or it joined again, the coordinator did not know this member any more: others may own what it still holds. It joins anew afterwards, with what `protocols` says then. */
  readonly onExpired?: (reason: Error) => void | Promise<void>;
  /** The coordinator cannot be reached, or is another now; what was assigned stays until `onLost` says otherwise. */
  readonly onCoordinatorLost?: (reason: Error) => void;
  readonly onCoordinatorFound?: (nodeId: BrokerId) => void;
  /** Retrying cannot help (not authorized, fenced, no common protocol): the member has stopped. */
  readonly onFailed: (error: Error) => void;
}

export type GroupMemberState = 'idle' | 'joining' | 'stable' | 'closed';

const NO_GENERATION = -1;
/** For all that it takes: to find the coordinator, to connect to it, its answer. */
const LEAVE_TIMEOUT_MS = 5000;

export class GroupMember {
  memberId = '';
  generationId = NO_GENERATION;
  state: GroupMemberState = 'idle';
  private readonly sessionTimeoutMs: number;
  private readonly rebalanceTimeoutMs: number;
  private readonly heartbeatMs: number;
  private loop: Promise<void> | undefined;
  private isActive = false;
  private isClosed = false;
  private isRejoinNeeded = false;
  private lostBy: Error | undefined;
  private hasAssignment = false;
  private hasCoordinator = false;
  private heartbeatRun = 0;
  private wakers: (() => void)[] = [];

  constructor(private readonly options: GroupMemberOptions) {
    this.sessionTimeoutMs = options.sessionTimeoutMs ?? 45_000;
    this.rebalanceTimeoutMs = options.rebalanceTimeoutMs ?? 300_000;
    this.heartbeatMs = options.heartbeatMs ?? 3000;
  }

  /** As far as it is known: the coordinator counts this member in, with what it was given last. */
  get isMember(): boolean {
    return this.generationId !== NO_GENERATION && this.lostBy === undefined;
  }

  /** Joins, and stays in the group until `leave` or `close`. */
  start(): void {
    this.isActive = true;
    this.loop ??= this.run().catch((error: unknown) => this.failed(error));
    this.wake();
  }

  /** Joins (again), with what `protocols` says then. Also ends the rest after `leave`. */
  requestRejoin(reason: string): void {
    this.options.client.settings.logger.debug({ groupId: this.options.groupId, memberId: this.memberId, reason }, 'the group is joined again');
    this.isRejoinNeeded = true;
    this.start();
  }

  /** Another request in the name of this member was refused, in that generation: what the next heartbeat would find is known now. */
  refused(error: unknown, generationId: number): void {
    if (this.state !== 'stable' || generationId !== this.generationId) return;
    if (hasCode(error, 'KAFKA_REBALANCE_IN_PROGRESS')) this.needRejoin();
    else this.lost(error);
  }

  /**
   * Leaves the group, if this is a member of it, and rests until `requestRejoin`. What was assigned counts as lost without a callback.
   * Resolves within seconds, also when the coordinator could not be told: it finds out by the session timeout.
   */
  async leave(reason: string): Promise<void> {
    this.isActive = false;
    const { memberId } = this;
    const isStatic = (this.options.groupInstanceId ?? null) !== null;
    this.reset('');
    this.hasAssignment = false;
    this.state = this.isClosed ? 'closed' : 'idle';
    this.wake();
    if (memberId === '' || isStatic || !this.hasCoordinator) return;
    let timer: Scheduled | undefined;
    const late = new Promise<void>((resolve) => (timer = this.options.client.settings.foregroundScheduler.after(LEAVE_TIMEOUT_MS, resolve)));
    await Promise.race([this.tellOfLeave(memberId, reason), late]);
    timer?.cancel();
  }

  /** `leave: false` keeps the place in the group until the session timeout. No callback runs afterwards. */
  async close(options: { readonly leave?: boolean } = {}): Promise<void> {
    this.isClosed = true;
    if (options.leave !== false) await this.leave('the member was closed');
    this.isActive = false;
    this.state = 'closed';
    this.heartbeatRun += 1;
    this.wake();
  }

  private async tellOfLeave(memberId: string, reason: string): Promise<void> {
    const { client, groupId } = this.options;
    try {
      const nodeId = await client.coordinator(groupId);
      await client.request(nodeId, LeaveGroup, (version) => (version >= 3 ? { groupId, members: [{ memberId, reason }] } : { groupId, memberId }), { timeoutMs: LEAVE_TIMEOUT_MS });
    } catch (error) {
      client.settings.logger.debug({ groupId, memberId, reason: errorMessage(error) }, 'the coordinator was not told of the leave');
    }
  }

  private async run(): Promise<void> {
    const backoff = this.options.client.newBackoff();
    while (!this.isClosed && !this.options.client.isClosed) {
      if (!this.isActive) {
        await this.woken();
        continue;
      }
      try {
        await this.giveBack();
        if (!this.isActive || this.isClosed) continue;
        this.isRejoinNeeded = false;
        this.state = 'joining';
        await this.joinOnce();
        backoff.reset();
        await this.untilRejoin();
      } catch (error) {
        if (this.isClosed || !this.isActive) continue;
        await this.afterFailure(error);
        await this.pause(backoff.nextMs());
      }
    }
  }

  /** Tells the owner to let go of what it holds before the next join. */
  private async giveBack(): Promise<void> {
    if (!this.hasAssignment) return;
    const known = this.lostBy;
    this.hasAssignment = false;
    if (known === undefined) await this.options.onRevoked?.({ generationId: this.generationId, memberId: this.memberId });
    else await this.options.onLost?.(known);
    this.heartbeatRun += 1;
    const lost = this.lostBy;
    this.lostBy = undefined;
    if (lost === undefined) return;
    this.reset(this.memberId);
    // It was lost while the owner, who knew nothing of it, let go.
    if (known === undefined) await this.options.onExpired?.(lost);
    // Another process has this member's instance id: to join again would take the place back, and so on for ever.
    if (hasCode(lost, 'KAFKA_FENCED_INSTANCE_ID')) throw lost;
  }

  private async joinOnce(): Promise<void> {
    const { client, groupId } = this.options;
    const nodeId = await this.coordinator();
    const isJoined = this.beatWhileJoining(nodeId);
    const joined = await this.join(nodeId).finally(isJoined);
    if (!this.isActive || this.isClosed) return;
    this.memberId = joined.memberId;
    this.generationId = joined.generationId;
    const isLeader = joined.leader === joined.memberId;
    const protocol = joined.protocolName ?? '';
    const assignments = isLeader && !joined.skipAssignment ? await this.assign(joined, protocol) : [];
    const generationId = joined.generationId;
    const groupInstanceId = this.options.groupInstanceId ?? null;
    const askedMs = this.options.client.settings.clock.monotonicMs();
    const synced = await client.request(nodeId, SyncGroup, () => ({ groupId, generationId, memberId: joined.memberId, groupInstanceId, protocolType: this.options.protocolType, protocolName: protocol, assignments }), { lane: 'group', timeoutMs: this.joinTimeoutMs });
    if (synced.errorCode !== ErrorCode.NONE) throw new ProtocolError(synced.errorCode);
    if (!this.isActive || this.isClosed) return;
    this.hasAssignment = true;
    this.state = 'stable';
    this.lostBy = undefined;
    this.options.onAlive?.(this.options.client.settings.clock.monotonicMs() - askedMs);
    void this.heartbeats(++this.heartbeatRun);
    await this.options.onAssigned({ protocol, generationId, memberId: joined.memberId, leaderId: joined.leader, isLeader, bytes: synced.assignment });
  }

  private async join(nodeId: BrokerId): Promise<JoinGroupResponse> {
    const { client, groupId, protocolType } = this.options;
    const groupInstanceId = this.options.groupInstanceId ?? null;
    for (;;) {
      const joined = await client.request(
        nodeId,
        JoinGroup,
        () => ({ groupId, sessionTimeoutMs: this.sessionTimeoutMs, rebalanceTimeoutMs: this.rebalanceTimeoutMs, memberId: this.memberId, groupInstanceId, protocolType, protocols: [...this.options.protocols()] }),
        { lane: 'group', timeoutMs: this.joinTimeoutMs },
      );
      if (joined.errorCode === ErrorCode.NONE) return joined;
      if (joined.errorCode !== ErrorCode.MEMBER_ID_REQUIRED || !this.isActive) throw new ProtocolError(joined.errorCode);
      this.memberId = joined.memberId;
    }
  }

  private async assign(joined: JoinGroupResponse, protocol: string): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    const shares = await this.options.performAssignment({ protocol, generationId: joined.generationId, leaderId: joined.memberId, members: joined.members });
    return joined.members.map(({ memberId }) => ({ memberId, assignment: shares.get(memberId) ?? new Uint8Array(0) }));
  }

  /** What a failed join, sync or heartbeat means for the membership. Throws what retrying cannot help. */
  private async afterFailure(error: unknown): Promise<void> {
    const { client, groupId } = this.options;
    client.settings.logger.debug({ groupId, memberId: this.memberId, reason: errorMessage(error) }, 'the group could not be joined');
    if (hasCode(error, 'KAFKA_UNKNOWN_MEMBER_ID') || hasCode(error, 'KAFKA_ILLEGAL_GENERATION')) {
      const wasMember = this.memberId !== '';
      this.reset(hasCode(error, 'KAFKA_ILLEGAL_GENERATION') ? this.memberId : '');
      if (wasMember) await this.options.onExpired?.(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (hasCode(error, 'KAFKA_REBALANCE_IN_PROGRESS') || hasCode(error, 'KAFKA_COORDINATOR_LOAD_IN_PROGRESS')) return;
    if (!isRetriable(error)) throw error;
    this.coordinatorLost(error);
    if (hasCode(error, 'METADATA_TIMEOUT')) await client.refreshMetadata();
  }

  /** Beats until the run is over: a rejoin is asked for, or the membership is lost. */
  private async heartbeats(run: number): Promise<void> {
    let nextMs = this.heartbeatMs;
    while (run === this.heartbeatRun && !this.isClosed) {
      await this.pauseInBackground(nextMs);
      if (run !== this.heartbeatRun || this.isClosed || !this.isActive) return;
      nextMs = this.heartbeatMs;
      try {
        await this.beat(run);
      } catch (error) {
        if (run !== this.heartbeatRun || this.isClosed) return;
        if (hasCode(error, 'KAFKA_REBALANCE_IN_PROGRESS')) this.needRejoin();
        else if (hasCode(error, 'KAFKA_UNKNOWN_MEMBER_ID') || hasCode(error, 'KAFKA_ILLEGAL_GENERATION') || !isRetriable(error)) return this.lost(error);
        else {
          this.coordinatorLost(error);
          nextMs = this.options.client.settings.retryBackoffMs;
        }
      }
    }
  }

  private async beat(run: number): Promise<void> {
    const { client, groupId } = this.options;
    const nodeId = await this.coordinator();
    if (run !== this.heartbeatRun) return;
    const request = { groupId, generationId: this.generationId, memberId: this.memberId, groupInstanceId: this.options.groupInstanceId ?? null };
    const askedMs = this.options.client.settings.clock.monotonicMs();
    const { errorCode } = await client.request(nodeId, Heartbeat, () => request, { lane: 'group', timeoutMs: Math.min(client.settings.requestTimeoutMs, this.sessionTimeoutMs) });
    if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.REBALANCE_IN_PROGRESS) this.options.onAlive?.(this.options.client.settings.clock.monotonicMs() - askedMs);
    if (errorCode !== ErrorCode.NONE) throw new ProtocolError(errorCode);
  }

  /** A join waits for the others on a connection that nothing else can use meanwhile; heartbeats on another one keep the session, and are the proof of it. Ends with the call of what is returned. */
  private beatWhileJoining(nodeId: BrokerId): () => void {
    const { client, groupId, onAlive } = this.options;
    if (onAlive === undefined || this.memberId === '' || this.generationId === NO_GENERATION) return () => undefined;
    const request = { groupId, generationId: this.generationId, memberId: this.memberId, groupInstanceId: this.options.groupInstanceId ?? null };
    let isOver = false;
    const beat = async (): Promise<void> => {
      for (;;) {
        await this.pauseInBackground(this.heartbeatMs);
        if (isOver || this.isClosed) return;
        const askedMs = this.options.client.settings.clock.monotonicMs();
        const { errorCode } = await client.request(nodeId, Heartbeat, () => request, { timeoutMs: this.sessionTimeoutMs });
        if (isOver || (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.REBALANCE_IN_PROGRESS)) return;
        onAlive(this.options.client.settings.clock.monotonicMs() - askedMs);
      }
    };
    beat().catch((error: unknown) => client.settings.logger.debug({ groupId, reason: errorMessage(error) }, 'no heartbeat while joining'));
    return () => void (isOver = true);
  }

  private async coordinator(): Promise<BrokerId> {
    const { client, groupId } = this.options;
    const nodeId = await client.coordinator(groupId);
    if (!this.hasCoordinator) {
      this.hasCoordinator = true;
      this.options.onCoordinatorFound?.(nodeId);
    }
    return nodeId;
  }

  private coordinatorLost(error: unknown): void {
    this.options.client.forgetCoordinator(this.options.groupId);
    if (!this.hasCoordinator) return;
    this.hasCoordinator = false;
    this.options.onCoordinatorLost?.(error instanceof Error ? error : new OperationalError('COORDINATOR_LOST', String(error)));
  }

  private async untilRejoin(): Promise<void> {
    while (!this.isRejoinNeeded && this.isActive && !this.isClosed && !this.options.client.isClosed) await this.woken();
  }

  private lost(error: unknown): void {
    this.lostBy = error instanceof Error ? error : new Error(String(error));
    if (!hasCode(error, 'KAFKA_ILLEGAL_GENERATION')) this.memberId = '';
    this.needRejoin();
  }

  private needRejoin(): void {
    this.isRejoinNeeded = true;
    this.wake();
  }

  private failed(error: unknown): void {
    this.state = 'closed';
    this.isClosed = true;
    this.heartbeatRun += 1;
    this.options.onFailed(error instanceof Error ? error : new Error(String(error)));
  }

  private reset(memberId: string): void {
    this.memberId = memberId;
    this.generationId = NO_GENERATION;
    this.heartbeatRun += 1;
  }

  private get joinTimeoutMs(): number {
    return Math.max(this.options.client.settings.requestTimeoutMs, this.rebalanceTimeoutMs + 5000);
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => this.wakers.push(resolve));
  }

  private wake(): void {
    for (const wake of this.wakers.splice(0)) wake();
  }

  private async pause(delayMs: number): Promise<void> {
    await Promise.race([this.options.client.pause(delayMs), this.woken()]);
  }

  private pauseInBackground(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.options.client.settings.scheduler.after(delayMs, resolve));
  }
}
