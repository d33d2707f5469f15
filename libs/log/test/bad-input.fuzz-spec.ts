import { createConnection } from 'node:net';
import { once } from 'node:events';
import { ByteWriter } from '@millrace/foundation';
import { APIS, encodeRequestFrame, Metadata, Produce, type Api } from '@millrace/protocol';
import { FaultyFileSystem, SeededRandom } from '@millrace/testkit';
import { batchOf, LocalBroker, RawClient, valuesIn } from './local-broker.js';
import { MemoryTransport } from './memory-transport.js';

const FRAMES = 100_000;
/** Few, because the first one that cannot be read closes the connection. */
const FRAMES_PER_CONNECTION = 2;
const CONNECTIONS_AT_ONCE = 50;

/** Some valid request of each API that the broker speaks, as a start for mutations. */
function sampleFrames(): Uint8Array[] {
  const names = ['a', 'fuzzed'];
  const bytes = Uint8Array.of(1, 2, 3);
  const samples: Record<string, object> = {
    Produce: { acks: -1, timeoutMs: 10, topicData: [{ name: 'fuzzed', partitionData: [{ index: 0, records: batchOf([{ key: 'k', value: 'v' }]) }] }] },
    Fetch: { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 'fuzzed', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }], forgottenTopicsData: [] },
    ListOffsets: { replicaId: -1, isolationLevel: 0, topics: [{ name: 'fuzzed', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] },
    Metadata: { topics: names.map((name) => ({ name })), allowAutoTopicCreation: false },
    OffsetCommit: { groupId: 'g', memberId: '', topics: [{ name: 'fuzzed', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'm' }] }] },
    OffsetFetch: { groups: [{ groupId: 'g', topics: [{ name: 'fuzzed', partitionIndexes: [0] }] }] },
    FindCoordinator: { coordinatorKeys: ['g'] },
    JoinGroup: { groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 1000, memberId: '', protocolType: 'consumer', protocols: [{ name: 'range', metadata: bytes }] },
    Heartbeat: { groupId: 'g', generationId: 1, memberId: 'm' },
    LeaveGroup: { groupId: 'g', members: [{ memberId: 'm', groupInstanceId: null }] },
    SyncGroup: { groupId: 'g', generationId: 1, memberId: 'm', assignments: [{ memberId: 'm', assignment: bytes }] },
    DescribeGroups: { groups: names, includeAuthorizedOperations: true },
    ListGroups: { statesFilter: ['Stable'] },
    ApiVersions: { clientSoftwareName: 'fuzz', clientSoftwareVersion: '1.0' },
    CreateTopics: { topics: [{ name: 'made', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [{ name: 'retention.ms', value: '5' }] }], validateOnly: true },
    DeleteTopics: { topics: [{ name: 'made', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 1 },
    DeleteRecords: { topics: [{ name: 'fuzzed', partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: 1 },
    InitProducerId: { transactionalId: null, transactionTimeoutMs: 0 },
    OffsetForLeaderEpoch: { replicaId: -1, topics: [{ topic: 'fuzzed', partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
    DescribeConfigs: { resources: [{ resourceType: 2, resourceName: 'fuzzed', configurationKeys: null }], includeSynonyms: true },
    AlterConfigs: { resources: [{ resourceType: 2, resourceName: 'fuzzed', configs: [{ name: 'retention.ms', value: '99' }] }], validateOnly: false },
    DescribeLogDirs: { topics: [{ topic: 'fuzzed', partitions: [0] }] },
    CreatePartitions: { topics: [{ name: 'fuzzed', count: 2, assignments: null }], timeoutMs: 1, validateOnly: true },
    DeleteGroups: { groupsNames: ['g'] },
    ElectLeaders: { electionType: 0, topicPartitions: [{ topic: 'fuzzed', partitions: [0] }] },
    IncrementalAlterConfigs: { resources: [{ resourceType: 2, resourceName: 'fuzzed', configs: [{ name: 'retention.ms', configOperation: 0, value: '77' }] }], validateOnly: false },
    ListPartitionReassignments: { topics: null },
    AlterPartitionReassignments: { topics: [{ name: 'fuzzed', partitions: [{ partitionIndex: 0, replicas: [1] }] }] },
    UpdateFeatures: { featureUpdates: [{ feature: 'metadata.version', maxVersionLevel: 25 }], validateOnly: true },
    UnregisterBroker: { brokerId: 77 },
    AddRaftVoter: { clusterId: null, timeoutMs: 1, voterId: 7, voterDirectoryId: 'AAAAAAAAAAAAAAAAAAAAAA', listeners: [{ name: 'CONTROLLER', host: 'localhost', port: 1 }] },
    RemoveRaftVoter: { clusterId: null, voterId: 7, voterDirectoryId: 'AAAAAAAAAAAAAAAAAAAAAA' },
    OffsetDelete: { groupId: 'g', topics: [{ name: 'fuzzed', partitions: [{ partitionIndex: 0 }] }] },
    DescribeQuorum: { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] },
    DescribeCluster: { includeClusterAuthorizedOperations: true, includeFencedBrokers: true },
    ListConfigResources: { resourceTypes: [2] },
    DescribeTopicPartitions: { topics: [{ name: 'fuzzed' }], responsePartitionLimit: 10, cursor: { topicName: 'a', partitionIndex: 0 } },
  };
  const frames: Uint8Array[] = [];
  for (const api of APIS as readonly unknown[] as readonly Api<unknown, object>[]) {
    const body = samples[api.name];
    if (body === undefined) continue;
    for (let apiVersion = api.minVersion; apiVersion <= api.maxVersion; apiVersion++) {
      try {
        frames.push(Buffer.concat(encodeRequestFrame(api, { apiVersion, correlationId: 7, clientId: 'fuzz', body }, new ByteWriter())));
      } catch (error) {
        // A version that cannot carry this sample.
        if ((error as { code?: string }).code !== 'KAFKA_UNSUPPORTED_VERSION') throw error;
      }
    }
  }
  return frames;
}

function mutated(frame: Uint8Array, random: SeededRandom): Uint8Array {
  let bytes = new Uint8Array(frame);
  for (let i = random.integer(4); i >= 0; i--) {
    const at = 4 + random.integer(Math.max(1, bytes.length - 4));
    switch (random.integer(6)) {
      case 0:
        bytes[at] = random.integer(256);
        break;
      case 1:
        bytes[at]! ^= 1 << random.integer(8);
        break;
      case 2:
        bytes.fill(random.integer(2) * 255, at, at + 1 + random.integer(8));
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(Math.max(4, at - random.integer(40)))]);
        break;
      default:
        break;
    }
  }
  // Mostly with the right length, so that what is inside is looked at.
  if (random.integer(10) > 0) new DataView(bytes.buffer).setInt32(0, bytes.length - 4);
  return bytes;
}

describe('bad input', () => {
  it(`leaves the broker unharmed by ${FRAMES} mutated frames`, async () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
    console.log(`fuzz seed ${seed}`);
    const random = new SeededRandom(seed);
    const transport = new MemoryTransport();
    const local = await LocalBroker.start({ 'offsets.topic.num.partitions': '1', 'auto.create.topics.enable': 'false' }, { transport, fileSystem: new FaultyFileSystem(), folder: '/fuzz' });
    const samples = sampleFrames();
    expect(samples.length).toBeGreaterThan(100);
    let answered = 0;
    for (let sent = 0; sent < FRAMES; sent += FRAMES_PER_CONNECTION * CONNECTIONS_AT_ONCE) {
      const connections = await Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, () => transport.connect({ host: 'memory', port: local.port })));
      for (const connection of connections) {
        connection.onData = () => (answered += 1);
        for (let i = 0; i < FRAMES_PER_CONNECTION; i++) connection.write(mutated(samples[random.integer(samples.length)]!, random));
      }
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      for (const connection of connections) connection.destroy();
    }
    // Not all were turned away at the door.
    expect(answered).toBeGreaterThan(FRAMES / 10);
    expect({ seed, faults: local.logger.lines.filter((it) => it.message === 'request failed').map((it) => it.fields) }).toEqual({ seed, faults: [] });
    const connection = await transport.connect({ host: 'memory', port: local.port });
    const answer = new Promise<Uint8Array>((resolve) => (connection.onData = (chunk) => resolve(new Uint8Array(chunk))));
    connection.write(Buffer.concat(encodeRequestFrame(Metadata, { apiVersion: 12, correlationId: 1, clientId: 'after', body: { topics: [], allowAutoTopicCreation: false } })));
    expect(Buffer.from(await answer).readInt32BE(4)).toBe(1);
    await local.stop();
  }, 120_000);

  it('closes on garbage, tells why, and serves the others', async () => {
    const local = await LocalBroker.start();
    const client = await RawClient.connect(local.port);
    await client.createTopic('unharmed');
    const produce2 = Buffer.concat(encodeRequestFrame(Produce, { apiVersion: 3, correlationId: 1, clientId: null, body: { acks: 1, timeoutMs: 1, topicData: [] } }));
    produce2.writeInt16BE(2, 6);
    const bad: [string, Uint8Array, RegExp][] = [
      ['HTTP', Buffer.from('GET / HTTP/1.0\r\n\r\n'), /HTTP/],
      ['an oversized frame', Buffer.from([0x7f, 0xff, 0xff, 0xff]), /2147483647 bytes/],
      ['an unknown api', Buffer.from([0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff]), /unknown api key 999/],
      ['a version that is only advertised', produce2, /version 2 of api key 0/],
      ['a body that is cut off', Buffer.from([0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0]), /wanted|left|fit/],
    ];
    for (const [name, bytes, reason] of bad) {
      const socket = createConnection({ host: '127.0.0.1', port: local.port });
      await once(socket, 'connect');
      socket.write(bytes);
      socket.resume();
      await once(socket, 'close');
      const told = local.logger.complaints('connection closed').at(-1);
      expect({ name, reason: told?.fields['reason'] }).toEqual({ name, reason: expect.stringMatching(reason) });
      expect(await client.produce('unharmed', batchOf([{ value: name }]))).toMatchObject({ errorCode: 0 });
    }
    expect(valuesIn((await client.fetch('unharmed', 0)).records)).toEqual(bad.map(([name]) => name));
    client.close();
    await local.stop();
  });
});
