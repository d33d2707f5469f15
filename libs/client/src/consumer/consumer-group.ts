import { OperationalError, topicPartitionName, type Scheduled, type TopicPartition } from '@millrace/foundation';
import type { KafkaClient } from '../cluster/kafka-client.js';
import { GroupMember, type AssignmentRound } from '../group/group-member.js';
import type { Assignor, MemberAssignment } from './assignors.js';
import type { Committer } from './committed-offsets.js';
import type { ResolvedConsumerSettings } from './consumer-options.js';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.js';
import { type Subscribed } from './subscribed.js';

export interface ConsumerGroupOptions {
  readonly client: KafkaClient;
  readonly settings: ResolvedConsumerSettings;
  readonly groupId: string;
  /** What the consumer reads now. */
  readonly owned: () => readonly TopicPartition[];
  /** These three run within `poll`, one at a time. `added`: what it did not have before. */
  readonly onAssigned: (all: readonly TopicPartition[], added: readonly TopicPartition[]) => void | Promise<void>;
  readonly onRevoked: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  /** All that it reads. */
  readonly onLost: () => void | Promise<void>;
  /** A step waits for the next poll. */
  readonly onNews: () => void;
}

interface Step {
  readonly run: () => void | Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A consumer's side of its group: what it subscribes to, the assignment when it leads, and the steps of a rebalance, which wait for the
 * application's next poll so that nothing is taken from it while it works.
 */
export class ConsumerGroup {
  readonly member: GroupMember;
  /** Partitions are kept while the group is joined again; only what another member is to get is revoked, and then the group is joined once more (KIP-429). */
  readonly isCooperative: boolean;
  failure: Error | undefined;
  private readonly steps: Step[] = [];
  private subscribed: Subscribed;
  private ledCounts: string | undefined;
  private allTopics: ReadonlySet<string> = new Set();
  private readonly forgetMetadata: () => void;
  private last: MemberAssignment | undefined;
  private lookForTopics: Scheduled | undefined;
  private isClosed = false;
  private memberUntilMs = -Infinity;

  constructor(private readonly options: ConsumerGroupOptions, subscribed: Subscribed) {
    this.subscribed = subscribed;
    const { client, settings, groupId } = options;
    this.isCooperative = settings.assignors.every((it) => it.isCooperative === true);
    this.member = new GroupMember({
      client,
      groupId,
      protocolType: 'consumer',
      groupInstanceId: settings.groupInstanceId,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      rebalanceTimeoutMs: settings.maxPollIntervalMs,
      heartbeatMs: settings.heartbeatIntervalMs,
      protocols: () => settings.assignors.map((it) => ({ name: it.name, metadata: this.subscription(it) })),
      performAssignment: (round) => this.assign(round),
      onRevoked: () => this.beforeRejoin(),
      onLost: () => this.lost(),
      onExpired: () => this.lost(),
      onAlive: (ageMs) => {
        this.memberUntilMs = client.settings.clock.monotonicMs() - ageMs + settings.sessionTimeoutMs;
      },
      onAssigned: ({ bytes, isLeader, generationId }) => {
        if (!isLeader) this.ledCounts = undefined;
        return this.atNextPoll(() => this.takeOver(decodeAssignment(bytes), generationId));
      },
      onFailed: (error) => {
        this.failure = error;
        this.options.onNews();
      },
    });
    this.forgetMetadata = client.onMetadata(() => this.metadataChanged());
  }

  /** Whether the coordinator surely counts this member in: it said so less than a session timeout ago. */
  get isSurelyMember(): boolean {
    return this.options.client.settings.clock.monotonicMs() < this.memberUntilMs;
  }

  get committer(): Committer {
    return { generationId: this.member.generationId, memberId: this.member.memberId, groupInstanceId: this.options.settings.groupInstanceId };
  }

  subscribe(subscribed: Subscribed): void {
    const before = this.subscribed.topics.join();
    this.subscribed = subscribed;
    if (subscribed.topics.join() !== before) this.member.requestRejoin('the subscription changed');
    else this.member.start();
  }

