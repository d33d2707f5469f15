import { existsSync, readFileSync } from 'node:fs';
import { ApiVersions, CreateTopics, DescribeQuorum, ErrorCode } from '@millrace/protocol';
import { freePort, PeerProcess, peersMissing, RecordingLogger, runPeerTool, temporaryFolder, waitFor } from '@millrace/testkit';
import { Broker, formatNode, type FormatOptions } from '../src/index.js';
import { RawClient } from './local-broker.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka does not start in folders of ours: ${missing}`);

const CLUSTER_ID = 'Qm9ybkluS2Fma2FTdG9yZQ';
const DIRECTORIES = ['', 'JEXY6aqzQY-32P5TStzaFg', 'MvDxzVmcRsaTz33bUuRU6A', '07R5amHmR32VDA6jHkGbTA'];
const CHECKPOINT = '__cluster_metadata-0/00000000000000000000-0000000000.checkpoint';

describe('formatting a node', () => {
  const scratch = temporaryFolder('format');
  const brokers: Broker[] = [];
  const clients: RawClient[] = [];
  afterAll(async () => {
    for (const client of clients) client.close();
    await Promise.all(brokers.map((it) => it.stop()));
    scratch.remove();
  }, 60_000);

  interface Ports {
    readonly client: number;
    readonly controller: number;
  }
  const propertiesOf = (id: number, ports: Ports, quorum: Readonly<Record<string, string>>, folders = `${scratch.path}/${id}/data`): Record<string, string> => ({
    'node.id': String(id),
    'process.roles': 'broker,controller',
    listeners: `PLAINTEXT://127.0.0.1:${ports.client},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.client},CONTROLLER://127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': folders,
    ...quorum,
  });
  const dynamic = (...ports: number[]) => ({ 'controller.quorum.bootstrap.servers': ports.map((port) => `127.0.0.1:${port}`).join(',') });
  const format = (properties: Readonly<Record<string, string>>, more: Partial<FormatOptions> = {}) => formatNode({ properties, clusterId: CLUSTER_ID, ...more });

  async function start(properties: Readonly<Record<string, string>>): Promise<Broker> {
    const broker = new Broker({ properties, logger: new RecordingLogger() });
    brokers.push(broker);
    await broker.start();
    return broker;
  }
  async function clientOf(broker: Broker): Promise<RawClient> {
    const client = await RawClient.connect(broker.endpoints[0]?.port ?? 0);
    clients.push(client);
    return client;
  }

  it('is refused when flags and properties do not go together, and writes nothing then', async () => {
    const folder = `${scratch.path}/refused`;
    const ports = { client: 9092, controller: 9093 };
    const [joined, fixed] = [propertiesOf(1, ports, dynamic(9093), folder), propertiesOf(1, ports, { 'controller.quorum.voters': '1@127.0.0.1:9093,2@127.0.0.1:9094' }, folder)];
    await expect(format(joined)).rejects.toThrow('you must specify one of the following');
    await expect(format(fixed, { voters: 'standalone' })).rejects.toThrow('the quorum is static');
    await expect(format(fixed, { features: { 'kraft.version': 1 } })).rejects.toThrow('Cannot set kraft.version to 1');
    await expect(format(joined, { voters: 'none', features: { 'kraft.version': 0 } })).rejects.toThrow('Cannot set kraft.version to 0');
    await expect(format(fixed, { features: { 'group.version': 1 } })).rejects.toThrow('Unsupported feature: group.version');
    await expect(format(fixed, { release: '4.4' })).rejects.toThrow('the release 4.4 is not supported');
    await expect(format(joined, { voters: { initialControllers: `1@127.0.0.1:9093:${DIRECTORIES[1]},1@127.0.0.1:9094:${DIRECTORIES[2]}` } })).rejects.toThrow('an id of its own');
    await expect(format(joined, { voters: { initialControllers: '1@127.0.0.1:9093' } })).rejects.toThrow('expected id@host:port:directory-id');
    expect(existsSync(folder)).toBe(false);
  });

  it('of a static quorum leaves the voters to the properties; twice only when asked', async () => {
    const ports = { client: await freePort(), controller: await freePort() };
    const properties = propertiesOf(4, ports, { 'controller.quorum.voters': `4@127.0.0.1:${ports.controller}` }, `${scratch.path}/4a,${scratch.path}/4b`);
    expect(await format(properties, { release: '4.1', features: { 'eligible.leader.replicas.version': 0 } })).toEqual(['a', 'b'].map((it) => ({ folder: `${scratch.path}/4${it}`, wasFormatted: false })));
    const before = readFileSync(`${scratch.path}/4a/meta.properties`, 'utf8');
    await expect(format(properties)).rejects.toMatchObject({ code: 'ALREADY_FORMATTED' });
    expect((await format(properties, { ignoreFormatted: true })).map((it) => it.wasFormatted)).toEqual([true, true]);
    await expect(format(properties, { ignoreFormatted: true, clusterId: 'another' })).rejects.toThrow('belongs to cluster');
    expect(readFileSync(`${scratch.path}/4a/meta.properties`, 'utf8')).toBe(before);
    expect(existsSync(`${scratch.path}/4a/${CHECKPOINT}`)).toBe(false);
    const broker = await start(properties);
    expect(broker.clusterId).toBe(CLUSTER_ID);
    const { finalizedFeatures } = await (await clientOf(broker)).ask(ApiVersions, 4, { clientSoftwareName: 'test', clientSoftwareVersion: '1' });
    expect(finalizedFeatures).toEqual([{ name: 'metadata.version', maxVersionLevel: 27, minVersionLevel: 27 }]);
  }, 60_000);

  (missing === undefined ? it : it.skip)('of a dynamic quorum of three, of which one is Apache Kafka: all start from what we wrote', async () => {
    const ports = await Promise.all([0, 1, 2, 3].map(async () => ({ client: await freePort(), controller: await freePort() })));
    const portsOf = (id: number): Ports => ports[id] ?? { client: 0, controller: 0 };
    const initialControllers = [1, 2, 3].map((id) => `${id}@127.0.0.1:${portsOf(id).controller}:${DIRECTORIES[id]}`).join(',');
    const of = (id: number) => propertiesOf(id, portsOf(id), { ...dynamic(...[1, 2, 3].map((it) => portsOf(it).controller)), 'controller.quorum.fetch.timeout.ms': '6000', 'broker.session.timeout.ms': '18000' });
    for (const id of [1, 2, 3]) await format(of(id), { voters: { initialControllers } });
    for (const id of [1, 2, 3]) expect(readFileSync(`${scratch.path}/${id}/data/meta.properties`, 'utf8')).toContain(`directory.id=${DIRECTORIES[id]}`);
    const [first] = await Promise.all([start(of(1)), start(of(2))]);
    const { 'controller.quorum.voters': _static, ...settings } = of(3);
    const java = await PeerProcess.kafka({ folder: `${scratch.path}/3`, port: portsOf(3).client, heap: ['-Xms128m', '-Xmx384m'], settings: { ...settings, 'controller.quorum.voters': '' } });
    try {
      const info = await runPeerTool('kafka-storage', ['info', '-c', `${scratch.path}/3/server.properties`]);
      expect([info.status, info.stdout]).toEqual([0, expect.stringContaining(`Found metadata: {cluster.id=${CLUSTER_ID}, directory.id=${DIRECTORIES[3]}, node.id=3, version=1}`)]);
      const client = await clientOf(first);
      await waitFor('three directories vote', 30_000, async () => {
        const response = await client.ask(DescribeQuorum, 2, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] });
        const { currentVoters = [] } = response.topics[0]?.partitions[0] ?? {};
        return currentVoters.length === 3 && currentVoters.every((it) => it.replicaDirectoryId === DIRECTORIES[it.replicaId] && it.logEndOffset > 0);
      });
      const created = await client.ask(CreateTopics, 7, { topics: [{ name: 'on-all', numPartitions: 1, replicationFactor: 3, assignments: [], configs: [] }], timeoutMs: 20_000 });
      expect(created.topics[0]?.errorCode).toBe(ErrorCode.NONE);
    } finally {
      await java.stop();
    }
  }, 240_000);
});
