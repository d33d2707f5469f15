import { errorMessage, hasCode, isRetriable, OperationalError, topicPartitionName } from '@millrace/foundation';
import type { KafkaClient } from '../cluster/kafka-client.js';
import type { AssignedPartition } from './assigned-partition.js';
import { fetchCommitted } from './committed-offsets.js';
import type { ResolvedConsumerSettings } from './consumer-options.js';
import { lookUpOffsets, OFFSET_AT } from './offset-lookup.js';

/** Finds where partitions without a position begin: the group's commit, else what `auto.offset.reset` says. */
export class PositionFinder {
  constructor(
    private readonly client: KafkaClient,
    private readonly settings: ResolvedConsumerSettings,
    private readonly onNews: () => void,
  ) {}

  /** Starts what is missing; a failure that may pass is tried again by the next call. */
  find(partitions: Iterable<AssignedPartition>): void {
    const nowMs = this.client.settings.clock.monotonicMs();
    const open = [...partitions].filter((it) => it.position < 0 && !it.isLocating && it.error === undefined && it.notBeforeMs <= nowMs);
    if (open.length === 0) return;
    for (const it of open) it.isLocating = true;
    void this.locate(open);
  }

  private async locate(open: readonly AssignedPartition[]): Promise<void> {
    const epochs = new Map(open.map((it) => [it, it.epoch]));
    // A partition that was sought or taken away meanwhile is no business of this call any more.
    const current = (): AssignedPartition[] => open.filter((it) => it.epoch === epochs.get(it) && it.position < 0);
    try {
      await this.fromCommits(current().filter((it) => it.resetTo === undefined), epochs);
      await this.fromLog(current().filter((it) => it.resetTo !== undefined), epochs);
    } catch (error) {
      if (this.client.isClosed) return;
      this.client.settings.logger.warn({ reason: errorMessage(error) }, 'positions could not be found');
      for (const it of current()) {
        if (isRetriable(error)) it.notBeforeMs = this.client.settings.clock.monotonicMs() + this.client.settings.retryBackoffMs;
        else it.error = error instanceof Error ? error : new Error(String(error));
      }
    } finally {
      for (const it of open) if (it.epoch === epochs.get(it)) it.isLocating = false;
      this.onNews();
    }
  }

  private async fromCommits(partitions: readonly AssignedPartition[], epochs: Map<AssignedPartition, number>): Promise<void> {
    if (partitions.length === 0) return;
    const { groupId } = this.settings;
    const committed = groupId === undefined ? [] : await fetchCommitted(this.client, groupId, partitions);
    const offsets = new Map(committed.map((it) => [topicPartitionName(it), it.offset]));
    for (const it of partitions) {
      if (it.epoch !== epochs.get(it)) continue;
      const offset = offsets.get(topicPartitionName(it));
      if (offset !== undefined) it.seek(offset);
      else if (this.settings.autoOffsetReset === 'none') it.error = new OperationalError('NO_OFFSET', `no offset is committed for ${topicPartitionName(it)} and auto.offset.reset is none`);
      else it.resetTo = this.settings.autoOffsetReset;
    }
  }

  private async fromLog(partitions: readonly AssignedPartition[], epochs: Map<AssignedPartition, number>): Promise<void> {
    if (partitions.length === 0) return;
    const questions = partitions.map((it) => ({ topic: it.topic, partition: it.partition, timestampMs: it.resetTo === 'earliest' ? OFFSET_AT.earliest : OFFSET_AT.latest }));
    const byName = new Map(partitions.map((it) => [topicPartitionName(it), it]));
    const options = { isolationLevel: this.settings.isolationLevel };
    const answers = await lookUpOffsets(this.client, questions, options).catch(async (error: unknown) => {
      // One partition that cannot be found must not hold up the others.
      if (questions.length === 1 || hasCode(error, 'CLIENT_CLOSED')) throw error;
      const each = await Promise.allSettled(questions.map((it) => lookUpOffsets(this.client, [it], { ...options, timeoutMs: 1000 })));
      return each.flatMap((it) => (it.status === 'fulfilled' ? it.value : []));
    });
    for (const answer of answers) {
      const it = byName.get(topicPartitionName(answer));
      if (it !== undefined && it.epoch === epochs.get(it) && answer.offset >= 0) it.seek(answer.offset);
    }
  }
}
