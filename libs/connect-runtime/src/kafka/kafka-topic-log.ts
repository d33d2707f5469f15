import { Consumer, Producer } from '@millrace/client';
import { errorMessage, isRetriable, OperationalError, topicPartitionName, type TopicPartition } from '@millrace/foundation';
import type { StringMap } from '../rest/shapes.js';
import type { LogEntry, LogRecord, TopicLog } from '../stores/topic-log.js';
import { logConsumerSettings, logProducerSettings } from './client-settings.js';
import { ensureInternalTopic, type InternalTopicOptions } from './internal-topic.js';

export interface KafkaTopicLogOptions extends InternalTopicOptions {
  /** The config topic must have exactly one partition. */
  readonly isSinglePartition: boolean;
  /** The client is closed with the log. */
  readonly ownsClient?: boolean;
  readonly producerConfig: StringMap;
  readonly consumerConfig: StringMap;
}

interface Waiter {
  readonly ends: ReadonlyMap<string, number>;
  resolve(): void;
  reject(error: unknown): void;
}

const POLL_MS = 1000;
const RETRY_MS = 500;

/** A compacted topic in Kafka: read from its beginning, followed for ever. */
export class KafkaTopicLog implements TopicLog {
  private readonly producer: Producer;
  private readonly consumer: Consumer;
  private partitions: TopicPartition[] = [];
  private readonly next = new Map<string, number>();
  private waiters: Waiter[] = [];
  private following: Promise<void> | undefined;
  private isStopped = false;

  constructor(private readonly options: KafkaTopicLogOptions) {
    this.producer = new Producer(logProducerSettings(options.producerConfig, options.logger));
    this.consumer = new Consumer(logConsumerSettings(options.consumerConfig, options.logger));
  }

  async start(onRecord: (record: LogRecord) => void): Promise<void> {
    const { topic } = this.options.topic;
    await ensureInternalTopic(this.options);
    const info = await this.options.client.topic(topic);
    if (this.options.isSinglePartition && info.partitions.length !== 1) {
      throw new OperationalError('CONNECT_CONFIG_TOPIC', `Topic '${topic}' supplied via the '${this.options.setting}' property is required to have a single partition in order to guarantee consistency of connector configurations, but found ${info.partitions.length} partitions.`);
    }
    this.partitions = info.partitions.map(({ partition }) => ({ topic, partition }));
    this.consumer.assign(this.partitions);
    this.following = this.follow(onRecord);
    await this.readToEnd();
  }

  async readToEnd(): Promise<void> {
    const ends = await this.consumer.endOffsets(this.partitions);
    const wanted = new Map(ends.map((it) => [topicPartitionName(it), Number(it.offset)]));
    await new Promise<void>((resolve, reject) => {
      this.waiters.push({ ends: wanted, resolve, reject });
      this.notify();
    });
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    const { topic } = this.options.topic;
    await Promise.all(entries.map(({ key, value }) => this.producer.send({ topic, key, value })));
  }

  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    if (this.following) this.consumer.wakeup();
    await this.following;
    await Promise.all([this.consumer.close({ timeoutMs: 1000 }), this.producer.close({ timeoutMs: 5000 })]);
    if (this.options.ownsClient === true) this.options.client.close();
    for (const waiter of this.waiters.splice(0)) waiter.reject(new OperationalError('CLIENT_CLOSED', 'the worker is stopping'));
  }

  private async follow(onRecord: (record: LogRecord) => void): Promise<void> {
    while (!this.isStopped) {
      try {
        const pieces = await this.consumer.pollBatches(POLL_MS, 10_000);
        for (const piece of pieces) {
          const { cursor, partition } = piece;
          while (piece.next()) {
            const key = cursor.key();
            const value = cursor.value();
            if (key !== null) onRecord({ key: Uint8Array.from(key), value: value && Uint8Array.from(value), partition, offset: cursor.offset });
          }
          this.next.set(topicPartitionName(piece), piece.nextOffset);
        }
        if (pieces.length > 0) this.notify();
      } catch (error) {
        if (this.isStopped) return;
        this.options.logger.warn({ topic: this.options.topic.topic, error: errorMessage(error), isRetriable: isRetriable(error) }, 'an internal topic could not be read; trying again');
        await this.options.client.pause(RETRY_MS);
      }
    }
  }

  private notify(): void {
    this.waiters = this.waiters.filter((waiter) => {
      const isReached = [...waiter.ends].every(([name, end]) => end === 0 || this.positionOf(name) >= end);
      if (isReached) waiter.resolve();
      return !isReached;
    });
  }

  /** A partition whose records were all cleaned away has an end, but no record that would bring us there: then the consumer's own position counts. */
  private positionOf(name: string): number {
    const partition = this.partitions.find((it) => topicPartitionName(it) === name);
    const position = partition && this.consumer.position(partition);
    return Math.max(this.next.get(name) ?? 0, position === undefined ? 0 : Number(position));
  }
}
