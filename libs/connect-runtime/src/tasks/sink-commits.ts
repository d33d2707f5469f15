import type { ConnectLogger, SinkTask, TopicPartition } from '@millrace/connect-api';
import type { Consumer, OffsetToCommit } from '@millrace/client';
import { errorMessage, invariant, OperationalError } from '@millrace/foundation';
import { LATE, within } from '../waiting.js';

export interface SinkCommitsOptions {
  readonly task: SinkTask;
  readonly consumer: Consumer;
  /** The one object that stands for a partition. */
  readonly partition: (it: TopicPartition) => TopicPartition;
  /** The task failed before a commit: consumption goes back to these offsets. */
  readonly onRewind: (offsets: ReadonlyMap<TopicPartition, number>) => void;
  /** Waits for what must be safe before these offsets are: records that were given up. Rejects when it cannot be. */
  readonly settled: () => Promise<void>;
  /** How long a commit may be under way beside puts; one that is late is given up, and the next one may begin. */
  readonly timeoutMs: number;
  /** A commit was not waited for any longer; its end is of no interest. */
  readonly onLate: () => void;
  /** No commit is under way any more. */
  readonly onDone: () => void;
  /** Counts and times a commit. */
  readonly measured: (work: () => Promise<void>) => Promise<void>;
  readonly logger: ConnectLogger;
}

/** How far a sink has come, and what of that is committed (Invariant 3). */
export class SinkCommits {
  /** Next offsets to consume: behind what was put. */
  private readonly positions = new Map<TopicPartition, number>();
  /** Where consumption began, or was moved to by the task: what a partition goes back to as long as nothing is committed. */
  private readonly beginnings = new Map<TopicPartition, number>();
  private readonly committed = new Map<TopicPartition, number>();
  /** What the commit under way will have committed. */
  private pending = new Map<TopicPartition, number>();
  private committing: Promise<void> | undefined;

  constructor(private readonly options: SinkCommitsOptions) {}

  /** The next one has to wait: commits do not overlap. */
  get isUnderWay(): boolean {
    return this.committing !== undefined;
  }

  /** Where partitions begin, before anything of them is put. Those that are known stay as they are. There is nothing to be committed of it: whoever reads them next begins there too. */
  begin(starts: ReadonlyMap<TopicPartition, number>): void {
    for (const [partition, offset] of starts) {
      if (this.beginnings.has(partition)) continue;
      this.beginnings.set(partition, offset);
      this.committed.set(partition, offset);
    }
  }

  /** The task moved a partition: what was committed before says nothing of it any more. */
  move(partition: TopicPartition, offset: number): void {
    this.positions.set(partition, offset);
    this.beginnings.set(partition, offset);
    this.committed.delete(partition);
    this.pending.delete(partition);
  }

  advance(positions: ReadonlyMap<TopicPartition, number>): void {
    for (const [partition, offset] of positions) this.positions.set(partition, offset);
  }

  /** From where a successor would go on, as far as it is known. */
  durable(partition: TopicPartition): number | undefined {
    return this.committed.get(partition) ?? this.beginnings.get(partition);
  }

  clear(partitions: readonly TopicPartition[]): void {
    for (const offsets of [this.positions, this.beginnings, this.committed, this.pending]) for (const it of partitions) offsets.delete(it);
  }

  /** Asks the task what may be committed and commits it: in the background, when no commit is under way, unless partitions are being revoked; then only these, to the end. */
  async commit(closing?: readonly TopicPartition[]): Promise<void> {
    const isClosing = closing !== undefined;
    if (this.isUnderWay && !isClosing) return;
    // The task is asked about every partition that it has, also about those that nothing came of.
    const begun = [...this.beginnings].filter(([it]) => closing?.includes(it) ?? true);
    const current = new Map(begun.map(([it, beginning]) => [it, this.positions.get(it) ?? beginning]));
    if (current.size === 0) return;
    const accepted = await this.accepted(current, isClosing);
    const offsets = [...accepted].flatMap(([it, offset]) => {
      const partition = this.options.partition(it);
      const known = current.get(partition);
      return known === undefined || offset > known || offset === this.committed.get(partition) ? [] : [{ ...partition, offset }];
    });
    if (offsets.length === 0) return;
    await this.committing;
    try {
      await this.options.settled();
    } catch (error) {
      if (!isClosing) throw error;
      return this.options.logger.error({ error: errorMessage(error) }, 'the last offsets are not committed: a record behind them is not safe');
    }
    const pending = new Map(offsets.map((it) => [this.options.partition(it), it.offset]));
    this.pending = pending;
    this.committing = this.options
      .measured(() => this.written(offsets, isClosing))
      .then(() => pending.forEach((offset, partition) => this.committed.set(partition, offset)))
      .catch((error: unknown) => this.options.logger.warn({ error: errorMessage(error) }, 'offsets could not be committed; they will be with the next commit'))
      .finally(() => {
        this.committing = undefined;
        this.options.onDone();
      });
    if (isClosing) await this.committing;
  }

  private async written(offsets: readonly OffsetToCommit[], isClosing: boolean): Promise<void> {
    const { consumer, timeoutMs } = this.options;
    const writing = consumer.commit(offsets, isClosing ? {} : { timeoutMs });
    if (isClosing) return writing;
    if ((await within(timeoutMs, writing)) !== LATE) return;
    this.options.onLate();
    throw new OperationalError('CONNECT_COMMIT_TIMEOUT', `no answer within ${timeoutMs} ms`);
  }

  private async accepted(current: ReadonlyMap<TopicPartition, number>, isClosing: boolean): Promise<ReadonlyMap<TopicPartition, number>> {
    try {
      return await this.options.task.preCommit(current);
    } catch (error) {
      this.options.logger.error({ error: errorMessage(error) }, isClosing ? 'the task failed before its last commit' : 'the task failed before a commit; going back to what was committed last, or to where it began');
      if (!isClosing) this.rewind();
      return new Map();
    }
  }

  private rewind(): void {
    const offsets = new Map<TopicPartition, number>();
    for (const [partition, position] of this.positions) {
      const offset = this.committed.get(partition) ?? this.beginnings.get(partition);
      invariant(offset !== undefined, 'a partition with a position has begun somewhere');
      if (offset !== position) offsets.set(partition, offset);
    }
    this.advance(offsets);
    this.options.onRewind(offsets);
  }
}
