import { setTimeout as delay } from 'node:timers/promises';
import { Consumer } from '@millrace/client';
import { Kafka, KafkaJSNonRetriableError, logLevel } from 'kafkajs';
import { settles } from '../flow/settles.js';
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
const LEAVES_WITHIN_MS = 10_000;

/**
 * kafkajs tries what failed some times, then its consumer crashes and starts again. `disconnect` waits for what is being tried, also for brokers that are not there, and does not keep a
 * crashed consumer from starting again: it gets its time, and a consumer that was left behind ends itself at the next record.
 */
export class KafkaJsReader implements RollingReader {
  readonly progress = new GroupProgress('kafkajs');
  private leave: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly options: ReaderOptions) {}

  async start(): Promise<void> {
    const { bootstrap, topic, errors } = this.options;
    let isOver = false;
    const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 10, restartOnFailure: () => Promise.resolve(!isOver) };
    const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 5000, retry });
    const consumer = kafka.consumer({ groupId: 'rolling-kafkajs', sessionTimeout: SESSION_TIMEOUT_MS, rebalanceTimeout: SESSION_TIMEOUT_MS, heartbeatInterval: 500, maxWaitTimeInMs: 100, retry });
    this.leave = async () => {
      isOver = true;
      await settles('a consumer of kafkajs disconnects', LEAVES_WITHIN_MS, consumer.disconnect()).catch(() => errors.kafkaJsLeftBehind());
    };
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload: { topics } }) => {
      for (const it of topics.flatMap((each) => each.partitions)) this.progress.wasCommitted(it.partition, Number(it.offset));
    });
    consumer.on(consumer.events.CRASH, ({ payload: { error } }) => {
      if (!isOver) errors.kafkaJs(error);
    });
    await consumer.run({
      autoCommitInterval: 100,
      eachBatch: ({ batch }) => {
        if (isOver) throw new KafkaJSNonRetriableError('this consumer was left behind');
        for (const { offset, value } of batch.messages) this.progress.read(batch.partition, Number(offset), value?.toString() ?? '');
        return Promise.resolve();
      },
    });
  }

  async stop(): Promise<void> {
    await this.leave();
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
        await delay(20);
        continue;
      }
      for (const [partition, offset] of ends) this.progress.wasCommitted(partition, offset);
    }
    await consumer.close();
  }
}
