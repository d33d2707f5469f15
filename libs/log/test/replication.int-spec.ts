import { DeleteRecords, ErrorCode, Fetch, ListOffsets, OffsetForLeaderEpoch, Produce } from '@millrace/protocol';
import { waitFor } from '@millrace/testkit';
import { batchOf, valuesIn, type RawClient } from './local-broker.js';
import { ReplicatedBrokers } from './replicated-brokers.js';

const TOPIC = 'orders';
const ANY_REPLICA = -2;

let cluster: ReplicatedBrokers | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function start(properties: Readonly<Record<string, string>> = {}, count = 3): Promise<ReplicatedBrokers> {
  return (cluster = await ReplicatedBrokers.start(count, properties));
}

function batch(...values: string[]): Uint8Array {
  return batchOf(values.map((value) => ({ value })));
}

async function endOf(client: RawClient, topic = TOPIC): Promise<number> {
  const response = await client.ask(ListOffsets, 7, { replicaId: ANY_REPLICA, isolationLevel: 0, topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] });
  return response.topics[0]?.partitions[0]?.offset ?? -1;
}

/** What consumers can see on this broker, whatever its role. */
async function visible(client: RawClient, topic = TOPIC): Promise<(string | null)[]> {
  const values: (string | null)[] = [];
  for (let offset = 0; ; ) {
    const fetched = await client.fetch(topic, offset);
    if (fetched.errorCode !== 0) throw new Error(`fetch answered ${fetched.errorCode}`);
    const found = valuesIn(fetched.records);
    if (found.length === 0) return values;
    values.push(...found);
    offset += found.length;
  }
}

async function untilVisible(client: RawClient, count: number, topic = TOPIC): Promise<void> {
  await waitFor(`${count} records are visible`, 10_000, async () => (await visible(client, topic)).length >= count);
}

describe('replicas', () => {
  it('have the bytes of their leader, and show what is on all in sync', async () => {
    const brokers = await start();
    await brokers.createTopic(TOPIC);
    const [leader, second, third] = await Promise.all([brokers.client(1), brokers.client(2), brokers.client(3)]);
    for (let i = 0; i < 100; i++) expect((await leader.produce(TOPIC, batch(`a${i}`, `b${i}`), { acks: -1 })).errorCode).toBe(0);
    await untilVisible(second, 200);
    await untilVisible(third, 200);
    const bytes = await Promise.all([leader, second, third].map(async (it) => Buffer.from((await it.fetch(TOPIC, 0)).records ?? []).toString('base64')));
    expect(new Set(bytes).size).toBe(1);
    expect(brokers.isrOf(TOPIC)).toEqual([1, 2, 3]);
  });

  it('that are not the leader refuse producers, and offsets by time', async () => {
    const brokers = await start();
    await brokers.createTopic(TOPIC);
    const second = await brokers.client(2);
    const answer = await second.produce(TOPIC, batch('x'), { version: 12 });
    expect([answer.errorCode, answer.currentLeader]).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER, { leaderId: 1, leaderEpoch: 0 }]);
    expect((await second.offsetAt(TOPIC, -1)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect((await second.fetch(TOPIC, 0, { version: 10 })).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });
});

describe('the leader crashes', () => {
  it('and nothing that was acknowledged is lost; what it had alone is cut when it comes back', async () => {
    const brokers = await start();
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    for (let i = 0; i < 20; i++) await first.produce(TOPIC, batch(`acked${i}`), { acks: -1 });
    for (const id of [2, 3]) brokers.broker(id).transport.cut();
    for (let i = 0; i < 5; i++) expect((await first.produce(TOPIC, batch(`alone${i}`), { acks: 1 })).errorCode).toBe(0);
    expect(await endOf(first)).toBe(25);
    await brokers.crash(1);
    for (const id of [2, 3]) brokers.broker(id).transport.isCut = false;
    await brokers.settled();
    expect([brokers.leaderOf(TOPIC), brokers.isrOf(TOPIC)]).toEqual([2, [2, 3]]);
    const second = await brokers.client(2);
    for (let i = 0; i < 3; i++) expect((await second.produce(TOPIC, batch(`later${i}`), { acks: -1 })).errorCode).toBe(0);
    await brokers.startBroker(1);
    await brokers.untilIsr(TOPIC, [1, 2, 3]);
    const expected = [...Array.from({ length: 20 }, (_, i) => `acked${i}`), 'later0', 'later1', 'later2'];
    for (const id of [1, 2, 3]) {
      const client = await brokers.client(id);
      await untilVisible(client, expected.length);
      expect([await visible(client), await endOf(client)]).toEqual([expected, expected.length]);
    }
    expect(brokers.broker(1).logger.lines.some((it) => it.message.includes('cut to where they agree'))).toBe(true);
    brokers.electPreferred(TOPIC);
    await brokers.settled();
    const again = await brokers.client(1);
    expect((await again.produce(TOPIC, batch('last'), { acks: -1 })).errorCode).toBe(0);
    const epochs = await again.ask(OffsetForLeaderEpoch, 4, { replicaId: -1, topics: [{ topic: TOPIC, partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }] });
    expect(epochs.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 20 });
  });

  it('and one that began an epoch without writing in it follows the next leader', async () => {
    const brokers = await start();
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    await first.produce(TOPIC, batch('x'), { acks: -1 });
    await brokers.crash(1);
    await brokers.settled();
    expect(brokers.leaderOf(TOPIC)).toBe(2);
    brokers.fence(2);
    await brokers.settled();
    expect(brokers.leaderOf(TOPIC)).toBe(3);
    const third = await brokers.client(3);
    await third.produce(TOPIC, batch('y'), { acks: 1 });
    const second = await brokers.client(2);
    await waitFor('broker 2 has it', 5000, async () => (await endOf(second)) === 2);
  });
});

