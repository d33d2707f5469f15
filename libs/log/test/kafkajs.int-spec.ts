import { CompressionCodecs, CompressionTypes, Kafka, logLevel, type Admin, type Consumer } from 'kafkajs';
import { nodeCodecs } from '@millrace/platform';
import { LocalBroker } from './local-broker.js';

/** kafkajs brings gzip only. */
const codec = (name: 'snappy' | 'lz4' | 'zstd') => () => ({
  compress: (encoder: { buffer: Buffer }) => Promise.resolve(Buffer.from(nodeCodecs.compression[name].compress(encoder.buffer))),
  decompress: (buffer: Buffer) => Promise.resolve(Buffer.from(nodeCodecs.compression[name].decompress(buffer, 100_000_000))),
});
CompressionCodecs[CompressionTypes.Snappy] = codec('snappy');
CompressionCodecs[CompressionTypes.LZ4] = codec('lz4');
CompressionCodecs[CompressionTypes.ZSTD] = codec('zstd');

describe('kafkajs on our broker', () => {
  let local: LocalBroker;
  let kafka: Kafka;
  let admin: Admin;
  const consumers: Consumer[] = [];

  beforeAll(async () => {
    local = await LocalBroker.start({ 'num.partitions': '2' });
    kafka = new Kafka({ brokers: [local.address], clientId: 'kafkajs', logLevel: logLevel.NOTHING });
    admin = kafka.admin();
    await admin.connect();
  });
  afterAll(async () => {
    for (const it of consumers) await it.disconnect();
    await admin.disconnect();
    await local.stop();
  });

  function collect(groupId: string, topic: string, options: { autoCommit?: boolean } = {}): { consumer: Consumer; values: string[]; run: () => Promise<void>; until: (count: number) => Promise<void> } {
    const consumer = kafka.consumer({ groupId, heartbeatInterval: 500, rebalanceTimeout: 6000, maxWaitTimeInMs: 200 });
    consumers.push(consumer);
    const values: string[] = [];
    let check = (): void => undefined;
    return {
      consumer,
      values,
      run: async () => {
        await consumer.connect();
        await consumer.subscribe({ topic, fromBeginning: true });
        await consumer.run({
          autoCommit: options.autoCommit ?? true,
          autoCommitInterval: 100,
          eachMessage: ({ message }) => {
            values.push(message.value?.toString() ?? '');
            check();
            return Promise.resolve();
          },
        });
      },
      until: (count) =>
        new Promise((resolve) => {
          check = () => values.length >= count && resolve();
          check();
        }),
    };
  }

  it.each([
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
    ['snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
    ['zstd', CompressionTypes.ZSTD],
  ])('produces (%s) to a topic that is made by asking for it, and consumes in a group', async (name, compression) => {
    const topic = `kafkajs-${name}`;
    const producer = kafka.producer({ allowAutoTopicCreation: true });
    await producer.connect();
    const sent = await producer.send({ topic, compression, messages: Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: `${name} ${i}`, headers: { h: `${i}` } })) });
    expect(sent.map((it) => it.errorCode)).toEqual(sent.map(() => 0));
    await producer.disconnect();
    const { run, values, until } = collect(`group-${name}`, topic);
    await run();
    await until(100);
    expect([...values].sort()).toEqual(Array.from({ length: 100 }, (_, i) => `${name} ${i}`).sort());
  });

  it('produces idempotently', async () => {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    await admin.createTopics({ topics: [{ topic: 'idem', numPartitions: 1 }] });
    for (let i = 0; i < 10; i++) await producer.send({ topic: 'idem', messages: [{ value: `${i}` }] });
    await producer.disconnect();
    expect(await admin.fetchTopicOffsets('idem')).toMatchObject([{ partition: 0, low: '0', high: '10' }]);
  });

  it('shares the partitions of a topic among the members of a group, and gives them over when one leaves', async () => {
    await admin.createTopics({ topics: [{ topic: 'shared', numPartitions: 4 }] });
    const first = collect('sharing', 'shared');
    const second = collect('sharing', 'shared');
    const owned = (assignments: { memberAssignment: Record<string, number[]> }[]): number => assignments.at(-1)?.memberAssignment['shared']?.length ?? 0;
    const joins = new Map<Consumer, { memberAssignment: Record<string, number[]> }[]>([[first.consumer, []], [second.consumer, []]]);
    let settled = (): void => undefined;
    const bothOwnTwo = new Promise<void>((resolve) => (settled = resolve));
    for (const [consumer, list] of joins) {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        list.push(payload);
        if ([...joins.values()].every((it) => owned(it) === 2)) settled();
      });
    }
    await first.run();
    await second.run();
    await bothOwnTwo;
    const described = await admin.describeGroups(['sharing']);
    expect(described.groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' });
    expect(described.groups[0]?.members.length).toBe(2);
    const takenOver = new Promise<void>((resolve) => {
      second.consumer.on(second.consumer.events.GROUP_JOIN, ({ payload }) => {
        if (payload.memberAssignment['shared']?.length === 4) resolve();
      });
    });
    await first.consumer.stop();
    await first.consumer.disconnect();
    await takenOver;
  });

  it('keeps commits with their metadata, resets them, deletes groups', async () => {
    await admin.createTopics({ topics: [{ topic: 'commits', numPartitions: 1 }] });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: 'commits', messages: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] });
    await producer.disconnect();
    const { consumer, run, until } = collect('committing', 'commits', { autoCommit: false });
    await run();
    await until(3);
    await consumer.commitOffsets([{ topic: 'commits', partition: 0, offset: '2', metadata: 'half way' }]);
    await consumer.stop();
    expect(await admin.fetchOffsets({ groupId: 'committing', topics: ['commits'] })).toMatchObject([{ partitions: [{ offset: '2', metadata: 'half way' }] }]);
    await consumer.disconnect();
    await admin.setOffsets({ groupId: 'committing', topic: 'commits', partitions: [{ partition: 0, offset: '1' }] });
    expect(await admin.fetchOffsets({ groupId: 'committing', topics: ['commits'] })).toMatchObject([{ partitions: [{ offset: '1' }] }]);
    expect((await admin.listGroups()).groups.map((it) => it.groupId)).toContain('committing');
    await admin.deleteGroups(['committing']);
    expect((await admin.listGroups()).groups.map((it) => it.groupId)).not.toContain('committing');
  });

  it('administers topics, partitions, configs and offsets', async () => {
    await admin.createTopics({ topics: [{ topic: 'managed', numPartitions: 1, configEntries: [{ name: 'retention.ms', value: '12345' }] }] });
    await admin.createPartitions({ topicPartitions: [{ topic: 'managed', count: 3 }] });
    const metadata = await admin.fetchTopicMetadata({ topics: ['managed'] });
    expect(metadata.topics[0]?.partitions.length).toBe(3);
    const described = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type: 2, name: 'managed' }] });
    expect(described.resources[0]?.configEntries.find((it) => it.configName === 'retention.ms')).toMatchObject({ configValue: '12345', configSource: 1 });
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: 'managed', configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }] });
    const altered = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: 'managed', configNames: ['cleanup.policy', 'retention.ms'] }] });
    expect(Object.fromEntries((altered.resources[0]?.configEntries ?? []).map((it) => [it.configName, it.configValue]))).toEqual({ 'cleanup.policy': 'compact', 'retention.ms': '604800000' });
    expect(await admin.describeCluster()).toMatchObject({ clusterId: local.broker.clusterId, controller: 1, brokers: [{ nodeId: 1, port: local.port }] });
    await admin.deleteTopics({ topics: ['managed'] });
    expect(await admin.listTopics()).not.toContain('managed');
    await admin.createTopics({ topics: [{ topic: 'managed', numPartitions: 1 }] });
    expect(await admin.fetchTopicOffsets('managed')).toMatchObject([{ low: '0', high: '0' }]);
  });

  it('finds offsets by time and deletes records', async () => {
    await admin.createTopics({ topics: [{ topic: 'dated', numPartitions: 1 }] });
    const producer = kafka.producer();
    await producer.connect();
    for (const timestamp of [1000, 2000, 3000]) await producer.send({ topic: 'dated', messages: [{ value: `${timestamp}`, timestamp: `${timestamp}` }] });
    await producer.disconnect();
    expect(await admin.fetchTopicOffsetsByTimestamp('dated', 1500)).toMatchObject([{ offset: '1' }]);
    await admin.deleteTopicRecords({ topic: 'dated', partitions: [{ partition: 0, offset: '2' }] });
    expect(await admin.fetchTopicOffsets('dated')).toMatchObject([{ low: '2', high: '3' }]);
  });
});
