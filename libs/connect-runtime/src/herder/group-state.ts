import { errorMessage, type Clock, type Logger } from '@millrace/foundation';
import { IncrementalAssignor } from '../group/assignor.js';
import {
  CONFIG_MISMATCH,
  CONNECT_PROTOCOLS,
  decodeAssignment,
  decodeMetadata,
  encodeAssignment,
  encodeMetadata,
  isEmpty,
  NO_WORK,
  type ConnectAssignment,
} from '../group/connect-protocol.js';
import type { AssignedRound, AssignmentRound, GroupMembership, MembershipEvents } from '../group/group-membership.js';
import { eagerAssignment } from '../group/eager-assignment.js';
import { WorkSet } from '../group/work-set.js';
import { machineMs, WorkerLease } from '../isolation/worker-lease.js';
import type { ConfigStore } from '../stores/config-store.js';
import { LATE, within } from '../waiting.js';
import { ClusterView } from './cluster-view.js';
import type { Away } from './worker-health.js';
import { RebalanceTimes } from './rebalance-times.js';

export interface GroupStateOptions {
  readonly membership: GroupMembership;
  readonly configs: ConfigStore;
  readonly advertisedUrl: string;
  readonly scheduledRebalanceMaxDelayMs: number;
  readonly syncTimeoutMs: number;
  readonly unsyncBackoffMs: number;
  readonly sessionTimeoutMs: number;
  /** The setting connect.protocol. */
  readonly protocol: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Stops what is revoked; the rest runs on. */
  readonly stopWork: (work: WorkSet) => Promise<void>;
  /** The assignment has changed: start what is missing. */
  readonly onAssigned: () => Promise<void>;
  readonly onLost: () => Promise<void>;
  /** For tasks: the worker has its place until then; -Infinity when it has lost it. */
  readonly onLease: (untilMs: number) => void;
}

/** The setting connect.protocol: the newest protocol that a worker takes part in; older ones are always offered as well. */
const VERSION_MAX: Readonly<Record<string, number>> = { eager: 0, compatible: 1, sessioned: 2 };

/** This worker's place in the cluster: what is assigned to it, who leads, and the rounds of its protocol. */
export class GroupState implements MembershipEvents {
  /** What this worker is to run. */
  assigned = new WorkSet();
  generation = -1;
  memberId = '';
  leaderId = '';
  leaderUrl: string | undefined;
  /** On the leader only. */
  view: ClusterView | undefined;
  /** Of the protocol of the last round; internal requests are signed from 2 on. */
  protocolVersion: number;
  readonly lease = new WorkerLease(-Infinity);
  readonly rebalances: RebalanceTimes;
  private readonly assignor: IncrementalAssignor;
  private lastRound: ConnectAssignment | undefined;
  private lastCompletedGeneration = -1;
  private rejoinTimer: NodeJS.Timeout | undefined;
  private isSettled = false;
  private isReadyOnce = false;
  private trouble: Away | undefined;
  private waiters: ((isSettled: boolean) => void)[] = [];
  private isStopped = false;

  constructor(private readonly options: GroupStateOptions) {
    this.assignor = new IncrementalAssignor(options.scheduledRebalanceMaxDelayMs);
    this.protocolVersion = VERSION_MAX[options.protocol] ?? 2;
    this.rebalances = new RebalanceTimes(options.clock);
  }

  get isLeader(): boolean {
    return this.memberId !== '' && this.memberId === this.leaderId;
  }

  get protocolName(): string {
    return CONNECT_PROTOCOLS.find((it) => it.version === this.protocolVersion)?.name ?? '';
  }

