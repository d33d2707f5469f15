import { errorName, Fetch, ListOffsets } from '@millrace/protocol';
import { SeededRandom, waitFor } from '@millrace/testkit';
import { batchOf, RawClient, valuesIn } from './local-broker.js';
import { ReplicatedBrokers } from './replicated-brokers.js';

/** Another seed by SEED, more of them by SEEDS. A run of a seed is not the same each time: the threads of the machine have a say. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = Number(process.env['SEEDS'] ?? 3);
const CHAOS_MS = 4000;
const TOPIC = 'orders';
const PARTITIONS = 2;
const ANY_REPLICA = -2;

/** An idempotent producer of one partition: a batch is sent again, to whoever leads, until it is acknowledged by all. */
class Producer {
  sent = 0;
  private client: { readonly port: number; readonly raw: RawClient } | undefined;
  private isEnding = false;

  constructor(
    private readonly brokers: ReplicatedBrokers,
    private readonly partition: number,
  ) {}

  async run(): Promise<void> {
    while (!this.isEnding) {
      const value = `${this.partition}-${this.sent}`;
      const batch = batchOf([{ value }], { producerId: 1000 + this.partition, producerEpoch: 0, baseSequence: this.sent });
      for (;;) {
        const error = await this.tryOnce(batch);
        if (error === 'NONE') break;
        if (error === 'OUT_OF_ORDER_SEQUENCE_NUMBER') throw new Error(`${value} was refused: what was acknowledged before it is gone`);
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.sent += 1;
    }
    this.client?.raw.close();
  }

  end(): void {
    this.isEnding = true;
  }

  private async tryOnce(batch: Uint8Array): Promise<string> {
    const leader = this.brokers.brokers.get(this.brokers.leaderOf(TOPIC, this.partition));
    if (leader === undefined || !leader.isUp) return 'LEADER_NOT_AVAILABLE';
    try {
      if (this.client?.port !== leader.port || !this.client.raw.connection.isOpen) {
        this.client?.raw.close();
        this.client = { port: leader.port, raw: await RawClient.connect(leader.port) };
      }
      return errorName((await this.client.raw.produce(TOPIC, new Uint8Array(batch), { partition: this.partition, acks: -1 })).errorCode);
    } catch {
      return 'NETWORK_EXCEPTION';
    }
  }
}

/** Brokers crash, come back, lose their link, are taken for dead while they live; leaders are moved back. Never is more than one of them in trouble, so there is always progress. */
async function chaos(brokers: ReplicatedBrokers, random: SeededRandom): Promise<string[]> {
  const events: string[] = [];
  const end = performance.now() + CHAOS_MS;
  const pause = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 50 + random.integer(300)));
  while (performance.now() < end) {
    const id = 1 + random.integer(3);
    const broker = brokers.broker(id);
    const kind = random.pick(['crash', 'stop', 'isolate', 'isolate and fence', 'cut', 'prefer'] as const);
    events.push(`${kind} ${id}`);
    switch (kind) {
      case 'crash':
        await brokers.crash(id);
        await pause();
        await brokers.startBroker(id);
        break;
      case 'stop':
        brokers.fence(id);
        await broker.end('stop');
        await pause();
        await brokers.startBroker(id);
        break;
      case 'isolate':
      case 'isolate and fence':
        broker.isolate();
        await pause();
        if (kind === 'isolate and fence') brokers.fence(id);
        await pause();
        broker.rejoin();
        break;
      case 'cut':
        broker.transport.cut();
        await pause();
        broker.transport.isCut = false;
        break;
      case 'prefer':
        for (let partition = 0; partition < PARTITIONS; partition++) brokers.electPreferred(TOPIC, partition);
    }
    await pause();
  }
  return events;
}

async function logOf(brokers: ReplicatedBrokers, id: number, partition: number): Promise<{ values: (string | null)[]; bytes: string }> {
  const client = await brokers.client(id);
  const values: (string | null)[] = [];
  const bytes: Buffer[] = [];
  for (let offset = 0; ; ) {
    const response = await client.ask(Fetch, 12, { maxWaitMs: 0, minBytes: 1, maxBytes: 1e7, isolationLevel: 0, topics: [{ topic: TOPIC, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 1e7 }] }], forgottenTopicsData: [] });
    const records = response.responses[0]?.partitions[0]?.records ?? new Uint8Array();
    const found = valuesIn(records);
    if (found.length === 0) return { values, bytes: Buffer.concat(bytes).toString('base64') };
    values.push(...found);
    bytes.push(Buffer.from(records));
    offset += found.length;
  }
}

async function endOf(brokers: ReplicatedBrokers, id: number, partition: number): Promise<number> {
  const response = await (await brokers.client(id)).ask(ListOffsets, 7, { replicaId: ANY_REPLICA, isolationLevel: 0, topics: [{ name: TOPIC, partitions: [{ partitionIndex: partition, timestamp: -1 }] }] });
  return response.topics[0]?.partitions[0]?.offset ?? -1;
}

describe('three brokers in trouble', () => {
  const seeds = Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i);

  it.each(seeds)('keep what they acknowledged, once and in order, the same on all (seed %i)', async (seed) => {
    const brokers = await ReplicatedBrokers.start(3, { 'replica.lag.time.max.ms': '400' });
    try {
      await brokers.createTopic(TOPIC, { replicas: [[1, 2, 3], [2, 3, 1]], configs: { 'min.insync.replicas': '2' } });
      const producers = Array.from({ length: PARTITIONS }, (_, partition) => new Producer(brokers, partition));
      const producing = Promise.all(producers.map((it) => it.run()));
      const events = await chaos(brokers, new SeededRandom(seed));
      for (const it of producers) it.end();
      await producing;
      await brokers.settled();
      for (let partition = 0; partition < PARTITIONS; partition++) {
        await brokers.untilIsr(TOPIC, [1, 2, 3], partition);
        const { sent } = producers[partition]!;
        const expected = Array.from({ length: sent }, (_, i) => `${partition}-${i}`);
        for (const id of [1, 2, 3]) await waitFor(`broker ${id} shows all of partition ${partition}; events ${events.join(', ')}`, 5000, async () => (await logOf(brokers, id, partition)).values.length >= sent);
        const logs = await Promise.all([1, 2, 3].map((id) => logOf(brokers, id, partition)));
        for (const { values } of logs) expect({ events, values }).toEqual({ events, values: expected });
        expect(new Set(logs.map((it) => it.bytes)).size).toBe(1);
        expect(await Promise.all([1, 2, 3].map((id) => endOf(brokers, id, partition)))).toEqual([sent, sent, sent]);
        expect(sent).toBeGreaterThan(20);
      }
    } finally {
      await brokers.stop();
    }
  });
});
