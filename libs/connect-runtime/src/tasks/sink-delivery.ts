import type { ConnectLogger, SinkTask, TopicPartition } from '@millrace/connect-api';
import { errorMessage, hasCode } from '@millrace/foundation';
import type { ErrantRecords } from '../errors/errant-records.js';
import type { SinkCommits } from './sink-commits.js';
import { withoutPartition, type SinkBatch, type SinkQueue } from './sink-queue.js';
import type { TaskGauges } from './task-gauges.js';
import type { TaskLife } from './task-life.js';

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;

export interface SinkDeliveryOptions {
  readonly life: TaskLife;
  readonly task: SinkTask;
  readonly queue: SinkQueue;
  readonly recordsMax: number;
  readonly commits: SinkCommits;
  readonly gauges: TaskGauges;
  readonly errant: ErrantRecords;
  /** Partitions are to be revoked: whoever waits for that waits for the end of a delivery. */
  readonly isRevoking: () => boolean;
  /** Records of this topic were put. */
  readonly onTopic: (topic: string) => void;
  readonly logger: ConnectLogger;
}

/** Makes batches of what waits in the queue and puts them. While a put waits for its database, the next batch is converted. */
export class SinkDelivery {
  /** Records taken from the queue, and those of them that were put. */
  recordsIn = 0;
  recordsOut = 0;
  /** In order: one that was not put because partitions were revoked, one that was made ahead of time. */
  private ready: SinkBatch[] = [];
  private delivering: SinkBatch | undefined;

  constructor(private readonly options: SinkDeliveryOptions) {}

  /** Throws when a record fails the task. False: there is nothing to put. */
  prepare(): boolean {
    if (this.ready.length > 0) return true;
    const { queue, recordsMax, life } = this.options;
    const batch = queue.take(recordsMax);
    if (batch) {
      this.recordsIn += batch.records.length;
      this.ready.push(batch);
    }
    // The intake may wait for this.
    if (queue.records < recordsMax) life.wake();
    return batch !== undefined;
  }

  /** Puts what is ready. A batch that could not be put before partitions are revoked stays ready. */
  async deliver(): Promise<void> {
    const { gauges } = this.options;
    const batch = this.ready.shift();
    if (!batch) return;
    this.delivering = batch;
    try {
      const startedMs = performance.now();
      await gauges.watch.during('put', () => this.put(batch));
      gauges.batch(batch.records.length, performance.now() - startedMs);
    } finally {
      this.delivering = undefined;
    }
  }

  /** Nothing that is ready of it is put, nor does the put under way count for it: the partition was moved, or is revoked. */
  forget(partition: TopicPartition): void {
    this.delivering?.positions.delete(partition);
    this.ready = this.ready.flatMap((batch) => {
      const kept = withoutPartition(batch, partition);
      this.recordsIn -= batch.records.length - kept.records.length;
      return kept.positions.size > 0 ? [kept] : [];
    });
  }

  private async put(batch: SinkBatch): Promise<void> {
    const { life, task, commits, errant, isRevoking, logger } = this.options;
    let waitMs = RETRY_MIN_MS;
    commits.begin(batch.starts);
    while (batch.records.length > 0) {
      try {
        const putting = task.put(batch.records);
        if (putting) {
          this.prepareAhead();
          await putting;
        }
        if (errant.failure) throw errant.failure;
        break;
      } catch (error) {
        if (!hasCode(error, 'CONNECT_RETRIABLE')) throw error;
        logger.warn({ error: errorMessage(error) }, 'put failed and gets the same records again');
        const asked = (error as { retryAfterMs?: unknown }).retryAfterMs;
        await life.wait(typeof asked === 'number' ? asked : waitMs, isRevoking);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
        while (life.isFenced && !life.isStopping && !isRevoking() && life.failure === undefined) await life.wait(RETRY_MIN_MS, isRevoking);
        if (life.isStopping || isRevoking()) return void this.ready.unshift(batch);
        if (life.failure !== undefined) throw life.failure;
      }
    }
    commits.advance(batch.positions);
    this.delivered(batch);
  }

  /** Conversion ahead of time; what it throws fails the task only when the put under way has ended. */
  private prepareAhead(): void {
    const { life, isRevoking } = this.options;
    if (life.isPaused || isRevoking() || life.failure !== undefined) return;
    try {
      this.prepare();
    } catch (error) {
      life.failure = error;
    }
  }

  private delivered({ records, positions }: SinkBatch): void {
    this.recordsOut += records.length;
    const last = records[records.length - 1];
    if (last) this.options.gauges.latency.add(Date.now() - last.timestampMs, records.length);
    for (const { topic } of positions.keys()) this.options.onTopic(topic);
  }
}
