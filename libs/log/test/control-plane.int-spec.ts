import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import {
  AlterConfigs,
  ApiVersions,
  CreatePartitions,
  DeleteTopics,
  DescribeCluster,
  DescribeConfigs,
  DescribeQuorum,
  DescribeTopicPartitions,
  ElectLeaders,
  ErrorCode,
  Fetch,
  FindCoordinator,
  IncrementalAlterConfigs,
  ListConfigResources,
  ListPartitionReassignments,
  Metadata,
  type DescribeTopicPartitionsResponse,
} from '@millrace/protocol';
import { temporaryFolder } from '@millrace/testkit';
import { Broker } from '../src/index.js';
import { batchOf, LocalBroker, RawClient, valuesIn } from './local-broker.js';

const TOPIC = 2;
const BROKER = 4;

describe('control plane', () => {
  let local: LocalBroker;
  let client: RawClient;
  beforeAll(async () => {
    local = await LocalBroker.start({ 'num.partitions': '4', 'log.retention.check.interval.ms': '50', 'log.segment.delete.delay.ms': '0' });
    client = await RawClient.connect(local.port);
  });
  afterAll(async () => {
    client.close();
    await local.stop();
  });

  it('advertises Kafka 4.3 minimums, and nothing that it does not answer', async () => {
    const { apiKeys, finalizedFeatures, supportedFeatures } = await client.ask(ApiVersions, 4, { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' });
    const ranges = Object.fromEntries(apiKeys.map((it) => [it.apiKey, [it.minVersion, it.maxVersion]]));
    // As printed by Apache Kafka's kafka-broker-api-versions for 4.3.1.
    expect(ranges).toEqual({
      0: [0, 13], 1: [4, 18], 2: [1, 11], 3: [0, 13], 8: [2, 10], 9: [1, 10], 10: [0, 6], 11: [0, 9], 12: [0, 4], 13: [0, 5], 14: [0, 5], 15: [0, 6], 16: [0, 5], 18: [0, 4], 19: [2, 7], 20: [1, 6], 21: [0, 2],
      22: [0, 5], 23: [2, 4], 32: [1, 4], 33: [0, 2], 34: [1, 2], 35: [1, 5], 37: [0, 3], 42: [0, 2], 43: [0, 2], 44: [0, 1], 45: [0, 1], 46: [0, 0], 47: [0, 0], 55: [0, 2], 57: [0, 2], 60: [0, 2], 64: [0, 0], 74: [0, 1], 75: [0, 0],
      80: [0, 1], 81: [0, 0],
    });
    expect(finalizedFeatures).toEqual([{ name: 'metadata.version', maxVersionLevel: 25, minVersionLevel: 25 }, { name: 'eligible.leader.replicas.version', maxVersionLevel: 1, minVersionLevel: 1 }]);
    expect(supportedFeatures.map((it) => it.name)).toEqual(['metadata.version', 'eligible.leader.replicas.version', 'kraft.version']);
    expect(await client.ask(ApiVersions, 3, { clientSoftwareName: 'bad name!', clientSoftwareVersion: '' })).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
  });

  it('creates a topic for who asks for its metadata, where the request allows that', async () => {
    const ask = async (name: string, allowAutoTopicCreation: boolean, version = 8) => (await client.ask(Metadata, version, { topics: [{ name }], allowAutoTopicCreation })).topics[0];
    expect(await ask('absent', false)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, partitions: [] });
    expect(await ask('automatic', true)).toMatchObject({ errorCode: 0, name: 'automatic', isInternal: false });
    expect((await ask('automatic', false))?.partitions.map((it) => [it.errorCode, it.leaderId, it.replicaNodes, it.isrNodes])).toEqual(Array.from({ length: 4 }, () => [0, 1, [1], [1]]));
    expect(await ask('bad/name', true)).toMatchObject({ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION });
    expect(await client.produce('automatic', batchOf([{ value: 'at once' }]))).toMatchObject({ errorCode: 0 });
    expect((await client.ask(Metadata, 1, { topics: [] })).topics).toEqual([]);
    expect((await client.ask(Metadata, 0, { topics: [] })).topics.map((it) => it.name)).toContain('automatic');
    expect((await client.ask(Metadata, 12, { topics: null, allowAutoTopicCreation: false })).topics.map((it) => it.name)).toContain('automatic');
    const topicId = await client.topicId('automatic');
    expect((await client.ask(Metadata, 12, { topics: [{ name: null, topicId }, { name: null, topicId: 'hbRfPqASRA2ajJbAzSz1cg' }], allowAutoTopicCreation: false })).topics).toMatchObject([
      { errorCode: 0, name: 'automatic', topicId },
      { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null },
    ]);
  });

  it('makes concurrent wishes for one topic one topic', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(local.port)));
    const answers = await Promise.all(clients.map((it) => it.ask(Metadata, 12, { topics: [{ name: 'wanted-by-all' }], allowAutoTopicCreation: true })));
    expect(new Set(answers.map((it) => `${it.topics[0]?.errorCode} ${it.topics[0]?.topicId}`)).size).toBe(1);
    expect(answers[0]?.topics[0]?.errorCode).toBe(0);
    for (const it of clients) it.close();
  });

  it('finds group coordinators, clamps the replicas of their topic, and says what it has no coordinator for', async () => {
    const found = await client.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['a', 'b'] });
    expect(found.coordinators.map((it) => [it.key, it.nodeId, it.host, it.port, it.errorCode])).toEqual([['a', 1, 'localhost', local.port, 0], ['b', 1, 'localhost', local.port, 0]]);
    const [offsets] = (await client.ask(Metadata, 8, { topics: [{ name: '__consumer_offsets' }], allowAutoTopicCreation: false })).topics;
    expect(offsets).toMatchObject({ isInternal: true, errorCode: 0 });
    expect(offsets?.partitions.map((it) => it.replicaNodes)).toEqual(Array.from({ length: 5 }, () => [1]));
    expect(await client.ask(FindCoordinator, 1, { key: 'tx', keyType: 1 })).toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_VERSION, errorMessage: 'Transactions are not supported by this broker' });
    expect(await client.produce('__consumer_offsets', batchOf([{ key: 'k', value: 'v' }]))).toMatchObject({ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION });
  });

  it('deletes a topic, its folders, and answers those who wait for it', async () => {
    await client.createTopic('doomed', { partitions: 2 });
    await client.produce('doomed', batchOf([{ value: 'x' }]));
    const waiting = await RawClient.connect(local.port);
    const poll = waiting.fetch('doomed', 1, { maxWaitMs: 20_000 });
    const topicId = await client.topicId('doomed');
    const deleted = await client.ask(DeleteTopics, 6, { topics: [{ name: 'doomed', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 1000 });
    expect(deleted.responses).toMatchObject([{ name: 'doomed', topicId, errorCode: 0 }]);
    expect(await poll).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    expect(existsSync(path.join(local.folder, 'doomed-0'))).toBe(false);
    expect(await client.produce('doomed', batchOf([{ value: 'x' }]))).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    await client.createTopic('doomed');
    expect((await client.fetch('doomed', 0)).highWatermark).toBe(0);
    expect(await client.topicId('doomed')).not.toBe(topicId);
    waiting.close();
  });

  it('adds partitions', async () => {
    await client.createTopic('growing', { partitions: 1 });
    const grow = async (count: number) => (await client.ask(CreatePartitions, 3, { topics: [{ name: 'growing', count, assignments: null }], timeoutMs: 1000, validateOnly: false })).results[0]?.errorCode;
    expect(await grow(3)).toBe(0);
    expect(await grow(2)).toBe(ErrorCode.INVALID_PARTITIONS);
    expect(await client.produce('growing', batchOf([{ value: 'third' }]), { partition: 2 })).toMatchObject({ errorCode: 0 });
  });

  it('applies a topic’s settings while it runs: size, retention, timestamps', async () => {
    await client.createTopic('tuned');
    const set = async (configs: { name: string; configOperation: number; value: string | null }[]) => (await client.ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: TOPIC, resourceName: 'tuned', configs }], validateOnly: false })).responses[0];
    expect(await client.produce('tuned', batchOf([{ value: 'x'.repeat(400) }]))).toMatchObject({ errorCode: 0 });
    expect(await set([{ name: 'max.message.bytes', configOperation: 0, value: '200' }])).toMatchObject({ errorCode: 0 });
    expect(await client.produce('tuned', batchOf([{ value: 'x'.repeat(400) }]))).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    expect(await set([{ name: 'cleanup.policy', configOperation: 2, value: 'compact' }])).toMatchObject({ errorCode: 0 });
    expect(await set([{ name: 'cleanup.policy', configOperation: 3, value: 'compact' }])).toMatchObject({ errorCode: 0 });
    expect(await set([{ name: 'no.such.thing', configOperation: 0, value: '1' }])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG });
    expect(await set([{ name: 'retention.ms', configOperation: 0, value: 'soon' }])).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG, errorMessage: expect.stringContaining('retention.ms') });
    expect(await set([{ name: 'retention.ms', configOperation: 0, value: '1' }, { name: 'segment.ms', configOperation: 0, value: '1' }])).toMatchObject({ errorCode: 0 });
    // Retention runs every 50 ms here; everything that was there goes, the log end stays.
    for (;;) {
      const { offset } = await client.offsetAt('tuned', -2);
      if (offset === 1) break;
    }
    expect(await client.offsetAt('tuned', -1)).toMatchObject({ offset: 1 });
    const described = await client.ask(DescribeConfigs, 4, { resources: [{ resourceType: TOPIC, resourceName: 'tuned', configurationKeys: ['retention.ms', 'cleanup.policy'] }], includeSynonyms: true });
    expect(described.results[0]?.configs.map((it) => [it.name, it.value, it.configSource, it.synonyms.map((s) => `${s.source}:${s.name}=${s.value}`)])).toEqual([
      ['cleanup.policy', 'delete', 1, ['1:cleanup.policy=delete', '5:log.cleanup.policy=delete']],
      ['retention.ms', '1', 1, ['1:retention.ms=1']],
    ]);
    expect((await client.ask(AlterConfigs, 1, { resources: [{ resourceType: TOPIC, resourceName: 'tuned', configs: [] }], validateOnly: false })).responses[0]?.errorCode).toBe(0);
    expect(await client.produce('tuned', batchOf([{ value: 'x'.repeat(400) }]))).toMatchObject({ errorCode: 0 });
  });

  it('changes the defaults of all topics while it runs', async () => {
    await client.createTopic('follows-defaults');
    const set = (value: string | null) => client.ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: BROKER, resourceName: '', configs: [{ name: 'message.max.bytes', configOperation: value === null ? 1 : 0, value }] }], validateOnly: false });
    await set('200');
    expect(await client.produce('follows-defaults', batchOf([{ value: 'x'.repeat(400) }]))).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    const described = await client.ask(DescribeConfigs, 4, { resources: [{ resourceType: BROKER, resourceName: '1', configurationKeys: ['message.max.bytes', 'num.partitions'] }], includeSynonyms: true });
    expect(described.results[0]?.configs.map((it) => [it.name, it.value, it.configSource, it.readOnly])).toEqual([['message.max.bytes', '200', 3, false], ['num.partitions', '4', 4, true]]);
    await set(null);
    expect(await client.produce('follows-defaults', batchOf([{ value: 'x'.repeat(400) }]))).toMatchObject({ errorCode: 0 });
  });

  it('pages through topic partitions', async () => {
    await client.createTopic('page-a', { partitions: 3 });
    await client.createTopic('page-b', { partitions: 3 });
    const seen: string[] = [];
    let cursor: DescribeTopicPartitionsResponse.NextCursor | null = null;
    do {
      const page: DescribeTopicPartitionsResponse = await client.ask(DescribeTopicPartitions, 0, { topics: [{ name: 'page-b' }, { name: 'page-a' }, { name: 'page-c' }], responsePartitionLimit: 2, cursor });
      for (const topic of page.topics) seen.push(...(topic.errorCode === 0 ? topic.partitions.map((it) => `${topic.name}-${it.partitionIndex}`) : [`${topic.name}:${topic.errorCode}`]));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(['page-a-0', 'page-a-1', 'page-a-2', 'page-b-0', 'page-b-1', 'page-b-2', 'page-c:3']);
  });

  it('describes the cluster, the quorum and what has configs', async () => {
    expect(await client.ask(DescribeCluster, 2, { includeClusterAuthorizedOperations: true, endpointType: 1, includeFencedBrokers: false })).toMatchObject({ clusterId: local.broker.clusterId, controllerId: 1, brokers: [{ brokerId: 1, host: 'localhost', port: local.port, isFenced: false }] });
    expect(await client.ask(DescribeCluster, 2, { includeClusterAuthorizedOperations: false, endpointType: 2, includeFencedBrokers: false })).toMatchObject({ errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE });
    const quorum = await client.ask(DescribeQuorum, 2, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] });
    expect(quorum.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, leaderId: 1, leaderEpoch: 1, currentVoters: [{ replicaId: 1 }], observers: [] });
    expect((await client.ask(ListConfigResources, 1, { resourceTypes: [BROKER] })).configResources).toEqual([{ resourceName: '1', resourceType: BROKER }]);
    expect((await client.ask(ListPartitionReassignments, 0, { topics: null, timeoutMs: 1000 })).topics).toEqual([]);
    const elected = await client.ask(ElectLeaders, 2, { electionType: 0, topicPartitions: [{ topic: 'page-a', partitions: [0] }], timeoutMs: 1000 });
    expect(elected.replicaElectionResults[0]?.partitionResult[0]?.errorCode).toBe(ErrorCode.ELECTION_NOT_NEEDED);
    expect(await client.ask(Fetch, 13, { maxWaitMs: 0, minBytes: 1, sessionId: 5, sessionEpoch: 3, topics: [], forgottenTopicsData: [] })).toMatchObject({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
  });
});

