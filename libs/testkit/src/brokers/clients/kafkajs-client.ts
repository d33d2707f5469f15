import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel, type LogEntry, type Producer } from 'kafkajs';
import type { ProducerJournal } from '../ack-journal.js';
import { REQUEST_TIMEOUT_MS, type ChaosClient, type ChaosClientOptions } from './chaos-client.js';

const CLIENT = 'kafkajs';
const BATCHES_PER_SECOND = 10;
const CONNECT_ATTEMPTS = 20;

/** kafkajs: a producer for each partition, since its repetitions of a request to several brokers are not idempotent. */
export class KafkaJsClient implements ChaosClient {
  private readonly stopping = new AbortController();
  private lanes: Promise<void>[] = [];

  constructor(private readonly options: ChaosClientOptions) {}

  async start(): Promise<void> {
    const { bootstrap, journal, partitions } = this.options;
    for (let partition = 0; partition < partitions; partition++) {
      const kafka = new Kafka({
        brokers: bootstrap.split(','), clientId: `chaos-${partition}`, connectionTimeout: 1000, requestTimeout: REQUEST_TIMEOUT_MS, logLevel: logLevel.WARN,
        // Without end: what it gives up could be there or not, and it would give the next records the same sequences.
        retry: { initialRetryTime: 50, maxRetryTime: 500, retries: Number.MAX_SAFE_INTEGER },
        logCreator: () => (entry) => journal.sees(CLIENT, textOf(entry)),
      });
      const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
      await this.connect(producer);
      this.lanes.push(this.produce(producer, partition, journal.producer(CLIENT)));
    }
  }

  async stop(timeoutMs: number): Promise<void> {
    this.stopping.abort();
    const haveEnded = await Promise.race([Promise.all(this.lanes).then(() => true), delay(timeoutMs, false, { ref: false })]);
    if (!haveEnded && timeoutMs > 0) this.options.journal.surfaces(CLIENT, `a request without an answer for ${timeoutMs / 1000} s`);
    this.lanes = [];
  }

  /** It asks for its producer id then, and does not do so again by itself. */
  private async connect(producer: Producer): Promise<void> {
    for (let attempts = 1; ; attempts++) {
      try {
        await producer.connect();
        return;
      } catch (error) {
        if (attempts === CONNECT_ATTEMPTS) throw error;
        this.options.journal.sees(CLIENT, (error as Error).message);
        await delay(500);
      }
    }
  }

  private async produce(producer: Producer, partition: number, journal: ProducerJournal): Promise<void> {
    const { recordsPerSecond, partitions, topic } = this.options;
    const { signal } = this.stopping;
    const perBatch = Math.max(1, Math.round(recordsPerSecond / partitions / BATCHES_PER_SECOND));
    for (let next = 0, due = performance.now(); !signal.aborted; next += perBatch) {
      const messages = Array.from({ length: perBatch }, (_, i) => ({ partition, value: `${journal.id}.${next + i}` }));
      const baseOffset = await this.surely(() => producer.send({ topic, acks: -1, messages }));
      if (baseOffset === undefined) break;
      for (let i = 0; i < perBatch; i++) journal.acknowledge(next + i, partition, baseOffset < 0 ? -1 : baseOffset + i);
      // What was held up is not made up for: a load, not a flood.
      due = Math.max(due + 1000 / BATCHES_PER_SECOND, performance.now());
      await delay(due - performance.now(), undefined, { signal }).catch(() => undefined);
    }
    journal.end();
    await producer.disconnect().catch(() => undefined);
  }

  /** The same records again, whatever surfaces, so that they have the same sequences; undefined when a stop comes first. */
  private async surely(send: () => ReturnType<Producer['send']>): Promise<number | undefined> {
    for (;;) {
      try {
        const [metadata] = await send();
        return Number(metadata?.baseOffset ?? -1);
      } catch (error) {
        const { type, name, message, retriable } = error as { type?: string; name?: string; message?: string; retriable?: boolean };
        this.options.journal[retriable === true ? 'sees' : 'surfaces'](CLIENT, type ?? `${name}: ${message}`);
        if (this.stopping.signal.aborted) return undefined;
        await delay(100);
      }
    }
  }
}

function textOf({ log }: LogEntry): string {
  const error = typeof log['error'] === 'string' ? log['error'] : undefined;
  return (error ?? log.message).replace(/127\.0\.0\.1:\d+/g, 'broker').replace(/"[^"]*"/g, '…').slice(0, 90);
}
