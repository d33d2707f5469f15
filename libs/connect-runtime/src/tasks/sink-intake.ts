import type { ConnectLogger, TopicPartition } from '@millrace/connect-api';
import type { Consumer } from '@millrace/client';
import { errorMessage, hasCode, isRetriable } from '@millrace/foundation';
import type { SinkQueue } from './sink-queue.js';
import type { TaskLife } from './task-life.js';

const POLL_MS = 1000;
const HELD_POLL_MS = 100;
const RETRY_MS = 250;

export interface SinkIntakeOptions {
  readonly life: TaskLife;
  readonly consumer: Consumer;
  readonly queue: SinkQueue;
  /** Where a partition begins of which nothing has come so far. */
  readonly onBeginning: (partition: TopicPartition, offset: number) => void;
  readonly logger: ConnectLogger;
}

/**
 * Polls a sink's consumer without a break, so that the task stays in its group however long a put takes, and fills the queue. While enough
 * waits there, its partitions are held: nothing more is taken, but the group is still served.
 */
export class SinkIntake {
  private isHeld = false;
  /** Where partitions were moved to since the poll under way began. */
  private readonly movedWhilePolling = new Map<TopicPartition, number>();
  /** Given to the consumer, which has to find out where they begin. */
  private readonly fresh = new Set<TopicPartition>();

  constructor(private readonly options: SinkIntakeOptions) {}

  /** Until the task stops, or fails by it. */
  async run(): Promise<void> {
    const { life, logger } = this.options;
    while (!life.isStopping && life.failure === undefined) {
      try {
        await this.pollOnce();
      } catch (error) {
        if (life.isStopping && (hasCode(error, 'WAKEUP') || hasCode(error, 'CLIENT_CLOSED'))) return;
        if (!isRetriable(error)) return life.fail(error);
        logger.warn({ error: errorMessage(error) }, 'records could not be fetched; trying again');
        await life.wait(RETRY_MS, () => false);
      }
    }
  }

  /** Partitions that the consumer has just been given. */
  admit(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.fresh.add(it);
    if (this.isHeld) this.options.consumer.pause(partitions);
  }

  /** Partitions that the task had paused. */
  resume(partitions: readonly TopicPartition[]): void {
    if (!this.isHeld) this.options.consumer.resume(partitions);
  }

  /** What was polled of it meanwhile is not taken. */
  fetchFrom(partition: TopicPartition, offset: number): void {
    this.options.consumer.seek(partition, offset);
    this.movedWhilePolling.set(partition, offset);
    this.fresh.delete(partition);
  }

  forget(partition: TopicPartition): void {
    this.movedWhilePolling.delete(partition);
    this.fresh.delete(partition);
  }

  private get isFull(): boolean {
    return this.options.queue.records >= this.options.consumer.settings.maxPollRecords;
  }

  private async pollOnce(): Promise<void> {
    const { life, consumer, queue } = this.options;
    this.hold(life.isPaused || this.isFull);
    this.movedWhilePolling.clear();
    const polled = await consumer.pollBatches(this.isHeld ? HELD_POLL_MS : POLL_MS, consumer.settings.maxPollRecords);
    const pieces = polled.filter((it) => !this.isOutdated(it));
    if (this.fresh.size > 0) this.findBeginnings(pieces);
    if (pieces.length === 0) return;
    queue.add(pieces);
    life.wake();
    // Another piece may be there already: without this the event loop would not get to sockets and timers.
    await new Promise<void>((resolve) => setImmediate(resolve));
    // The other loop gets a moment before partitions are held.
    if (this.isFull && !life.isPaused) await life.wait(POLL_MS, () => !this.isFull || life.isPaused);
  }

  private findBeginnings(pieces: readonly TopicPartition[]): void {
    // Their first batch tells it.
    for (const it of pieces) this.fresh.delete(this.options.queue.partition(it));
    for (const it of this.fresh) {
      const position = this.options.consumer.position(it);
      if (position === undefined) continue;
      this.fresh.delete(it);
      this.options.onBeginning(it, Number(position));
    }
  }

  /** A piece of a partition that was moved may have been taken before or after it: it is fetched again. */
  private isOutdated(piece: TopicPartition): boolean {
    const partition = this.options.queue.partition(piece);
    const offset = this.movedWhilePolling.get(partition);
    if (offset === undefined) return false;
    this.options.consumer.seek(partition, offset);
    return true;
  }

  private hold(isHeld: boolean): void {
    const { consumer, queue } = this.options;
    if (isHeld === this.isHeld) return;
    this.isHeld = isHeld;
    if (isHeld) consumer.pause(consumer.assignment);
    else consumer.resume(consumer.assignment.filter((it) => !queue.isPaused(it)));
  }
}
