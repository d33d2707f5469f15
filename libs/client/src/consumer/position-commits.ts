import { errorMessage, hasCode, OperationalError, topicPartitionName, type Offset, type TopicPartition } from '@millrace/foundation';
import type { KafkaClient } from '../cluster/kafka-client.js';
import type { Assignment } from './assignment.js';
import { commitFailed, commitOffsets, isCommitFenced, NO_MEMBER, type CommittedOffset, type Committer } from './committed-offsets.js';
import type { ConsumerGroup } from './consumer-group.js';
import type { ResolvedConsumerSettings } from './consumer-options.js';

export interface PositionCommitsOptions {
  readonly client: KafkaClient;
  readonly settings: ResolvedConsumerSettings;
  readonly assignment: Assignment;
  /** The group that this consumer is a member of; none when it reads what it was told to. */
  readonly group: () => ConsumerGroup | undefined;
}

/** Commits how far the application has come: when it says so, and by itself (`enable.auto.commit`). */
export class PositionCommits {
  private readonly lastCommitted = new Map<string, Offset>();
  private nextMs = 0;
  private underWay: Promise<void> | undefined;

  constructor(private readonly options: PositionCommitsOptions) {
    this.postpone();
  }

  /** Rejects with COMMIT_FAILED when this is no longer a member in its generation. */
  async commit(offsets: readonly CommittedOffset[] = this.positions(), timeoutMs = this.options.client.settings.apiTimeoutMs): Promise<void> {
    const { client } = this.options;
    const deadlineMs = this.nowMs() + timeoutMs;
    for (;;) {
      const committer = this.committer();
      try {
        await commitOffsets(client, this.groupId, offsets, committer, deadlineMs - this.nowMs());
        break;
      } catch (error) {
        if (!isCommitFenced(error)) throw error;
        const group = this.options.group();
        if (group === undefined || !group.isCooperative || !this.isPassing(error, committer, group) || !this.holds(offsets) || this.nowMs() >= deadlineMs) {
          group?.member.refused(error, committer.generationId);
          throw commitFailed(error);
        }
        await client.pause(client.settings.retryBackoffMs);
      }
    }
    for (const it of offsets) this.lastCommitted.set(topicPartitionName(it), it.offset);
  }

  /** When its time has come; does not wait for it. */
  auto(): void {
    const { settings, assignment } = this.options;
    if (!settings.enableAutoCommit || assignment.size === 0 || this.nowMs() < this.nextMs || this.underWay !== undefined) return;
    this.postpone();
    this.underWay = this.quietly().finally(() => (this.underWay = undefined));
  }

  /** The next one by itself comes after a whole interval. */
  postpone(): void {
    this.nextMs = this.nowMs() + this.options.settings.autoCommitIntervalMs;
  }

  /** What changed since the last commit; a failure is only logged. */
  async quietly(partitions?: readonly TopicPartition[]): Promise<void> {
    const changed = this.positions(partitions).filter((it) => this.lastCommitted.get(topicPartitionName(it)) !== it.offset);
    if (changed.length === 0) return;
    try {
      await this.commit(changed);
    } catch (error) {
      this.options.client.settings.logger.warn({ groupId: this.options.settings.groupId, reason: errorMessage(error) }, 'offsets could not be committed');
    }
  }

  forget(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.lastCommitted.delete(topicPartitionName(it));
  }

  /** Throws INVALID_STATE without a group id. */
  get groupId(): string {
    const { groupId } = this.options.settings;
    if (groupId === undefined) throw new OperationalError('INVALID_STATE', 'To use the group management or offset commit APIs, you must provide a valid group.id in the consumer configuration.');
    return groupId;
  }

  private positions(partitions?: readonly TopicPartition[]): CommittedOffset[] {
    const { assignment } = this.options;
    const chosen = partitions?.flatMap((it) => assignment.byName.get(topicPartitionName(it)) ?? []) ?? [...assignment.partitions];
    return chosen.filter((it) => it.position >= 0).map(({ topic, partition, position }) => ({ topic, partition, offset: position, leaderEpoch: -1, metadata: '' }));
  }

  private committer(): Committer {
    const group = this.options.group();
    if (group === undefined) return NO_MEMBER;
    // Without a generation the broker would take this for a commit from outside the group.
    if (group.member.generationId < 0) throw commitFailed(undefined);
    return group.committer;
  }

  /** Partitions that stay are committed in the next generation as well: the group is between two. */
  private isPassing(error: unknown, { generationId }: Committer, { member }: ConsumerGroup): boolean {
    if (hasCode(error, 'KAFKA_REBALANCE_IN_PROGRESS')) return true;
    return hasCode(error, 'KAFKA_ILLEGAL_GENERATION') && (member.state === 'joining' || member.generationId !== generationId);
  }

  private holds(offsets: readonly TopicPartition[]): boolean {
    return offsets.every((it) => this.options.assignment.has(it));
  }

  private nowMs(): number {
    return this.options.client.settings.clock.monotonicMs();
  }
}
