import { writeFileSync } from 'node:fs';
import { CreateTopics, DescribeQuorum, ErrorCode, type DescribeQuorumResponse } from '@millrace/protocol';
import { freePort, peersMissing, RecordingLogger, runPeerTool, temporaryFolder, waitFor, type PeerTool } from '@millrace/testkit';
import { Broker } from '../src/index.js';
import { RawClient } from './local-broker.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka's tools are not run: ${missing}`);

const CLUSTER_ID = 'Qm9ybkluS2Fma2FTdG9yZQ';

(missing === undefined ? describe : describe.skip)('directories that kafka-storage has formatted, with voters in the log', () => {
  const scratch = temporaryFolder('kafka-storage');
  const brokers: Broker[] = [];
  const clients: RawClient[] = [];
  afterAll(async () => {
    for (const client of clients) client.close();
    for (const broker of [...brokers].reverse()) await broker.stop();
    scratch.remove();
  }, 60_000);

  async function run(tool: PeerTool, args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await runPeerTool(tool, args, { input: '', timeoutMs: 120_000 });
    if (status !== 0) throw new Error(`${tool} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }

  function propertiesOf(id: number, ports: { readonly client: number; readonly controller: number; readonly bootstrap: number }): { readonly file: string; readonly properties: Readonly<Record<string, string>> } {
    const properties = {
      'node.id': String(id),
      'process.roles': 'broker,controller',
      listeners: `PLAINTEXT://localhost:${ports.client},CONTROLLER://localhost:${ports.controller}`,
      'advertised.listeners': `PLAINTEXT://localhost:${ports.client},CONTROLLER://localhost:${ports.controller}`,
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.bootstrap.servers': `localhost:${ports.bootstrap}`,
      'log.dirs': `${scratch.path}/node-${id}`,
    };
    const file = `${scratch.path}/node-${id}.properties`;
    writeFileSync(file, Object.entries(properties).map(([key, value]) => `${key}=${value}\n`).join(''));
    return { file, properties };
  }

  async function start(properties: Readonly<Record<string, string>>): Promise<RawClient> {
    const broker = new Broker({ properties, logger: new RecordingLogger() });
    brokers.push(broker);
    await broker.start();
    const client = await RawClient.connect(broker.endpoints[0]?.port ?? 0);
    clients.push(client);
    return client;
  }

  async function quorum(client: RawClient): Promise<DescribeQuorumResponse.Partition | undefined> {
    const response = await client.ask(DescribeQuorum, 2, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] });
    return response.topics[0]?.partitions[0];
  }

  it('are a cluster of their id; a second controller joins as a voter by kafka-metadata-quorum', async () => {
    const bootstrap = await freePort();
    const first = propertiesOf(1, { client: await freePort(), controller: bootstrap, bootstrap });
    await run('kafka-storage', ['format', '--standalone', '--cluster-id', CLUSTER_ID, '--config', first.file]);
    const client = await start(first.properties);
    expect(brokers[0]?.clusterId).toBe(CLUSTER_ID);
    const alone = await quorum(client);
    expect(alone?.currentVoters).toMatchObject([{ replicaId: 1 }]);
    expect(alone?.currentVoters[0]?.replicaDirectoryId).not.toBe('AAAAAAAAAAAAAAAAAAAAAA');

    const second = propertiesOf(2, { client: await freePort(), controller: await freePort(), bootstrap });
    await run('kafka-storage', ['format', '--no-initial-controllers', '--cluster-id', CLUSTER_ID, '--config', second.file]);
    await start(second.properties);
    expect((await quorum(client))?.observers.map((it) => it.replicaId)).toEqual([2]);
    await run('kafka-metadata-quorum', ['--bootstrap-server', `localhost:${brokers[0]?.endpoints[0]?.port}`, '--command-config', second.file, 'add-controller']);
    await waitFor('both vote', 20_000, async () => (await quorum(client))?.currentVoters.map((it) => it.replicaId).sort().join() === '1,2');
    const created = await client.ask(CreateTopics, 7, { topics: [{ name: 'with-two-voters', numPartitions: 1, replicationFactor: 2, assignments: [], configs: [] }], timeoutMs: 20_000 });
    expect(created.topics[0]?.errorCode).toBe(ErrorCode.NONE);
  }, 300_000);
});
