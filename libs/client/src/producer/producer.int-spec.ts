import { COMPRESSION_TYPES } from '@millrace/foundation';
import { ScriptedCluster, type Fault, type ScriptedClusterOptions } from '../../test/scripted-cluster.js';
import { APPEND_FULL, Producer } from './producer.js';
import type { BatchAck } from './producer-batch.js';
import type { ProducerSettings } from './producer-options.js';

/** A seeded source of chance (mulberry32), so that a failure can be seen again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe('Producer against brokers that fail', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function cluster(options: Partial<ScriptedClusterOptions> = {}): Promise<ScriptedCluster> {
    const it = new ScriptedCluster({ nodes: 2, partitions: 3, fault: () => 'none', ...options });
    await it.start();
    closing.push(() => it.stop());
    return it;
  }
  function producerFor(it: ScriptedCluster, settings: ProducerSettings = {}): Producer {
    const producer = new Producer({ bootstrapServers: it.bootstrapServers, lingerMs: 1, batchSize: 400, retryBackoffMs: 5, retryBackoffMaxMs: 20, reconnectBackoffMs: 1, reconnectBackoffMaxMs: 5, ...settings });
    closing.unshift(() => producer.close({ timeoutMs: 1000 }));
    return producer;
  }
  /** Sends `count` records by each partition, in bursts, and waits for all. */
  async function sendAll(producer: Producer, partitions: number, count: number): Promise<void> {
    const sends: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      for (let partition = 0; partition < partitions; partition++) sends.push(producer.send({ topic: 't', partition, value: `${i}` }));
      if (i % 40 === 39) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(sends);
  }
  const inOrder = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

  it.each([1, 2, 3, 4])('appends each record once and in order, whatever is refused, lost or moved (seed %i)', async (seed) => {
    const random = seeded(seed);
    const faults: readonly Fault[] = ['refuse', 'drop-before', 'drop-after', 'move-leader'];
    const it = await cluster({ fault: () => (random() < 0.12 ? faults[Math.floor(random() * faults.length)]! : 'none') });
    await sendAll(producerFor(it), 3, 400);
    for (const partition of it.partitions) expect(partition.values).toEqual(inOrder(400));
    expect(it.producerIds).toHaveLength(1);
  });

  it.each([1, 2])('starts a new epoch when a broker has lost its sequences, and loses nothing (seed %i)', async (seed) => {
    const random = seeded(seed);
    const it = await cluster({ fault: () => (random() < 0.1 ? 'forget-producers' : 'none') });
    await sendAll(producerFor(it), 3, 2000);
    for (const partition of it.partitions) {
      expect(partition.values).toEqual(inOrder(2000));
      expect(Math.max(...[...partition.producers.values()].map((state) => state.epoch))).toBeGreaterThan(0);
    }
  });

  it('sends a batch of unknown fate again as what it was, when another partition has begun a new epoch meanwhile', async () => {
    let isAnswerLost = false;
    let isHeldUp = true;
    const fault = (partition: number): Fault => {
      if (partition !== 0 || !isHeldUp) return 'none';
      if (isAnswerLost) return 'refuse';
      isAnswerLost = true;
      return 'drop-after';
    };
    const it = await cluster({ partitions: 2, maxBatchBytes: 400, fault });
    const producer = producerFor(it);
    const unknown = producer.send({ topic: 't', partition: 0, value: 'a' });
    while (it.partitions[0]?.values.length === 0) await new Promise(setImmediate);
    const epochs = (partition: number): number[] => [...it.partitions[partition]!.producers.values()].map((state) => state.epoch);
    await expect(producer.send({ topic: 't', partition: 1, value: 'x'.repeat(2000) })).rejects.toMatchObject({ code: 'KAFKA_MESSAGE_TOO_LARGE' });
    await producer.send({ topic: 't', partition: 1, value: 'b' });
    expect(epochs(1)).toEqual([1]);
    isHeldUp = false;
    await unknown;
    expect(it.partitions[0]?.values).toEqual(['a']);
    expect(epochs(0)).toEqual([0]);
    await producer.send({ topic: 't', partition: 0, value: 'a2' });
    expect(it.partitions[0]?.values).toEqual(['a', 'a2']);
    expect(epochs(0)).toEqual([1]);
  });

  it('sends to another leader at once: the pause after a failure is for the leader that it knew', async () => {
    let moves = 3;
    const it = await cluster({ partitions: 1, fault: () => (moves-- > 0 ? 'move-leader' : 'none') });
    const producer = producerFor(it, { retryBackoffMs: 3000, retryBackoffMaxMs: 3000 });
    const begunMs = performance.now();
    await producer.send({ topic: 't', partition: 0, value: 'a' });
    expect(performance.now() - begunMs).toBeLessThan(2000);
    expect(moves).toBeLessThan(0);
    expect(it.partitions[0]?.values).toEqual(['a']);
  });

  it('keeps the order without idempotence too, one batch at a time', async () => {
    const random = seeded(7);
    const it = await cluster({ fault: () => (random() < 0.15 ? 'refuse' : 'none') });
    await sendAll(producerFor(it, { enableIdempotence: false, acks: 1 }), 3, 200);
    for (const partition of it.partitions) expect(partition.values).toEqual(inOrder(200));
    expect(it.producerIds).toHaveLength(0);
  });

  it.each(COMPRESSION_TYPES)('splits a batch that is too large for the broker, in place: %s', async (compressionType) => {
    const it = await cluster({ maxBatchBytes: 120, partitions: 1 });
    const producer = producerFor(it, { compressionType, batchSize: 4000, maxInFlightRequestsPerConnection: 3 });
    const sends = inOrder(300).map((value) => producer.send({ topic: 't', value }));
    const places = await Promise.all(sends);
    expect(it.partitions[0]?.values).toEqual(inOrder(300));
    expect(places.map((place) => place.offset)).toEqual(inOrder(300).map(BigInt));
  });

  it('tells by batches which tags were acknowledged and which failed, also of split batches', async () => {
    const it = await cluster({ maxBatchBytes: 200, partitions: 2 });
    const producer = producerFor(it, { batchSize: 2000 });
    const acks: BatchAck[] = [];
    producer.onBatch = (ack) => acks.push(ack);
    await producer.writable('t');
    const huge = 33;
    for (let tag = 0; tag < 100; tag++) {
      const value = Buffer.from(tag === huge ? 'x'.repeat(300) : `${tag}`);
      expect(producer.append('t', tag % 2, null, value, Date.now(), tag % 10 === 0 ? [{ key: 'h', value: null }] : undefined, tag)).toBe(tag % 2);
    }
    await producer.flush();
    const tagsOf = (list: readonly BatchAck[]): number[] => list.flatMap(({ tagRuns }) => Array.from({ length: tagRuns.length / 2 }, (_, i) => Array.from({ length: tagRuns[2 * i + 1]! - tagRuns[2 * i]! + 1 }, (__, k) => tagRuns[2 * i]! + k)).flat());
    expect(tagsOf(acks.filter((ack) => ack.error !== undefined))).toEqual([huge]);
    const good = acks.filter((ack) => ack.error === undefined);
    expect(tagsOf(good).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, tag) => tag).filter((tag) => tag !== huge));
    for (const ack of good) expect(it.partitions[ack.partition]?.values.slice(ack.baseOffset, ack.baseOffset + ack.count)).toEqual(tagsOf([ack]).map(String));
  });

  it('is full at buffer.memory, and writable again when answers come', async () => {
    const it = await cluster({ partitions: 1 });
    const producer = producerFor(it, { bufferMemory: 2000, lingerMs: 10_000 });
    await producer.writable('t');
    let sent = 0;
    let refusals = 0;
    while (sent < 500) {
      if (producer.append('t', null, null, Buffer.from(`${sent}`), 1, undefined, sent) !== APPEND_FULL) {
        sent += 1;
        expect(producer.pendingBytes).toBeLessThan(2100);
      } else {
        refusals += 1;
        await producer.writable('t');
      }
    }
    await producer.flush();
    expect(refusals).toBeGreaterThan(1);
    expect(producer.pendingBytes).toBe(0);
    expect(it.partitions[0]?.values).toEqual(inOrder(500));
  });

  it('keeps the order of sends that had to wait for room', async () => {
    const it = await cluster({ partitions: 1 });
    const producer = producerFor(it, { bufferMemory: 500 });
    await Promise.all(inOrder(300).map((value) => producer.send({ topic: 't', value })));
    expect(it.partitions[0]?.values).toEqual(inOrder(300));
  });

  it('gives up a record after delivery.timeout.ms, and goes on with the next', async () => {
    let isBroken = true;
    const it = await cluster({ partitions: 1, fault: () => (isBroken ? 'refuse' : 'none') });
    const producer = producerFor(it, { deliveryTimeoutMs: 300, requestTimeoutMs: 200 });
    await expect(producer.send({ topic: 't', value: 'late' })).rejects.toMatchObject({ code: expect.stringMatching(/DELIVERY_TIMED_OUT|KAFKA_NOT_ENOUGH_REPLICAS/) });
    isBroken = false;
    await producer.send({ topic: 't', value: 'next' });
    expect(it.partitions[0]?.values).toEqual(['next']);
  });

  it('speaks the versions that the broker has, and falls back as KIP-511 says', async () => {
    for (const [produceMax, apiVersionsMax] of [[3, 0], [8, 2], [12, 4], [99, 4]] as const) {
      const it = await cluster({ produceMax, apiVersionsMax, partitions: 1 });
      await producerFor(it).send({ topic: 't', value: 'v' });
      expect([...it.produceVersions]).toEqual([Math.min(produceMax, 13)]);
    }
  });

  it('fails what is left at close, within the time it was given', async () => {
    const it = await cluster({ fault: () => 'refuse' });
    const producer = producerFor(it);
    const sent = producer.send({ topic: 't', partition: 0, value: 'v' });
    const outcome = expect(sent).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    const startedMs = performance.now();
    await producer.close({ timeoutMs: 150 });
    expect(performance.now() - startedMs).toBeLessThan(1000);
    await outcome;
    await expect(producer.send({ topic: 't', value: 'w' })).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  });
});
