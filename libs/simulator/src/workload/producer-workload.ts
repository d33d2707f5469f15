import { Producer } from '@millrace/client';
import { errorMessage, hasCode, type CompressionType } from '@millrace/foundation';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import type { History, SentRecord } from './history.js';
import { SimulatedClient } from './simulated-client.js';

export interface ProducerWorkloadOptions {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly history: History;
  readonly name: string;
  readonly topics: readonly { readonly name: string; readonly partitions: number }[];
  readonly isIdempotent: boolean;
  readonly compressionType: CompressionType;
}

/** More than this without an answer: wait, so that a long outage does not pile up work. */
const PENDING_MAX = 300;

/** Writes bursts of records with acks=all, and notes what became of each. */
export class ProducerWorkload {
  private readonly client: SimulatedClient;
  private readonly producer: Producer;
  private readonly random;
  private readonly sequences = new Map<string, number>();
  private pending = 0;
  private isStopping = false;
  private ended: Promise<void> | undefined;

  constructor(private readonly options: ProducerWorkloadOptions) {
    const { world, cluster, name, isIdempotent, compressionType } = options;
    this.client = new SimulatedClient(world, cluster, name);
    this.random = world.chance(`workload of ${name}`);
    this.producer = new Producer({ ...this.client.options(), enableIdempotence: isIdempotent, compressionType, lingerMs: this.random.integer(20), batchSize: 512 << this.random.integer(6), deliveryTimeoutMs: 60_000, requestTimeoutMs: 5000 });
  }

  start(): void {
    this.ended = this.produce();
  }

  /** Resolves when every record has its answer. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.ended;
    await this.producer.flush();
    await this.producer.close({ timeoutMs: 5000 });
  }

  private async produce(): Promise<void> {
    const { random } = this;
    while (!this.isStopping) {
      const burst = this.pending > PENDING_MAX ? 0 : 1 + random.integer(12);
      for (let i = 0; i < burst; i++) this.sendOne();
      await this.client.process.sleep(random.chance(0.1) ? random.integer(2000) : random.integer(400));
    }
  }

  private sendOne(): void {
    const { history, name, topics, isIdempotent, world } = this.options;
    const { random } = this;
    const topic = random.pick(topics);
    const partition = random.integer(topic.partitions);
    const place = `${topic.name}-${partition}`;
    const sequence = this.sequences.get(place) ?? 0;
    this.sequences.set(place, sequence + 1);
    const key = `${name}/${place}/${sequence}`;
    const record: SentRecord = { producer: name, sequence, topic: topic.name, partition, isIdempotent, fate: 'pending', offset: -1, ackedAtMs: -1 };
    history.sends(key, record);
    this.pending += 1;
    this.producer
      .send({ topic: topic.name, partition, key, value: 'x'.repeat(random.integer(random.chance(0.05) ? 3000 : 200)) })
      .then(
        (metadata) => {
          history.acknowledged(record, Number(metadata.offset));
        },
        (error: unknown) => {
          history.failed(record);
          if (isExpected(error)) return;
          world.breach('producers meet only failures that may be tried again', `${name}: ${errorMessage(error)}`);
        },
      )
      .finally(() => (this.pending -= 1));
  }
}

/** What a producer gives up for after its delivery timeout. */
function isExpected(error: unknown): boolean {
  return hasCode(error, 'DELIVERY_TIMED_OUT') || hasCode(error, 'METADATA_TIMEOUT') || hasCode(error, 'CLIENT_CLOSED') || (error as { isRetriable?: unknown }).isRetriable === true;
}
