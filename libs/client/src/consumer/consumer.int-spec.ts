import { topicPartitionName, type TopicPartition } from '@millrace/foundation';
import { Admin } from '../admin/admin.js';
import type { KafkaClientOptions } from '../cluster/client-options.js';
import { KafkaClient } from '../cluster/kafka-client.js';
import { Producer } from '../producer/producer.js';
import { jsonSerializer, stringSerializer } from '../serializers.js';
import { startBroker, type BrokerUnderTest } from '../../test/broker-under-test.js';
import { Consumer } from './consumer.js';
import type { ConsumerSettings } from './consumer-options.js';

let broker: BrokerUnderTest;
let client: KafkaClient;
let admin: Admin;
let producer: Producer;
const closing: (() => Promise<void>)[] = [];
const run = `${process.pid}-${Date.now()}`;
let made = 0;

beforeAll(async () => {
  broker = await startBroker();
  client = new KafkaClient({ bootstrapServers: broker.bootstrapServers, clientId: 'consumer-spec', retryBackoffMs: 20 });
  admin = new Admin({ client });
  producer = new Producer({ client, lingerMs: 1 });
});
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});
afterAll(async () => {
  await producer.close();
  client.close();
  await broker.stop();
});

async function topic(partitions: number, name = `topic-${run}-${made++}`): Promise<string> {
  const [outcome] = await admin.createTopics([{ name, partitions, replicationFactor: 1 }]);
  expect(outcome?.error).toBeUndefined();
  return name;
}
const group = (): string => `group-${run}-${made++}`;
function consumer(settings: ConsumerSettings & Partial<KafkaClientOptions>): Consumer<string, string> {
  const it = new Consumer<string, string>({ bootstrapServers: broker.bootstrapServers, autoOffsetReset: 'earliest', heartbeatIntervalMs: 100, sessionTimeoutMs: 6000, retryBackoffMs: 20, keyDeserializer: stringSerializer, valueDeserializer: stringSerializer, ...settings });
  closing.push(() => it.close({ timeoutMs: 5000 }));
  return it;
}
async function fill(name: string, partition: number, from: number, to: number): Promise<void> {
  await Promise.all(Array.from({ length: to - from }, (_, i) => producer.send({ topic: name, partition, key: `k${from + i}`, value: `${from + i}` })));
}
/** Polls until `count` records came. */
async function take(it: Consumer<string, string>, count: number): Promise<string[]> {
  const values: string[] = [];
  for (const deadline = Date.now() + 20_000; values.length < count && Date.now() < deadline; ) for (const record of await it.poll(200)) values.push(`${topicPartitionName(record).split('-').at(-1)}:${record.value}`);
  return values;
}
/** Polls all of them until the condition holds; gives what came. */
async function pollUntil(all: readonly Consumer<string, string>[], isDone: () => boolean): Promise<void> {
  const deadline = Date.now() + 25_000;
  while (!isDone()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${JSON.stringify(all.map((it) => it.assignment))}`);
    await Promise.all(all.map((it) => it.poll(50)));
  }
}
const at = (name: string, partition = 0): TopicPartition => ({ topic: name, partition });
const range = (partition: number, from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${partition}:${from + i}`);

describe('Consumer of assigned partitions', () => {
  it('tells of a partition\'s error once for each time that it is met, and reads on when its cause is gone', async () => {
    const name = await topic(1);
    const it = consumer({ autoOffsetReset: 'none' });
    it.assign([at(name)]);
    it.seek(at(name), 5);
    for (let i = 0; i < 2; i++) await expect(it.poll(5000)).rejects.toMatchObject({ code: 'KAFKA_OFFSET_OUT_OF_RANGE' });
    await fill(name, 0, 0, 6);
    const values: string[] = [];
    for (let polls = 0; values.length === 0 && polls < 20; polls++) {
      try {
        for (const record of await it.poll(200)) values.push(`${record.value}`);
      } catch (error) {
        expect(error).toMatchObject({ code: 'KAFKA_OFFSET_OUT_OF_RANGE' });
      }
    }
    expect(values).toEqual(['5']);
  });

  it('reads from the beginning, in order, with headers, bigint offsets and null values', async () => {
    const name = await topic(1);
    await producer.send({ topic: name, key: 'k', value: null, headers: { trace: 'abc', none: null }, timestamp: 1234 });
    await producer.send({ topic: name, value: '1' });
    const it = consumer({});
    it.assign([at(name)]);
    const records = [];
    while (records.length < 2) records.push(...(await it.poll(500)));
    expect(records[0]).toEqual({ topic: name, partition: 0, offset: 0n, timestampMs: 1234, key: 'k', value: null, headers: [{ key: 'trace', value: Buffer.from('abc') }, { key: 'none', value: null }] });
    expect(records[1]).toMatchObject({ offset: 1n, key: null, value: '1' });
    expect(it.position(at(name))).toBe(2n);
    expect(it.lag(at(name))).toBe(0);
  });

  it('gives at most max.poll.records, and goes on where it stopped', async () => {
    const name = await topic(1);
    await fill(name, 0, 0, 50);
    const it = consumer({ maxPollRecords: 7 });
    it.assign([at(name)]);
    const values: string[] = [];
    for (let polls = 0; values.length < 50 && polls < 500; polls++) {
      const records = await it.poll(200);
      expect(records.count).toBeLessThanOrEqual(7);
      for (const record of records) values.push(`0:${record.value}`);
    }
    expect(values).toEqual(range(0, 0, 50));
  });

  it('seeks, to either end as well, and pauses and resumes', async () => {
    const name = await topic(2);
    await fill(name, 0, 0, 10);
    await fill(name, 1, 0, 10);
    const it = consumer({});
    it.assign([at(name, 0), at(name, 1)]);
    expect((await take(it, 20)).sort()).toEqual([...range(0, 0, 10), ...range(1, 0, 10)].sort());
    it.pause([at(name, 1)]);
    it.seekToBeginning();
    expect(await take(it, 10)).toEqual(range(0, 0, 10));
    expect((await it.poll(50)).count).toBe(0);
    expect(it.paused).toEqual([at(name, 1)]);
    it.seek(at(name, 1), 8n);
    it.resume([at(name, 1)]);
    expect(await take(it, 2)).toEqual(range(1, 8, 10));
    it.seekToEnd([at(name, 0)]);
    it.seek(at(name, 1), 10);
    await it.poll(50);
    await fill(name, 0, 10, 12);
    expect(await take(it, 2)).toEqual(range(0, 10, 12));
  });

  it('walks fetched batches without an object per record, from the middle of a batch on', async () => {
    const name = await topic(1);
    await producer.flush();
    await fill(name, 0, 0, 100);
    const it = consumer({});
    it.assign([at(name)]);
    it.seek(at(name), 13);
    const offsets: number[] = [];
    while (offsets.length < 87) for (const records of await it.pollBatches(500)) while (records.next()) offsets.push(records.cursor.offset);
    expect(offsets).toEqual(Array.from({ length: 87 }, (_, i) => 13 + i));
    expect(it.position(at(name))).toBe(100n);
  });

  it('says which record cannot be deserialized, stays on it, and goes on after a seek', async () => {
    const name = await topic(1);
    for (const value of ['{"a":1}', 'no json', '{"a":2}']) await producer.send({ topic: name, value });
    const it = new Consumer<string, unknown>({ bootstrapServers: broker.bootstrapServers, autoOffsetReset: 'earliest', valueDeserializer: jsonSerializer });
    closing.push(() => it.close());
    it.assign([at(name)]);
    const seen: unknown[] = [];
    while (seen.length < 1) for (const record of await it.poll(500)) seen.push(record.value);
    await expect(it.poll(500)).rejects.toMatchObject({ code: 'DESERIALIZATION_FAILED', message: expect.stringContaining('offset 1') });
    it.seek(at(name), 2);
    while (seen.length < 2) for (const record of await it.poll(500)) seen.push(record.value);
    expect(seen).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('resets a position that the log has not got, or says so with auto.offset.reset=none', async () => {
    const name = await topic(1);
    await fill(name, 0, 0, 5);
    const it = consumer({ autoOffsetReset: 'earliest' });
    it.assign([at(name)]);
    it.seek(at(name), 99);
    expect(await take(it, 5)).toEqual(range(0, 0, 5));
    const strict = consumer({ autoOffsetReset: 'none' });
    strict.assign([at(name)]);
    await expect(strict.poll(5000)).rejects.toMatchObject({ code: 'NO_OFFSET' });
    strict.seek(at(name), 99);
    await expect(strict.poll(5000)).rejects.toMatchObject({ code: 'KAFKA_OFFSET_OUT_OF_RANGE' });
    strict.seek(at(name), 3);
    expect(await take(strict, 2)).toEqual(range(0, 3, 5));
  });

  it('wakes up from a poll, refuses a second one, and ends with close', async () => {
    const name = await topic(1);
    const it = consumer({});
    it.assign([at(name)]);
    const polling = it.poll(60_000);
    await expect(it.poll(1)).rejects.toMatchObject({ code: 'INVALID_STATE' });
    it.wakeup();
    await expect(polling).rejects.toMatchObject({ code: 'WAKEUP' });
    const again = it.poll(60_000);
    const outcome = expect(again).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    await it.close();
    await outcome;
  });

  it('answers for times, beginnings and ends', async () => {
    const name = await topic(1);
    for (const timestamp of [1000, 2000, 3000]) await producer.send({ topic: name, value: 'v', timestamp });
    const it = consumer({});
    expect(await it.offsetsForTimes([{ ...at(name), timestampMs: 1500 }])).toEqual([{ ...at(name), offset: 1n, timestampMs: 2000 }]);
    expect(await it.offsetsForTimes([{ ...at(name), timestampMs: 9000 }])).toEqual([]);
    expect(await it.beginningOffsets([at(name)])).toEqual([{ ...at(name), offset: 0n }]);
    expect(await it.endOffsets([at(name)])).toEqual([{ ...at(name), offset: 3n }]);
  });
});

describe('Consumer in a group', () => {
  it('commits by hand with metadata, and another member goes on from there', async () => {
    const [name, groupId] = [await topic(1), group()];
    await fill(name, 0, 0, 10);
    const first = consumer({ groupId, enableAutoCommit: false });
    first.subscribe([name]);
    await take(first, 10);
    await first.commit([{ ...at(name), offset: 4n, metadata: 'note' }]);
    expect(await first.committed([at(name)])).toEqual([{ ...at(name), offset: 4n, metadata: 'note' }]);
    await first.close();
    const second = consumer({ groupId });
    second.subscribe([name]);
    expect(await take(second, 6)).toEqual(range(0, 4, 10));
    await second.close();
    expect(await admin.listGroupOffsets(groupId)).toEqual([{ ...at(name), offset: 10n, metadata: '' }]);
  });

  it('shares partitions as members come and go; revocations come before, and each record goes to one', async () => {
    const [name, groupId] = [await topic(4), group()];
    const events: string[] = [];
    const listener = (who: string): Parameters<Consumer['subscribe']>[1] => ({
      onAssigned: (list) => void events.push(`${who}+${list.length}`),
      onRevoked: (list) => void events.push(`${who}-${list.length}`),
    });
    const a = consumer({ groupId });
    a.subscribe([name], listener('a'));
    await pollUntil([a], () => a.assignment.length === 4);
    const b = consumer({ groupId });
    b.subscribe([name], listener('b'));
    await pollUntil([a, b], () => a.assignment.length === 2 && b.assignment.length === 2);
    const owned = [...a.assignment, ...b.assignment].map((it) => it.partition).sort();
    expect(owned).toEqual([0, 1, 2, 3]);
    for (const partition of owned) await fill(name, partition, 0, 25);
    const seen: string[] = [];
    const deadline = Date.now() + 15_000;
    while (seen.length < 100 && Date.now() < deadline) for (const records of await Promise.all([a.poll(50), b.poll(50)])) for (const it of records) seen.push(`${it.partition}:${it.value}`);
    expect([...seen].sort()).toEqual(owned.flatMap((partition) => range(partition, 0, 25)).sort());
    await b.close();
    await pollUntil([a], () => a.assignment.length === 4);
    expect(events.filter((it) => it.startsWith('a'))).toEqual(['a+4', 'a-4', 'a+2', 'a-2', 'a+4']);
    expect(events.filter((it) => it.startsWith('b'))).toEqual(['b+2', 'b-2']);
    // Nothing is read twice: what each had read was committed before it was revoked.
    expect((await a.poll(300)).count).toBe(0);
  });

  it('follows a pattern to topics that are made later, and a larger partition count', async () => {
    const [prefix, groupId] = [`pattern-${run}-${made++}`, group()];
    await topic(1, `${prefix}-one`);
    const it = consumer({ groupId, metadataMaxAgeMs: 200 });
    it.subscribe([new RegExp(`${prefix}-.*`)]);
    await pollUntil([it], () => it.assignment.length === 1);
    await topic(2, `${prefix}-two`);
    await pollUntil([it], () => it.assignment.length === 3);
    await admin.createPartitions([{ name: `${prefix}-one`, total: 2 }]);
    await pollUntil([it], () => it.assignment.length === 4);
  });

  it('assigns round robin when all members want it', async () => {
    const [one, two, groupId] = [await topic(1), await topic(1), group()];
    const { consumerOptionsFrom } = await import('./consumer-options.js');
    const options = consumerOptionsFrom({ 'group.id': groupId, 'partition.assignment.strategy': 'org.apache.kafka.clients.consumer.RoundRobinAssignor' });
    const [a, b] = [consumer(options), consumer(options)];
    for (const it of [a, b]) it.subscribe([one, two]);
    // By ranges one member would have both.
    await pollUntil([a, b], () => a.assignment.length === 1 && b.assignment.length === 1);
  });

  it('loses its partitions when the application does not poll, and comes back when it does', async () => {
    const [name, groupId] = [await topic(1), group()];
    const events: string[] = [];
    const sleepy = consumer({ groupId, maxPollIntervalMs: 600 });
    sleepy.subscribe([name], { onAssigned: () => void events.push('assigned'), onLost: () => void events.push('lost') });
    await pollUntil([sleepy], () => sleepy.assignment.length === 1);
    const other = consumer({ groupId });
    other.subscribe([name]);
    await pollUntil([other], () => other.assignment.length === 1);
    await expect(sleepy.commit([{ ...at(name), offset: 0 }])).rejects.toMatchObject({ code: 'COMMIT_FAILED' });
    await other.close();
    await pollUntil([sleepy], () => events.length >= 3);
    expect(events).toEqual(['assigned', 'lost', 'assigned']);
  });

  it('is iterated record by record', async () => {
    const [name, groupId] = [await topic(1), group()];
    await fill(name, 0, 0, 5);
    const it = consumer({ groupId });
    it.subscribe([name]);
    const values: (string | null)[] = [];
    for await (const record of it) if (values.push(record.value) === 5) break;
    expect(values).toEqual(['0', '1', '2', '3', '4']);
  });
});
