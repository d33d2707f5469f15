import { Consumer, stringSerializer } from '@millrace/client';
import { errorMessage, hasCode } from '@millrace/foundation';
import type { SeededRandom } from '@millrace/testkit';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import type { CommitAttempt, History } from './history.js';
import { SimulatedClient } from './simulated-client.js';

export interface GroupWorkloadOptions {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly history: History;
  readonly group: string;
  readonly topics: readonly string[];
  readonly members: number;
}

/** A consumer group whose members read, commit what they read, and come and go. */
export class GroupWorkload {
  private readonly members: GroupMemberLife[] = [];
  private readonly random: SeededRandom;
  private joined = 0;
  private isStopping = false;

  constructor(private readonly options: GroupWorkloadOptions) {
    this.random = options.world.chance(`workload of ${options.group}`);
  }

  start(): void {
    for (let i = 0; i < this.options.members; i++) this.join();
  }

  /** A member crashes, or leaves in order; another takes its place after a while. */
  disturb(): void {
    const member = this.random.pick(this.members);
    if (this.random.chance(0.5)) member.client.kill();
    else void member.leave();
    this.members.splice(this.members.indexOf(member), 1);
    this.options.world.loop.schedule(this.random.integer(5000), 'another member', () => (this.isStopping ? undefined : this.join()));
  }

  /** Resolves when every member has left. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.members.map((it) => it.leave()));
  }

  private join(): void {
    this.joined += 1;
    const client = new SimulatedClient(this.options.world, this.options.cluster, `${this.options.group}-member-${this.joined}`);
    this.members.push(new GroupMemberLife(client, this.options, this.random));
  }
}

/** One member's process. */
class GroupMemberLife {
  private readonly consumer: Consumer<string>;
  private isLeaving = false;
  private readonly ended: Promise<void>;

  constructor(readonly client: SimulatedClient, private readonly options: GroupWorkloadOptions, private readonly random: SeededRandom) {
    this.consumer = new Consumer({
      ...client.options(),
      groupId: options.group,
      enableAutoCommit: false,
      autoOffsetReset: 'earliest',
      sessionTimeoutMs: 6000,
      heartbeatIntervalMs: 1000,
      maxPollIntervalMs: 30_000,
      maxPollRecords: 1 + random.integer(200),
      keyDeserializer: stringSerializer,
    });
    this.ended = this.live();
  }

  async leave(): Promise<void> {
    this.isLeaving = true;
    if (this.client.isDead) return;
    await this.ended;
    await this.consumer.close({ timeoutMs: 10_000 });
    this.client.kill();
  }

  private async live(): Promise<void> {
    const { world, group, topics } = this.options;
    this.consumer.subscribe(topics, { onAssigned: (partitions) => this.assigned(partitions), onRevoked: () => undefined });
    while (!this.isLeaving) {
      try {
        await this.pollOnce();
      } catch (error) {
        if (this.client.isDead) return;
        if (!isExpected(error)) world.breach('consumers meet only failures that may be tried again', `${group}: ${error instanceof Error ? (error.stack ?? '') : errorMessage(error)}`);
      }
      await this.client.process.sleep(this.random.integer(this.random.chance(0.1) ? 1500 : 100));
    }
  }

  private assigned(partitions: readonly { readonly topic: string; readonly partition: number }[]): void {
    const { history, group, world } = this.options;
    const member = this.consumer['group']?.member;
    if (member === undefined) return;
    history.generation(group, member.memberId, member.generationId);
    for (const it of partitions) history.owns(group, member.generationId, it.topic, it.partition, member.memberId);
    world.journal.write(this.client.host, `generation ${member.generationId} owns ${partitions.map((it) => `${it.topic}-${it.partition}`).join(' ')}`);
  }

  private async pollOnce(): Promise<void> {
    const { history, group } = this.options;
    const records = await this.consumer.poll(300 + this.random.integer(700));
    for (const it of records) {
      history.read(`group ${group}`, it.topic, it.partition, Number(it.offset), it.key ?? '');
      history.consumes(group, it.topic, it.partition, Number(it.offset));
    }
    if (this.random.chance(0.4)) await this.commit();
  }

  private async commit(): Promise<void> {
    const { history, group, world } = this.options;
    const offsets = this.consumer.assignment.flatMap((it) => {
      const position = this.consumer.position(it);
      return position === undefined ? [] : [{ topic: it.topic, partition: it.partition, offset: position }];
    });
    if (offsets.length === 0) return;
    const attempts: CommitAttempt[] = offsets.map((it) => history.beginsCommit(group, it.topic, it.partition, Number(it.offset)));
    try {
      await this.consumer.commit(offsets);
    } catch (error) {
      // Refused for certain; any other failure leaves it open.
      if (hasCode(error, 'COMMIT_FAILED')) for (const it of attempts) it.endedAtMs = world.loop.nowMs;
      throw error;
    }
    for (const it of attempts) {
      it.isAcknowledged = true;
      it.endedAtMs = world.loop.nowMs;
    }
  }
}

function isExpected(error: unknown): boolean {
  return hasCode(error, 'COMMIT_FAILED') || hasCode(error, 'INVALID_STATE') || (error as { isRetriable?: unknown }).isRetriable === true;
}
