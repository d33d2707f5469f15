import type { ConnectLogger, FollowTopicOptions, TopicFollower } from '@millrace/connect-api';
import { Consumer, type ConsumerRecord } from '@millrace/client';
import { errorMessage, hasCode, isRetriable, topicPartitionName } from '@millrace/foundation';
import { followerSettings } from '../kafka/client-settings.js';
import type { StringMap } from '../rest/shapes.js';
import { pauseFor } from '../waiting.js';

const POLL_MS = 500;
const FIRST_POLL_MS = 50;
const RETRY_MS = 500;

export interface FollowerContext {
  /** Consumer settings of the worker's cluster. */
  readonly clientConfig: StringMap;
  /** `onRecord` rejected, or the topic cannot be read at all: the task fails with it. */
  readonly onFailed: (error: Error) => void;
  readonly logger: ConnectLogger;
}

/** Reads one topic beside a source task's own work, with the positions of a consumer group. */
export class GroupFollower implements TopicFollower {
  private readonly consumer: Consumer;
  private following: Promise<void> | undefined;
  private isAssigned = false;
  private readonly stopping = new AbortController();
  private isHandling = false;
  private started: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(
    private readonly options: FollowTopicOptions,
    private readonly context: FollowerContext,
  ) {
    this.consumer = new Consumer(followerSettings({ ...context.clientConfig, ...options.settings }, options, context.logger));
  }

  /** Called once. Resolves when the group's position is known and stored: a record that is sent from now on is not missed, wherever it began. Also resolves after a stop. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.started = { resolve, reject };
      this.following = this.follow();
    });
  }

  /** Waits for the `onRecord` under way, unless it is called from there. */
  async stop(): Promise<void> {
    if (!this.isStopped) {
      this.stopping.abort();
      this.consumer.wakeup();
    }
    if (!this.isHandling) await this.following;
  }

  private get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async follow(): Promise<void> {
    try {
      this.consumer.subscribe([this.options.topic], { onAssigned: () => void (this.isAssigned = true) });
      while (!this.isStopped) await this.round();
      this.started?.resolve();
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      if (this.started) this.started.reject(failure);
      else this.context.onFailed(failure);
    } finally {
      this.started = undefined;
      await this.consumer.close({ timeoutMs: RETRY_MS }).catch((error: unknown) => this.context.logger.warn({ topic: this.options.topic, error: errorMessage(error) }, 'the consumer of a followed topic did not close in order'));
    }
  }

  private async round(): Promise<void> {
    const records = await this.trying(() => this.consumer.poll(this.started ? FIRST_POLL_MS : POLL_MS));
    for (const record of records ?? []) {
      if (this.isStopped || !(await this.take(record))) return;
    }
    if (!this.started || this.isStopped || !(await this.trying(() => this.hasPositions()))) return;
    this.started.resolve();
    this.started = undefined;
  }

  /** Undefined: it failed in a way that may pass, after a pause. */
  private async trying<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (this.isStopped && (hasCode(error, 'WAKEUP') || hasCode(error, 'CLIENT_CLOSED'))) return undefined;
      if (!isRetriable(error) && !hasCode(error, 'COMMIT_FAILED')) throw error;
      this.context.logger.warn({ topic: this.options.topic, error: errorMessage(error) }, 'a followed topic could not be read; trying again');
      await pauseFor(RETRY_MS, this.stopping.signal);
      return undefined;
    }
  }

  /** Once the group has shared out the partitions and each has its position. One that was not committed is now: a restart begins there as well. */
  private async hasPositions(): Promise<boolean> {
    const { consumer } = this;
    if (!this.isAssigned) return false;
    const { assignment } = consumer;
    const known = assignment.flatMap((it) => {
      const offset = consumer.position(it);
      return offset === undefined ? [] : [{ ...it, offset }];
    });
    if (known.length < assignment.length) return false;
    const committed = new Set((await consumer.committed(assignment)).map(topicPartitionName));
    const fresh = known.filter((it) => !committed.has(topicPartitionName(it)));
    if (fresh.length > 0) await consumer.commit(fresh);
    return true;
  }

  /** False: the partitions are no longer this member's, what is left of the poll goes to the next owner. */
  private async take(record: ConsumerRecord): Promise<boolean> {
    const { topic, partition, offset, key, value, timestampMs } = record;
    this.isHandling = true;
    try {
      await this.options.onRecord({ partition, offset: Number(offset), key: key && Uint8Array.from(key), value: value && Uint8Array.from(value), timestampMs });
    } finally {
      this.isHandling = false;
    }
    try {
      await this.consumer.commit([{ topic, partition, offset: offset + 1n }]);
      return true;
    } catch (error) {
      this.context.logger.warn({ topic, error: errorMessage(error) }, 'the position in a followed topic could not be stored');
      return !hasCode(error, 'COMMIT_FAILED');
    }
  }
}