describe('followers fall behind', () => {
  it('and leave the in-sync replicas, and come back', async () => {
    const brokers = await start();
    await brokers.createTopic(TOPIC, { configs: { 'min.insync.replicas': '2' } });
    const first = await brokers.client(1);
    await first.produce(TOPIC, batch('all'), { acks: -1 });
    brokers.broker(3).transport.cut();
    const started = Date.now();
    expect((await first.produce(TOPIC, batch('two'), { acks: -1 })).errorCode).toBe(0);
    expect(Date.now() - started).toBeGreaterThan(100);
    await brokers.untilIsr(TOPIC, [1, 2]);
    expect((await first.produce(TOPIC, batch('two again'), { acks: -1 })).errorCode).toBe(0);
    // Too few: refused before anything is appended; who asks for less goes on, unseen until there are enough again.
    brokers.broker(2).transport.cut();
    await first.produce(TOPIC, batch('unseen'), { acks: 1 });
    await brokers.untilIsr(TOPIC, [1]);
    expect((await first.produce(TOPIC, batch('refused'), { acks: -1 })).errorCode).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    expect((await first.produce(TOPIC, batch('one'), { acks: 1 })).errorCode).toBe(0);
    expect([await endOf(first), await visible(first)]).toEqual([5, ['all', 'two', 'two again']]);
    const { isrShrinks, isrExpands, partitions } = brokers.broker(1).server.metrics();
    expect([isrShrinks, isrExpands, partitions[0]]).toMatchObject([2, 0, { isUnderReplicated: true, isUnderMinIsr: true, isAtMinIsr: false, replicas: 3, inSyncReplicas: 1 }]);
    brokers.broker(2).transport.isCut = false;
    await brokers.untilIsr(TOPIC, [1, 2]);
    expect((await first.produce(TOPIC, batch('enough'), { acks: -1 })).errorCode).toBe(0);
    brokers.broker(3).transport.isCut = false;
    await brokers.untilIsr(TOPIC, [1, 2, 3]);
    const third = await brokers.client(3);
    await untilVisible(third, 6);
    expect(await visible(third)).toEqual(['all', 'two', 'two again', 'unseen', 'one', 'enough']);
    const [leading, following] = [brokers.broker(1).server.metrics(), brokers.broker(3).server.metrics()];
    expect([leading.isrExpands, leading.partitions[0]?.isUnderReplicated, following.maxLag, following.bytesIn]).toEqual([2, false, 0, 0]);
    expect([following.replicationBytesIn, leading.replicationBytesOut >= leading.bytesIn]).toEqual([leading.bytesIn, true]);
  });

  it('and a produce ends with its time, or with too few replicas after all', async () => {
    const brokers = await start({ 'replica.lag.time.max.ms': '2000' });
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    for (const id of [2, 3]) brokers.broker(id).transport.cut();
    const partitionData = [{ index: 0, records: batch('late') }];
    const late = await first.ask(Produce, 9, { acks: -1, timeoutMs: 100, topicData: [{ name: TOPIC, partitionData }] });
    expect(late.responses[0]?.partitionResponses[0]?.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    const waiting = first.produce(TOPIC, batch('waits'), { acks: -1 });
    await waitFor('it is appended', 2000, async () => (await endOf(await brokers.client(1))) === 2);
    brokers.setConfig(TOPIC, { 'min.insync.replicas': '2' });
    brokers.broker(2).transport.isCut = false;
    // 2 comes back and 3 leaves: enough.
    expect((await waiting).errorCode).toBe(0);
  });

  it('and what came to follow a leader while it was being connected to is fetched with the first of it', async () => {
    const brokers = await start({ 'replica.fetch.wait.max.ms': '8000', 'replica.lag.time.max.ms': '30000' }, 2);
    let release = (): void => undefined;
    brokers.broker(2).transport.held = new Promise((resolve) => (release = resolve));
    for (const name of ['first', 'second']) await brokers.createTopic(name, { replicas: [[1, 2]] });
    release();
    const started = performance.now();
    expect((await (await brokers.client(1)).produce('second', batch('x'), { acks: -1 })).errorCode).toBe(0);
    expect(performance.now() - started).toBeLessThan(4000);
  }, 20_000);

  it('and nobody waits for one that was fenced while it was about to join', async () => {
    const brokers = await start({ 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    await brokers.crash(3);
    await brokers.settled();
    expect(brokers.isrOf(TOPIC)).toEqual([1, 2]);
    const started = Date.now();
    expect((await first.produce(TOPIC, batch('x'), { acks: -1 })).errorCode).toBe(0);
    expect(Date.now() - started).toBeLessThan(3000);
  });
});

describe('while a produce waits for replicas', () => {
  it('the leader moves: it is told to go there', async () => {
    const brokers = await start({ 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    brokers.broker(3).transport.cut();
    const waiting = first.produce(TOPIC, batch('x'), { acks: -1, version: 12 });
    await waitFor('it is appended', 2000, async () => (await endOf(await brokers.client(1))) === 1);
    brokers.fence(1);
    const answer = await waiting;
    expect([answer.errorCode, answer.currentLeader]).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER, { leaderId: 2, leaderEpoch: 1 }]);
  });
});

describe('records are deleted', () => {
  it('on all replicas before it is answered', async () => {
    const brokers = await start();
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    await first.produce(TOPIC, batch('a', 'b', 'c', 'd', 'e'), { acks: -1 });
    const ask = (timeoutMs: number, offset: number) => first.ask(DeleteRecords, 2, { timeoutMs, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, offset }] }] });
    expect((await ask(5000, 2)).topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 2 });
    for (const id of [2, 3]) {
      const client = await brokers.client(id);
      expect((await client.fetch(TOPIC, 1)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    }
    brokers.broker(3).transport.cut();
    expect((await ask(200, 3)).topics[0]?.partitions[0]).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT, lowWatermark: -1 });
    // A replica that begins anew, where the leader's log begins inside a batch.
    await brokers.crash(3);
    await brokers.settled();
    expect((await ask(5000, 4)).topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 4 });
    brokers.forget(3);
    await brokers.startBroker(3);
    await brokers.untilIsr(TOPIC, [1, 2, 3]);
    const third = await brokers.client(3);
    await waitFor('3 begins where the leader does', 5000, async () => (await third.fetch(TOPIC, 4)).logStartOffset === 4);
    await first.produce(TOPIC, batch('f'), { acks: -1 });
    expect(await endOf(third)).toBe(6);
    expect((await third.fetch(TOPIC, 3)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });
});

