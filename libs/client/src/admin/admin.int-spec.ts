import { Producer } from '../producer/producer.js';
import { startBroker, type BrokerUnderTest } from '../../test/broker-under-test.js';
import { Admin } from './admin.js';
import { throwFailures } from './outcome.js';

let broker: BrokerUnderTest;
let admin: Admin;
const run = `${process.pid}-${Date.now()}`;
beforeAll(async () => {
  broker = await startBroker();
  admin = new Admin({ bootstrapServers: broker.bootstrapServers, retryBackoffMs: 20 });
});
afterAll(async () => {
  await admin.close();
  await broker.stop();
});

const codes = (outcomes: readonly { readonly error: { readonly code: string } | undefined }[]): (string | undefined)[] => outcomes.map((it) => it.error?.code);

describe('Admin', () => {
  const name = `admin-${run}`;

  it('creates topics, and says for each what is wrong', async () => {
    const outcomes = await admin.createTopics([{ name, partitions: 2, replicationFactor: 1, configs: { 'retention.ms': '12345' } }, { name: 'no good name', partitions: 1, replicationFactor: 1 }]);
    expect(codes(outcomes)).toEqual([undefined, 'KAFKA_INVALID_TOPIC_EXCEPTION']);
    expect(codes(await admin.createTopics([{ name, partitions: 2, replicationFactor: 1 }]))).toEqual(['KAFKA_TOPIC_ALREADY_EXISTS']);
    expect(codes(await admin.createTopics([{ name: `${name}-dry`, partitions: 2, replicationFactor: 1 }], { validateOnly: true }))).toEqual([undefined]);
    const described = await admin.describeTopics([name, `${name}-dry`]);
    expect(codes(described)).toEqual([undefined, 'KAFKA_UNKNOWN_TOPIC_OR_PARTITION']);
    expect(described[0]?.partitions.map((it) => [it.partition, it.leaderId >= 0, it.isr.length])).toEqual([[0, true, 1], [1, true, 1]]);
    expect(() => throwFailures(described)).toThrow(expect.objectContaining({ code: 'KAFKA_UNKNOWN_TOPIC_OR_PARTITION' }));
  });

  it('adds partitions, and refuses fewer', async () => {
    expect(codes(await admin.createPartitions([{ name, total: 3 }]))).toEqual([undefined]);
    expect((await admin.listTopics()).find((it) => it.name === name)?.partitions).toHaveLength(3);
    expect(codes(await admin.createPartitions([{ name, total: 1 }]))).toEqual(['KAFKA_INVALID_PARTITIONS']);
  });

  it('changes single configs and describes them', async () => {
    expect(codes(await admin.alterConfigs([{ type: 'topic', name, changes: [{ name: 'max.message.bytes', value: '2000' }, { name: 'retention.ms', operation: 'delete' }] }]))).toEqual([undefined]);
    expect(codes(await admin.alterConfigs([{ type: 'topic', name, changes: [{ name: 'max.message.bytes', value: 'many' }] }]))).toEqual(['KAFKA_INVALID_CONFIG']);
    const [topic] = await admin.describeConfigs([{ type: 'topic', name }]);
    const entries = new Map(topic?.entries.map((it) => [it.name, it]));
    expect(entries.get('max.message.bytes')).toMatchObject({ value: '2000', source: 'topic', isDefault: false });
    expect(entries.get('retention.ms')).toMatchObject({ isDefault: true });
  });

  it('finds offsets, and deletes records', async () => {
    const producer = new Producer({ bootstrapServers: broker.bootstrapServers });
    for (let i = 0; i < 10; i++) await producer.send({ topic: name, partition: 0, value: `${i}`, timestamp: 1000 + i });
    await producer.close();
    const at = { topic: name, partition: 0 };
    const offsets = await admin.listOffsets([{ ...at, at: 'earliest' }, { ...at, at: 'latest' }, { ...at, at: 1004 }, { topic: name, partition: 1, at: 'latest' }]);
    expect(offsets.map((it) => `${it.partition}:${it.offset}`).sort()).toEqual(['0:0', '0:10', '0:4', '1:0']);
    expect(await admin.deleteRecords([{ ...at, beforeOffset: 6n }, { topic: name, partition: 1, beforeOffset: -1 }])).toEqual([
      { ...at, lowWatermark: 6n, error: undefined },
      { topic: name, partition: 1, lowWatermark: 0n, error: undefined },
    ]);
    expect((await admin.listOffsets([{ ...at, at: 'earliest' }]))[0]?.offset).toBe(6n);
    expect(codes(await admin.deleteRecords([{ ...at, beforeOffset: 99 }]))).toEqual(['KAFKA_OFFSET_OUT_OF_RANGE']);
    const hasty = new Admin({ bootstrapServers: broker.bootstrapServers, apiTimeoutMs: 300 });
    await expect(hasty.listOffsets([{ topic: 'not-there', partition: 0, at: 'latest' }])).rejects.toMatchObject({ isRetriable: true });
    await hasty.close();
  });

  it('looks after groups and their offsets', async () => {
    const groupId = `admin-group-${run}`;
    const at = { topic: name, partition: 0 };
    await admin.alterGroupOffsets(groupId, [{ ...at, offset: 7n, metadata: 'why' }, { topic: name, partition: 1, offset: 0 }]);
    expect(await admin.listGroupOffsets(groupId, [at])).toEqual([{ ...at, offset: 7n, metadata: 'why' }]);
    expect((await admin.listGroups()).find((it) => it.groupId === groupId)).toMatchObject({ protocolType: '', state: 'Empty' });
    expect(await admin.describeGroups([groupId, 'nobody'])).toMatchObject([{ state: 'Empty', members: [], error: undefined }, { state: 'Dead' }]);
    expect(codes(await admin.deleteGroupOffsets(groupId, [at]))).toEqual([undefined]);
    expect(await admin.listGroupOffsets(groupId)).toEqual([{ topic: name, partition: 1, offset: 0n, metadata: '' }]);
    await admin.deleteGroup(groupId);
    await expect(admin.deleteGroup(groupId)).rejects.toMatchObject({ code: 'KAFKA_GROUP_ID_NOT_FOUND' });
  });

  it('describes the cluster, and deletes topics', async () => {
    const { brokers, clusterId, controllerId } = await admin.describeCluster();
    expect(clusterId).toMatch(/^.{22}$/);
    expect(brokers.map((it) => it.nodeId)).toContain(controllerId);
    expect(codes(await admin.deleteTopics([name, 'not-there']))).toEqual([undefined, 'KAFKA_UNKNOWN_TOPIC_OR_PARTITION']);
    expect((await admin.listTopics()).map((it) => it.name)).not.toContain(name);
  });
});
