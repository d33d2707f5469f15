import type { ConnectLogger, SinkTask, TopicPartition } from '@millrace/connect-api';
import type { RebalanceListener } from '@millrace/client';
import { topicPartitionName } from '@millrace/foundation';
import type { OneAtATime } from './one-at-a-time.js';
import type { SinkCommits } from './sink-commits.js';
import type { SinkDelivery } from './sink-delivery.js';
import type { SinkIntake } from './sink-intake.js';
import type { SinkQueue } from './sink-queue.js';
import type { TaskLife } from './task-life.js';

export interface SinkPartitionsOptions {
  readonly life: TaskLife;
  readonly task: SinkTask;
  readonly queue: SinkQueue;
  readonly intake: SinkIntake;
  readonly delivery: SinkDelivery;
  readonly commits: SinkCommits;
  readonly turn: OneAtATime;
  readonly logger: ConnectLogger;
}

/** What a sink task reads. It is asked to open and to close exactly what comes and goes; what stays is not touched. */
export class SinkPartitions implements RebalanceListener {
  assigned: readonly TopicPartition[] = [];
  /** The put under way is waited for; a batch that is to be tried again is not. */
  isRevoking = false;

  constructor(private readonly options: SinkPartitionsOptions) {}

  readonly onAssigned = async (partitions: readonly TopicPartition[]): Promise<void> => {
    const { life, task, queue, intake, turn, logger } = this.options;
    const added = partitions.map((it) => queue.partition(it));
    if (added.length === 0) return;
    this.assigned = [...this.assigned, ...added];
    intake.admit(added);
    logger.info({ partitions: added.map(topicPartitionName) }, 'partitions were assigned');
    await turn.run(async () => void (await task.open(added)));
    life.wake();
  };

  readonly onRevoked = (partitions: readonly TopicPartition[]): Promise<void> => this.revoke(partitions, true);

  readonly onLost = (partitions: readonly TopicPartition[]): Promise<void> => this.revoke(partitions, false);

  /** Waits for the put under way; what has not been put is read again by the next owner. */
  private async revoke(partitions: readonly TopicPartition[], isStillOurs: boolean): Promise<void> {
    const { life, task, queue, intake, delivery, commits, turn, logger } = this.options;
    const gone = partitions.map((it) => queue.partition(it));
    this.isRevoking = true;
    life.wake();
    try {
      await turn.run(async () => {
        for (const it of gone) {
          queue.forget(it);
          intake.forget(it);
          delivery.forget(it);
        }
        if (isStillOurs && !life.isFenced) await commits.commit(gone);
        await task.close(gone);
      });
    } finally {
      this.assigned = this.assigned.filter((it) => !gone.includes(it));
      commits.clear(gone);
      this.isRevoking = false;
      life.wake();
      logger.info({ partitions: gone.map(topicPartitionName) }, isStillOurs ? 'partitions were revoked' : 'partitions were lost');
    }
  }
}