describe('the closest replica', () => {
  it('serves consumers of its rack', async () => {
    const brokers = (cluster = await ReplicatedBrokers.start(3, { 'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector' }, (id) => ({ 'broker.rack': `r${id}` })));
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    for (let i = 0; i < 3; i++) await first.produce(TOPIC, batch(`x${i}`), { acks: -1 });
    const ask = (client: RawClient, rackId: string) => client.ask(Fetch, 12, { maxWaitMs: 0, minBytes: 1, maxBytes: 1e6, isolationLevel: 0, rackId, topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1e6 }] }], forgottenTopicsData: [] });
    const answers = await Promise.all(['r1', 'r3', 'nowhere', ''].map((rack) => ask(first, rack)));
    expect(answers.map((it) => [it.responses[0]?.partitions[0]?.preferredReadReplica, valuesIn(it.responses[0]?.partitions[0]?.records ?? null).length])).toEqual([[-1, 3], [3, 0], [-1, 3], [-1, 3]]);
    const third = await brokers.client(3);
    await untilVisible(third, 3);
    expect((await ask(third, 'r3')).responses[0]?.partitions[0]?.preferredReadReplica).toBe(-1);
  });
});

describe('a throttle', () => {
  it('slows replicas that catch up, on their side or on their leader\'s, and not those in sync', async () => {
    const brokers = await start({ 'replication.quota.window.size.seconds': '1', 'replication.quota.window.num': '2' });
    await brokers.createTopic(TOPIC);
    const first = await brokers.client(1);
    const load = batchOf(Array.from({ length: 50 }, () => ({ value: 'x'.repeat(1000) })));
    for (const [broker, key] of [[1, 'leader'], [3, 'follower']] as const) {
      brokers.broker(3).transport.cut();
      await first.produce(TOPIC, batch('x'), { acks: 1 });
      await brokers.untilIsr(TOPIC, [1, 2]);
      for (let i = 0; i < 40; i++) await first.produce(TOPIC, new Uint8Array(load), { acks: 1 });
      const end = await endOf(first);
      const third = await brokers.client(3);
      brokers.setConfig(broker, { [`${key}.replication.throttled.rate`]: '200000' });
      brokers.setConfig(TOPIC, { [`${key}.replication.throttled.replicas`]: `0:${broker}` });
      await brokers.settled();
      brokers.broker(3).transport.isCut = false;
      // One answer of 1 MiB comes at once; the 2 MB in all take longer than the window.
      await waitFor('some has come', 5000, async () => (await endOf(third)) > end - 40 * 50);
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(await endOf(third)).toBeLessThan(end);
      expect((await first.produce(TOPIC, batch('others go on'), { acks: -1 })).errorCode).toBe(0);
      brokers.setConfig(broker, { [`${key}.replication.throttled.rate`]: null });
      await brokers.untilIsr(TOPIC, [1, 2, 3]);
    }
  });
});
