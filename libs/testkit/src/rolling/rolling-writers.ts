import { setTimeout as delay } from 'node:timers/promises';
import { Producer } from '@millrace/client';
import { Kafka, logLevel, type Producer as KafkaJsProducer } from 'kafkajs';
import type { ErrorTally } from './error-tally.js';

export interface WriterOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  /** Pause between an acknowledgement and the next record of the same partition. */
  readonly pauseMs: number;
  readonly errors: ErrorTally;
}

/** One lane for each partition, in which one record follows the acknowledgement of the one before it. */
export abstract class RollingWriter {
  readonly acknowledged: string[] = [];
  private readonly stopping = new AbortController();
  private lanes: Promise<void>[] = [];
  private lastAckMs: number[] = [];
  private longestMs = 0;

  constructor(
    readonly name: string,
    protected readonly options: WriterOptions,
  ) {}

  async start(): Promise<void> {
    await this.connect();
    const { partitions } = this.options;
    this.lastAckMs = Array.from({ length: partitions }, () => performance.now());
    this.lanes = this.lastAckMs.map((_, partition) => this.write(partition));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.lanes);
    await this.disconnect();
  }

  /** The longest time in which a partition was acknowledged nothing, since the last call. */
  takeLongestGapMs(): number {
    const longestMs = Math.max(this.longestMs, ...this.lastAckMs.map((it) => performance.now() - it));
    this.longestMs = 0;
    return longestMs;
  }

  protected abstract connect(): Promise<void>;
  protected abstract disconnect(): Promise<void>;
  /** Resolves when it is acknowledged; an error that may be tried again is tried again by the lane. */
  protected abstract send(partition: number, value: string): Promise<unknown>;
  protected abstract tally(error: unknown): void;

  private async write(partition: number): Promise<void> {
    const { pauseMs } = this.options;
    for (let sequence = 0; !this.stopping.signal.aborted; sequence++) {
      const value = `${this.name}.${partition}.${sequence}`;
      while (!(await this.isAcknowledged(partition, value))) {
        if (this.stopping.signal.aborted) return;
        await delay(20);
      }
      this.acknowledged.push(value);
      const nowMs = performance.now();
      this.longestMs = Math.max(this.longestMs, nowMs - (this.lastAckMs[partition] ?? nowMs));
      this.lastAckMs[partition] = nowMs;
      await delay(pauseMs);
    }
  }

  private async isAcknowledged(partition: number, value: string): Promise<boolean> {
    try {
      await this.send(partition, value);
      return true;
    } catch (error) {
      this.tally(error);
      return false;
    }
  }
}

/** Our producer at its defaults: what may be tried again it tries again itself, so that the lane sees no error at all. */
export class MillraceWriter extends RollingWriter {
  private readonly producer: Producer;

  constructor(options: WriterOptions) {
    super('millrace', options);
    this.producer = new Producer({ bootstrapServers: options.bootstrap, lingerMs: 0 });
  }

  protected connect(): Promise<void> {
    return Promise.resolve();
  }

  protected async disconnect(): Promise<void> {
    await this.producer.close();
  }

  protected send(partition: number, value: string): Promise<unknown> {
    return this.producer.send({ topic: this.options.topic, partition, value });
  }

  protected tally(error: unknown): void {
    this.options.errors.ours(error);
  }
}

/** kafkajs without repetitions of its own: each error that a broker answers comes to the lane. A producer for each lane, since one that is used by several at once leaks connections when brokers go. */
export class KafkaJsWriter extends RollingWriter {
  private readonly producers: KafkaJsProducer[];

  constructor(options: WriterOptions) {
    super('kafkajs', options);
    this.producers = Array.from({ length: options.partitions }, () =>
      new Kafka({ brokers: options.bootstrap.split(','), logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 5000, retry: { retries: 0, initialRetryTime: 20 } }).producer({ allowAutoTopicCreation: false }),
    );
  }

  protected async connect(): Promise<void> {
    await Promise.all(this.producers.map((it) => it.connect()));
  }

  protected async disconnect(): Promise<void> {
    await Promise.all(this.producers.map((it) => it.disconnect()));
  }

  protected async send(partition: number, value: string): Promise<unknown> {
    return await this.producers[partition]?.send({ topic: this.options.topic, acks: -1, timeout: 5000, messages: [{ partition, value }] });
  }

  protected tally(error: unknown): void {
    this.options.errors.kafkaJs(error);
  }
}