  /** Runs what waits for a poll. */
  async serve(): Promise<void> {
    for (let step = this.steps.shift(); step !== undefined; step = this.steps.shift()) {
      try {
        await step.run();
        step.resolve();
      } catch (error) {
        step.reject(error);
        throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.forgetMetadata();
    this.lookForTopics?.cancel();
    const closed = this.member.close();
    for (const step of this.steps.splice(0)) step.resolve();
    await closed;
  }

  private subscription(assignor: Assignor): Uint8Array {
    return encodeSubscription({ topics: this.subscribed.topics, ownedPartitions: this.options.owned(), generationId: this.member.generationId, userData: assignor.userData?.(this.last) ?? null });
  }

  private async beforeRejoin(): Promise<void> {
    if (this.leaving().length > 0) await this.atNextPoll(() => this.options.onRevoked(this.leaving()));
  }

  /** What must be revoked before the group is joined again. */
  private leaving(): readonly TopicPartition[] {
    return this.isCooperative ? this.options.owned().filter((it) => !this.subscribed.topics.includes(it.topic)) : this.options.owned();
  }

  private async lost(): Promise<void> {
    if (this.options.owned().length > 0) await this.atNextPoll(() => this.options.onLost());
  }

  private async takeOver(assigned: readonly TopicPartition[], generationId: number): Promise<void> {
    // The group was left while this waited for a poll.
    if (generationId !== this.member.generationId) return;
    const given = new Set(assigned.map(topicPartitionName));
    const revoked = this.options.owned().filter((it) => !given.has(topicPartitionName(it)));
    if (revoked.length > 0) {
      await this.options.onRevoked(revoked);
      this.member.requestRejoin('others may have what was revoked');
    }
    this.last = { partitions: assigned, generationId };
    const owned = new Set(this.options.owned().map(topicPartitionName));
    await this.options.onAssigned(assigned, assigned.filter((it) => !owned.has(topicPartitionName(it))));
  }

  private atNextPoll(run: () => void | Promise<void>): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.steps.push({ run, resolve, reject });
      this.options.onNews();
    });
  }

  private async assign(round: AssignmentRound): Promise<Map<string, Uint8Array>> {
    const assignor = this.options.settings.assignors.find((it) => it.name === round.protocol);
    if (assignor === undefined) throw new OperationalError('GROUP_PROTOCOL', `the group chose the assignor ${round.protocol}, which this consumer has not got`);
    const members = round.members.map(({ memberId, groupInstanceId, metadata }) => ({ memberId, groupInstanceId, ...decodeSubscription(metadata) }));
    this.allTopics = new Set(members.flatMap((it) => it.topics));
    this.options.client.trackTopics(this.allTopics);
    await this.options.client.retrying(() => this.options.client.refreshMetadata(), this.options.settings.maxPollIntervalMs);
    const counts = this.partitionCounts();
    this.ledCounts = JSON.stringify([...counts]);
    const shares = assignor.assign(members, counts);
    return new Map([...shares].map(([memberId, partitions]) => [memberId, encodeAssignment(partitions)]));
  }

  private partitionCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const name of [...this.allTopics].sort()) {
      const count = this.options.client.metadata.topics.get(name)?.partitions.length ?? 0;
      if (count > 0) counts.set(name, count);
    }
    return counts;
  }

  /** New topics for a pattern, and for the leader new partitions, are reasons to assign again. */
  private metadataChanged(): void {
    if (this.isClosed || this.failure !== undefined) return;
    this.waitForTopics();
    if (this.subscribed.update(this.options.client.metadata.topics)) this.member.requestRejoin('topics changed');
    else if (this.ledCounts !== undefined && this.member.state === 'stable' && JSON.stringify([...this.partitionCounts()]) !== this.ledCounts) {
      this.ledCounts = undefined;
      this.member.requestRejoin('partitions changed');
    }
  }

  /** Metadata grows old in minutes: that is too long to wait for a topic that is yet to be made. */
  private waitForTopics(): void {
    const { client } = this.options;
    this.lookForTopics?.cancel();
    if (this.subscribed.topics.some((it) => !client.metadata.topics.get(it)?.partitions.length)) this.lookForTopics = client.settings.scheduler.after(client.settings.retryBackoffMaxMs, () => client.requestRefresh());
  }
}
