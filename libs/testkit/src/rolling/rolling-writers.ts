import { setTimeout as delay } from 'node:timers/promises';
import { Producer } from '@millrace/client';
import { Kafka, logLevel } from 'kafkajs';
import type { ErrorTally } from './error-tally.js';

export interface WriterOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  /** Pause between an acknowledgement and the next record of the same partition. */
  readonly pauseMs: number;
  readonly errors: ErrorTally;
}

/** The producer of a writer. */
interface WritingClient {
  readonly connect: () => Promise<void>;
  readonly disconnect: () => Promise<void>;
  /** Resolves when it is acknowledged; an error that may be tried again is tried again by the lane. */
  readonly send: (partition: number, value: string) => Promise<unknown>;
  readonly tally: (error: unknown) => void;
}

/** One lane for each partition, in which one record follows the acknowledgement of the one before it. */
export class RollingWriter {
  readonly acknowledged: string[] = [];
  private readonly stopping = new AbortController();
  private lanes: Promise<void>[] = [];
  private lastAckMs: number[] = [];
  private longestMs = 0;

  constructor(
    readonly name: string,
    private readonly options: WriterOptions,
    private readonly client: WritingClient,
  ) {}

  async start(): Promise<void> {
    await this.client.connect();
    const { partitions } = this.options;
    this.lastAckMs = Array.from({ length: partitions }, () => performance.now());
    this.lanes = this.lastAckMs.map((_, partition) => this.write(partition));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.lanes);
    await this.client.disconnect();
  }

  /** The longest time in which a partition was acknowledged nothing, since the last call. */
  takeLongestGapMs(): number {
    const longestMs = Math.max(this.longestMs, ...this.lastAckMs.map((it) => performance.now() - it));
    this.longestMs = 0;
    return longestMs;
  }

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
      await this.client.send(partition, value);
      return true;
    } catch (error) {
      this.client.tally(error);
      return false;
    }
  }
}

/** Our producer at its defaults: what may be tried again it tries again itself, so that the lane sees no error at all. */
export function millraceWriter(options: WriterOptions): RollingWriter {
  const producer = new Producer({ bootstrapServers: options.bootstrap, lingerMs: 0 });
  return new RollingWriter('millrace', options, {
    connect: () => Promise.resolve(),
    disconnect: () => producer.close(),
    send: (partition, value) => producer.send({ topic: options.topic, partition, value }),
    tally: (error) => options.errors.ours(error),
  });
}

/** kafkajs without repetitions of its own: each error that a broker answers comes to the lane. A producer for each lane, since one that is used by several at once leaks connections when brokers go. */
export function kafkaJsWriter(options: WriterOptions): RollingWriter {
  const producers = Array.from({ length: options.partitions }, () =>
    new Kafka({ brokers: options.bootstrap.split(','), logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 5000, retry: { retries: 0, initialRetryTime: 20 } }).producer({ allowAutoTopicCreation: false }),
  );
  return new RollingWriter('kafkajs', options, {
    connect: async () => void (await Promise.all(producers.map((it) => it.connect()))),
    disconnect: async () => void (await Promise.all(producers.map((it) => it.disconnect()))),
    send: async (partition, value) => producers[partition]?.send({ topic: options.topic, acks: -1, timeout: 5000, messages: [{ partition, value }] }),
    tally: (error) => options.errors.kafkaJs(error),
  });
}
