import { Consumer } from '@millrace/client';
import { Kafka, logLevel, type Consumer as KafkaJsConsumer } from 'kafkajs';
import type { ErrorTally } from './error-tally.js';
import { GroupProgress } from './group-progress.js';

export interface ReaderOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly errors: ErrorTally;
}

/** One group of one member that commits after what it has read; its member can be replaced by a new one. */
export interface RollingReader {
  readonly progress: GroupProgress;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const SESSION_TIMEOUT_MS = 10_000;

export class KafkaJsReader implements RollingReader {
  readonly progress = new GroupProgress('kafkajs');
  private consumer: KafkaJsConsumer | undefined;

  constructor(private readonly options: ReaderOptions) {}

  async start(): Promise<void> {
    const { bootstrap, topic } = this.options;
    const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 5000, retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 1000 } });
    const consumer = kafka.consumer({ groupId: 'rolling-kafkajs', sessionTimeout: SESSION_TIMEOUT_MS, heartbeatInterval: 500, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload: { topics } }) => {
      for (const it of topics.flatMap((each) => each.partitions)) this.progress.wasCommitted(it.partition, Number(it.offset));
    });
    consumer.on(consumer.events.CRASH, ({ payload: { error } }) => this.options.errors.kafkaJs(error));
    await consumer.run({
      autoCommitInterval: 100,
      eachBatch: ({ batch }) => {
        for (const { offset, value } of batch.messages) this.progress.read(batch.partition, Number(offset), value?.toString() ?? '');
        return Promise.resolve();
      },
    });
    this.consumer = consumer;
  }

  async stop(): Promise<void> {
    await this.consumer?.disconnect();
    this.consumer = undefined;
  }
}

export class MillraceReader implements RollingReader {
  readonly progress = new GroupProgress('millrace');
  private stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly options: ReaderOptions) {}

  start(): Promise<void> {
    const { bootstrap, topic } = this.options;
    this.stopping = new AbortController();
    const consumer = new Consumer({ bootstrapServers: bootstrap, groupId: 'rolling-millrace', enableAutoCommit: false, autoOffsetReset: 'earliest', sessionTimeoutMs: SESSION_TIMEOUT_MS, heartbeatIntervalMs: 500, fetchMaxWaitMs: 100 });
    consumer.subscribe([topic]);
    this.running = this.run(consumer, this.stopping.signal);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(consumer: Consumer, stopping: AbortSignal): Promise<void> {
    const decoder = new TextDecoder();
    while (!stopping.aborted) {
      const ends = new Map<number, number>();
      try {
        for (const it of await consumer.poll(100)) {
          this.progress.read(it.partition, Number(it.offset), decoder.decode(it.value ?? new Uint8Array(0)));
          ends.set(it.partition, Number(it.offset) + 1);
        }
        if (ends.size > 0) await consumer.commit([...ends].map(([partition, offset]) => ({ topic: this.options.topic, partition, offset })));
      } catch (error) {
        this.options.errors.ours(error);
        continue;
      }
      for (const [partition, offset] of ends) this.progress.wasCommitted(partition, offset);
    }
    await consumer.close();
  }
}