  start(): void {
    this.options.membership.start(this);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.rejoinTimer);
    await this.options.membership.stop();
    clearTimeout(this.rejoinTimer);
    this.isSettled = false;
    for (const waiter of this.waiters.splice(0)) waiter(false);
  }

  /** The set of connectors or tasks has changed: the group shares the work anew. */
  requestRejoin(): void {
    this.isSettled = false;
    this.options.membership.requestRejoin();
  }

  /** Resolves true when this worker has an assignment that is not about to change, false after the time given. */
  async settled(timeoutMs: number): Promise<boolean> {
    if (this.isSettled && this.lease.isValid) return true;
    if (this.isStopped) return false;
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.waiters.push((isSettled) => {
        clearTimeout(timer);
        resolve(isSettled);
      });
    });
  }

  protocols(): readonly { name: string; metadata: Uint8Array }[] {
    this.isSettled = false;
    this.rebalances.begin();
    const { advertisedUrl, configs } = this.options;
    const work = this.assigned.toWork();
    const assignment = this.lastRound === undefined ? null : { ...this.lastRound, assigned: work, revoked: NO_WORK, delayMs: 0, error: 0 };
    return CONNECT_PROTOCOLS.filter((it) => it.version <= (VERSION_MAX[this.options.protocol] ?? 2)).map(({ name, version }) => ({ name, metadata: encodeMetadata(version, { url: advertisedUrl, configOffset: configs.state.offset, assignment }) }));
  }

  async assign(round: AssignmentRound): Promise<ReadonlyMap<string, Uint8Array>> {
    const { configs, clock, logger } = this.options;
    const metadata = new Map(round.members.map((it) => [it.memberId, decodeMetadata(it.metadata)]));
    const version = CONNECT_PROTOCOLS.find((it) => it.name === round.protocol)?.version ?? 2;
    const offset = Math.max(...[...metadata.values()].map((it) => it.configOffset));
    if (configs.state.offset < offset) await configs.readToEnd();
    const isBehind = configs.state.offset < offset;
    const base = { version, leader: round.leaderId, leaderUrl: metadata.get(round.leaderId)?.url ?? this.options.advertisedUrl, configOffset: isBehind ? offset : configs.state.offset };
    if (isBehind) {
      logger.warn({ offset, ownOffset: configs.state.offset }, 'the leader is behind on the config topic: nothing is assigned in this round');
      return new Map([...metadata.keys()].map((member) => [member, encodeAssignment({ ...base, error: CONFIG_MISMATCH, assigned: NO_WORK, revoked: NO_WORK, delayMs: 0 })]));
    }
    const urls = new Map([...metadata].map(([member, it]) => [member, it.url]));
    if (version === 0) {
      const shares = eagerAssignment(configs.state.work(), [...metadata.keys()]);
      this.view = new ClusterView(urls, shares);
      return new Map([...shares].map(([member, assigned]) => [member, encodeAssignment({ ...base, error: 0, assigned, revoked: NO_WORK, delayMs: 0 })]));
    }
    const result = this.assignor.assign({
      nowMs: clock.nowMs(),
      configured: configs.state.work(),
      generation: round.generation,
      lastCompletedGeneration: this.lastCompletedGeneration,
      members: new Map([...metadata].map(([member, it]) => [member, it.assignment?.assigned ?? NO_WORK])),
    });
    this.view = new ClusterView(urls, result.next);
    return new Map([...result.changes].map(([member, change]) => [member, encodeAssignment({ ...base, error: 0, ...change, delayMs: result.delayMs })]));
  }

  async onAssigned(round: AssignedRound): Promise<void> {
    const { logger, membership } = this.options;
    const assignment = decodeAssignment(round.assignment);
    clearTimeout(this.rejoinTimer);
    this.memberId = round.memberId;
    this.generation = round.generation;
    this.leaderId = assignment.leader;
    this.leaderUrl = assignment.leaderUrl;
    this.lastCompletedGeneration = round.generation;
    this.lastRound = assignment;
    this.rebalances.end();
    if (!this.isLeader) this.view = undefined;
    this.noteProtocol(round.protocol);
    if (!(await this.hasConfigsUpTo(assignment.configOffset))) return await this.stayOut();
    if (assignment.error !== 0) {
      logger.warn({ generation: round.generation, configOffset: assignment.configOffset }, 'nothing was assigned in this round: its leader was behind on the config topic; joining again');
      return membership.requestRejoin();
    }
    const isEager = this.protocolVersion === 0;
    const revoked = isEager ? this.assigned.minus(WorkSet.of(assignment.assigned)) : WorkSet.of(assignment.revoked);
    this.assigned.remove(revoked).add(assignment.assigned);
    logger.info(
      { generation: round.generation, leader: this.isLeader, started: assignment.assigned.connectors.length + assignment.assigned.tasks.length, revoked: assignment.revoked.connectors.length + assignment.revoked.tasks.length, delayMs: assignment.delayMs },
      'the group has a new assignment',
    );
    if (!revoked.isEmpty) await this.options.stopWork(revoked);
    await this.options.onAssigned();
    if (!isEager && !isEmpty(assignment.revoked)) membership.requestRejoin();
    else this.settle();
    if (assignment.delayMs > 0 && !this.isStopped) this.rejoinTimer = setTimeout(() => membership.requestRejoin(), assignment.delayMs);
  }

  /** In the eager protocol everything is revoked from everybody before it is assigned anew. */
  async onRejoin(): Promise<void> {
    if (this.protocolVersion !== 0 || this.assigned.isEmpty) return;
    const all = this.assigned;
    this.assigned = new WorkSet();
    await this.options.stopWork(all);
  }

  onUnreachable(reason: Error): void {
    this.trouble ??= { sinceMs: machineMs(), reason: `the coordinator of its group cannot be reached: ${errorMessage(reason)}` };
  }

  /** It has had an assignment since its start. */
  get hasStarted(): boolean {
    return this.isReadyOnce;
  }

  /** Since when this worker has no place in its group, or hears nothing of it. */
  get away(): Away | undefined {
    if (this.trouble !== undefined || this.lease.isValid) return this.trouble;
    return { sinceMs: this.lease.until, reason: 'it has not heard from its group for a session timeout' };
  }

  onAlive(ageMs: number): void {
    this.trouble = undefined;
    this.lease.renew(machineMs() - ageMs + this.options.sessionTimeoutMs);
    this.options.onLease(this.lease.until);
    if (this.isSettled) this.settle();
  }

  async onLost(): Promise<void> {
    clearTimeout(this.rejoinTimer);
    this.isSettled = false;
    this.trouble ??= { sinceMs: machineMs(), reason: 'it has lost its place in its group' };
    this.lease.end();
    this.options.onLease(-Infinity);
    this.assigned = new WorkSet();
    this.lastRound = undefined;
    this.view = undefined;
    this.leaderId = '';
    this.leaderUrl = undefined;
    await this.options.onLost();
  }

  private noteProtocol(name: string): void {
    const version = CONNECT_PROTOCOLS.find((it) => it.name === name)?.version ?? 2;
    if (version === this.protocolVersion) return;
    this.options.logger.warn({ protocol: name, isSigned: version >= 2 }, 'the group has changed its protocol: requests between workers are signed in the protocol sessioned only');
    this.protocolVersion = version;
  }

  /** A worker that cannot read the config topic would hold up everybody with each round: it leaves until it can. */
  private async stayOut(): Promise<void> {
    const { logger, membership, configs, unsyncBackoffMs } = this.options;
    logger.warn({ ownOffset: configs.state.offset, backoffMs: unsyncBackoffMs }, 'this worker is behind on the config topic and cannot catch up: it leaves the group for a while');
    await membership.leave('taking too long to read the config topic');
    await this.onLost();
    if (this.isStopped) return;
    const comeBack = async (): Promise<void> => {
      if (this.isStopped) return;
      if (await this.canReadConfigs()) membership.requestRejoin();
      else if (!this.isStopped) this.rejoinTimer = setTimeout(() => void comeBack(), unsyncBackoffMs);
    };
    this.rejoinTimer = setTimeout(() => void comeBack(), unsyncBackoffMs);
  }

  private async hasConfigsUpTo(offset: number): Promise<boolean> {
    const { configs } = this.options;
    if (configs.state.offset >= offset) return true;
    await this.canReadConfigs();
    return configs.state.offset >= offset;
  }

  private async canReadConfigs(): Promise<boolean> {
    const { configs, syncTimeoutMs, logger } = this.options;
    try {
      return (await within(syncTimeoutMs, configs.readToEnd())) !== LATE;
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, 'the config topic could not be read');
      return false;
    }
  }

  private settle(): void {
    this.isSettled = true;
    this.isReadyOnce = true;
    for (const waiter of this.waiters.splice(0)) waiter(true);
  }
}