describe('start and stop', () => {
  const folder = temporaryFolder('restart');
  afterAll(() => folder.remove());

  it('has everything again after an orderly stop, and needs no recovery', async () => {
    const first = await LocalBroker.start({}, { folder: folder.path });
    const client = await RawClient.connect(first.port);
    await client.createTopic('kept', { configs: { 'retention.ms': '999999' } });
    await client.produce('kept', batchOf([{ value: 'a' }, { value: 'b' }]));
    const { clusterId } = first.broker;
    client.close();
    const startedMs = performance.now();
    await first.broker.stop();
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(readdirSync(folder.path)).toContain('.kafka_cleanshutdown');
    const second = await LocalBroker.start({}, { folder: folder.path });
    const again = await RawClient.connect(second.port);
    expect(second.broker.clusterId).toBe(clusterId);
    expect(valuesIn((await again.fetch('kept', 0)).records)).toEqual(['a', 'b']);
    expect(await again.produce('kept', batchOf([{ value: 'c' }]))).toMatchObject({ baseOffset: 2, errorCode: 0 });
    again.close();
    await expect(LocalBroker.start({}, { folder: folder.path })).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await second.broker.stop();
    await expect(LocalBroker.start({ 'node.id': '7' }, { folder: folder.path })).rejects.toMatchObject({ code: 'INCONSISTENT_NODE_ID' });
  });

  it('names what is wrong with its properties', () => {
    const make = (properties: Record<string, string>) => () => new Broker({ properties });
    expect(make({ 'num.partitions': 'many' })).toThrow(/num\.partitions/);
    expect(make({ 'num.partitions': '0' })).toThrow(/at least 1/);
    expect(make({ 'log.message.timestamp.type': 'Tomorrow' })).toThrow(/log\.message\.timestamp\.type/);
    expect(make({ 'node.id': '1', 'broker.id': '2' })).toThrow(/must be the same/);
  });

  it.each([
    [{ listeners: 'SSL://localhost:0', 'listener.security.protocol.map': 'SSL:SSL' }, /only PLAINTEXT/],
    [{ listeners: 'localhost:9092' }, /NAME:\/\/host:port/],
    [{ listeners: 'A://localhost:0' }, /listener A/],
  ])('refuses listeners that it cannot serve: %j', async (properties, reason) => {
    await expect(LocalBroker.start(properties)).rejects.toThrow(reason);
  });

  it('says which port is taken, and leaves nothing behind', async () => {
    const first = await LocalBroker.start();
    const other = temporaryFolder('taken');
    await expect(LocalBroker.start({ listeners: `PLAINTEXT://localhost:${first.port}` }, { folder: other.path })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', message: expect.stringContaining(String(first.port)) });
    const second = await LocalBroker.start({}, { folder: other.path });
    await second.stop();
    await first.stop();
    other.remove();
  });
});
