import { errorMessage, type BrokerEpoch, type BrokerId, type Logger, type Scheduled, type Scheduler, type Uuid } from '@millrace/foundation';
import type { IsrProposal } from '@millrace/partition';
import { ErrorCode, errorName, type AlterPartitionRequestInput, type AlterPartitionResponse } from '@millrace/protocol';
import type { HostedPartition } from './hosted-partition.js';

const RETRY_MS = 50;

export interface IsrProposalsOptions {
  readonly brokerId: BrokerId;
  readonly brokerEpoch: () => BrokerEpoch;
  /** Sends it to the active controller. Rejects when there is none in time. */
  readonly alterPartition: (request: AlterPartitionRequestInput) => Promise<AlterPartitionResponse>;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

interface OpenProposal {
  readonly proposal: IsrProposal;
  /** Of the in-sync replicas, when it was made: the metadata may tell of the change before the answer does. */
  readonly sizeBefore: number;
}

/**
 * The in-sync replicas that the partitions of this broker propose, on their way to the controller: what comes up together goes together, one request at a time, again until
 * there is an answer. A partition whose leadership has changed meanwhile is no longer asked for.
 */
export class IsrProposals {
  readonly counts = { shrinks: 0, expands: 0, failed: 0 };
  private readonly open = new Map<HostedPartition, OpenProposal>();
  private isUnderWay = false;
  private isStopped = false;
  private retry: Scheduled | undefined;

  constructor(private readonly options: IsrProposalsOptions) {}

  submit(hosted: HostedPartition, proposal: IsrProposal): void {
    if (this.isStopped) return;
    this.open.set(hosted, { proposal, sizeBefore: hosted.machine.isr.committed.length });
    if (this.isUnderWay || this.retry !== undefined) return;
    this.isUnderWay = true;
    queueMicrotask(() => void this.send());
  }

  stop(): void {
    this.isStopped = true;
    this.retry?.cancel();
    this.open.clear();
  }

  private async send(): Promise<void> {
    for (const [hosted, { proposal }] of this.open) if (hosted.machine.isr.pending?.proposal !== proposal) this.open.delete(hosted);
    const sent = new Map(this.open);
    if (sent.size === 0 || this.isStopped) {
      this.isUnderWay = false;
      return;
    }
    let mustWait = true;
    try {
      mustWait = this.take(sent, await this.options.alterPartition(this.requestOf(sent)));
    } catch (error) {
      this.options.logger.warn({ partitions: sent.size, error: errorMessage(error) }, 'the controller cannot be asked to change in-sync replicas; it is tried again');
    }
    this.isUnderWay = false;
    if (this.open.size === 0 || this.isStopped) return;
    this.isUnderWay = true;
    if (!mustWait) void this.send();
    else {
      this.retry = this.options.scheduler.after(RETRY_MS, () => {
        this.retry = undefined;
        void this.send();
      });
    }
  }

  /** True: the controller did not take all of it as it was, so ask again after a pause only. */
  private take(sent: ReadonlyMap<HostedPartition, OpenProposal>, response: AlterPartitionResponse): boolean {
    if (response.errorCode !== ErrorCode.NONE) {
      this.options.logger.warn({ partitions: sent.size, error: errorName(response.errorCode) }, 'the controller refused to change in-sync replicas; it is tried again');
      return true;
    }
    const answers = new Map<Uuid, Map<number, AlterPartitionResponse.Partition>>();
    for (const topic of response.topics) answers.set(topic.topicId, new Map(topic.partitions.map((it) => [it.partitionIndex, it])));
    let mustWait = false;
    for (const [hosted, open] of sent) {
      const answer = answers.get(hosted.topicId)?.get(hosted.partition);
      if (answer === undefined) mustWait = true;
      else if (this.settle(hosted, open, answer)) mustWait = true;
    }
    return mustWait;
  }

  private settle(hosted: HostedPartition, open: OpenProposal, answer: AlterPartitionResponse.Partition): boolean {
    const { proposal, sizeBefore } = open;
    if (this.open.get(hosted) === open) this.open.delete(hosted);
    const { logger } = this.options;
    const { topic, partition } = hosted;
    if (answer.errorCode === ErrorCode.NONE) {
      hosted.isrCommitted(proposal, answer);
      if (answer.isr.length < sizeBefore) this.counts.shrinks += 1;
      else if (answer.isr.length > sizeBefore) this.counts.expands += 1;
      logger.info({ topic, partition, isr: answer.isr, partitionEpoch: answer.partitionEpoch }, 'in-sync replicas changed');
      return false;
    }
    const error = errorName(answer.errorCode);
    this.counts.failed += 1;
    logger.info({ topic, partition, isr: proposal.isr.map((it) => it.brokerId), error }, 'proposed in-sync replicas were refused');
    hosted.isrRefused(proposal, error);
    return this.open.has(hosted);
  }

  private requestOf(sent: ReadonlyMap<HostedPartition, OpenProposal>): AlterPartitionRequestInput {
    const topics = new Map<Uuid, AlterPartitionRequestInput.Partition[]>();
    for (const [hosted, { proposal }] of sent) {
      let partitions = topics.get(hosted.topicId);
      if (partitions === undefined) topics.set(hosted.topicId, (partitions = []));
      const { leaderEpoch, partitionEpoch, isr } = proposal;
      partitions.push({ partitionIndex: hosted.partition, leaderEpoch, partitionEpoch, newIsrWithEpochs: isr });
    }
    return { brokerId: this.options.brokerId, brokerEpoch: this.options.brokerEpoch(), topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })) };
  }
}
