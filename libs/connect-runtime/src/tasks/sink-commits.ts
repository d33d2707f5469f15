import type { ConnectLogger, SinkTask, TopicPartition } from '@millrace/connect-api';
import type { Consumer } from '@millrace/client';
import { errorMessage } from '@millrace/foundation';

export interface SinkCommitsOptions {
  readonly task: SinkTask;
  readonly consumer: Consumer;
  /** The one object that stands for a partition. */
  readonly partition: (it: TopicPartition) => TopicPartition;
  /** The task failed before a commit: consumption goes back to these offsets. */
  readonly onRewind: (offsets: ReadonlyMap<TopicPartition, number>) => void;
  readonly logger: ConnectLogger;
}

/** How far a sink has come, and what of that is committed (Invariant 3). */
export class SinkCommits {
  /** Next offsets to consume: behind what was put. */
  private readonly positions = new Map<TopicPartition, number>();
  private committed = new Map<TopicPartition, number>();
  private committing: Promise<void> | undefined;

  constructor(private readonly options: SinkCommitsOptions) {}

  advance(positions: ReadonlyMap<TopicPartition, number>): void {
    for (const [partition, offset] of positions) this.positions.set(partition, offset);
  }

  clear(): void {
    this.positions.clear();
    this.committed = new Map();
  }

  /** Asks the task what may be committed and commits it: in the background, unless partitions are being given up. */
  async commit(isClosing: boolean): Promise<void> {
    const current = new Map(this.positions);
    if (current.size === 0) return;
    const accepted = await this.accepted(current, isClosing);
    const offsets = [...accepted].flatMap(([it, offset]) => {
      const partition = this.options.partition(it);
      const known = current.get(partition);
      return known === undefined || offset > known || offset === this.committed.get(partition) ? [] : [{ ...partition, offset }];
    });
    if (offsets.length === 0) return;
    await this.committing;
    this.committing = this.options.consumer
      .commit(offsets)
      .then(() => offsets.forEach((it) => this.committed.set(this.options.partition(it), it.offset)))
      .catch((error: unknown) => this.options.logger.warn({ error: errorMessage(error) }, 'offsets could not be committed; they will be with the next commit'))
      .finally(() => (this.committing = undefined));
    if (isClosing) await this.committing;
  }

  private async accepted(current: ReadonlyMap<TopicPartition, number>, isClosing: boolean): Promise<ReadonlyMap<TopicPartition, number>> {
    try {
      return await this.options.task.preCommit(current);
    } catch (error) {
      this.options.logger.error({ error: errorMessage(error) }, isClosing ? 'the task failed before its last commit' : 'the task failed before a commit; going back to the last committed offsets');
      if (!isClosing) this.rewind();
      return new Map();
    }
  }

  private rewind(): void {
    const offsets = new Map([...this.committed].filter(([partition]) => this.positions.has(partition)));
    this.advance(offsets);
    this.options.onRewind(offsets);
  }
}
