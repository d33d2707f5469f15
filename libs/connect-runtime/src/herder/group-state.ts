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
import { WorkSet } from '../group/work-set.js';
import type { ConfigStore } from '../stores/config-store.js';
import { ClusterView } from './cluster-view.js';

export interface GroupStateOptions {
  readonly membership: GroupMembership;
  readonly configs: ConfigStore;
  readonly advertisedUrl: string;
  readonly scheduledRebalanceMaxDelayMs: number;
  readonly syncTimeoutMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Stops what is given up; the rest runs on. */
  readonly stopWork: (work: WorkSet) => Promise<void>;
  /** The assignment has changed: start what is missing. */
  readonly onAssigned: () => Promise<void>;
  readonly onLost: () => Promise<void>;
}

const JOINABLE = CONNECT_PROTOCOLS.filter((it) => it.version >= 1);

/** This worker's place in the cluster: what is assigned to it, who leads, and the rounds of the sessioned protocol. */
export class GroupState implements MembershipEvents {
  /** What this worker is to run. */
  assigned = new WorkSet();
  generation = -1;
  memberId = '';
  leaderId = '';
  leaderUrl: string | undefined;
  /** On the leader only. */
  view: ClusterView | undefined;
  private readonly assignor: IncrementalAssignor;
  private lastRound: ConnectAssignment | undefined;
  private lastCompletedGeneration = -1;
  private rejoinTimer: NodeJS.Timeout | undefined;
  private isSettled = false;
  private waiters: (() => void)[] = [];

  constructor(private readonly options: GroupStateOptions) {
    this.assignor = new IncrementalAssignor(options.scheduledRebalanceMaxDelayMs);
  }

  get isLeader(): boolean {
    return this.memberId !== '' && this.memberId === this.leaderId;
  }

  start(): void {
    this.options.membership.start(this);
  }

  async stop(): Promise<void> {
    clearTimeout(this.rejoinTimer);
    await this.options.membership.stop();
    this.unsettle();
  }

  /** The set of connectors or tasks has changed: the group shares the work anew. */
  requestRejoin(): void {
    this.isSettled = false;
    this.options.membership.requestRejoin();
  }

  /** Resolves true when this worker has an assignment that is not about to change, false after the time given. */
  async settled(timeoutMs: number): Promise<boolean> {
    if (this.isSettled) return true;
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.waiters.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  protocols(): readonly { name: string; metadata: Uint8Array }[] {
    this.isSettled = false;
    const { advertisedUrl, configs } = this.options;
    const work = this.assigned.toWork();
    const assignment = this.lastRound === undefined ? null : { ...this.lastRound, assigned: work, revoked: NO_WORK, delayMs: 0, error: 0 };
    return JOINABLE.map(({ name, version }) => ({ name, metadata: encodeMetadata(version, { url: advertisedUrl, configOffset: configs.state.offset, assignment }) }));
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
    const result = this.assignor.assign({
      nowMs: clock.nowMs(),
      configured: configs.state.work(),
      generation: round.generation,
      lastCompletedGeneration: this.lastCompletedGeneration,
      members: new Map([...metadata].map(([member, it]) => [member, it.assignment?.assigned ?? NO_WORK])),
    });
    this.view = new ClusterView(new Map([...metadata].map(([member, it]) => [member, it.url])), result.next);
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
    if (!this.isLeader) this.view = undefined;
    if (assignment.error !== 0 || !(await this.hasConfigsUpTo(assignment.configOffset))) {
      logger.warn({ generation: round.generation, configOffset: assignment.configOffset, ownOffset: this.options.configs.state.offset }, 'configs are behind those of the group; joining again');
      await this.options.configs.readToEnd();
      return membership.requestRejoin();
    }
    const revoked = WorkSet.of(assignment.revoked);
    this.assigned.remove(revoked).add(assignment.assigned);
    logger.info(
      { generation: round.generation, leader: this.isLeader, started: assignment.assigned.connectors.length + assignment.assigned.tasks.length, revoked: assignment.revoked.connectors.length + assignment.revoked.tasks.length, delayMs: assignment.delayMs },
      'the group has a new assignment',
    );
    if (!revoked.isEmpty) await this.options.stopWork(revoked);
    await this.options.onAssigned();
    if (!isEmpty(assignment.revoked)) membership.requestRejoin();
    else this.settle();
    if (assignment.delayMs > 0) this.rejoinTimer = setTimeout(() => membership.requestRejoin(), assignment.delayMs);
  }

  async onLost(): Promise<void> {
    clearTimeout(this.rejoinTimer);
    this.isSettled = false;
    this.assigned = new WorkSet();
    this.lastRound = undefined;
    this.view = undefined;
    this.leaderId = '';
    this.leaderUrl = undefined;
    await this.options.onLost();
  }

  private async hasConfigsUpTo(offset: number): Promise<boolean> {
    const { configs, syncTimeoutMs, logger } = this.options;
    if (configs.state.offset >= offset) return true;
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, syncTimeoutMs).unref());
    try {
      await Promise.race([configs.readToEnd(), timeout]);
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, 'the config topic could not be read');
    }
    return configs.state.offset >= offset;
  }

  private settle(): void {
    this.isSettled = true;
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private unsettle(): void {
    this.isSettled = false;
  }
}
