import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { AlterReplicaLogDirs, IncrementalAlterConfigs } from '@millrace/protocol';
import { freePort, peersMissing, PeerProcess, RecordingLogger, temporaryFolder, waitFor } from '@millrace/testkit';
import { Broker } from '../src/index.js';
import { batchOf, RawClient, valuesIn } from './local-broker.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka does not go on with our moves: ${missing}`);

const CLUSTER_ID = 'MovesOfBothSidesAAAAAA';

(missing === undefined ? describe : describe.skip)('a move between log directories that the other side began', () => {
  const scratch = temporaryFolder('moves-kafka');
  const dirs = ['data', 'more'].map((it) => path.join(scratch.path, it));
  let port = 0;
  let java: PeerProcess | undefined;
  let ours: Broker | undefined;
  const clients: RawClient[] = [];
  afterAll(async () => {
    for (const it of clients) it.close();
    await java?.kill();
    await ours?.stop();
    scratch.remove();
  }, 60_000);

  const settings = (): Record<string, string> => ({
    'node.id': '1',
    'process.roles': 'broker,controller',
    'controller.quorum.voters': `1@127.0.0.1:${port + 1}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`,
    'log.dirs': dirs.join(),
    'replica.fetch.max.bytes': '20000',
    'offsets.topic.replication.factor': '1',
  });

  async function startJava(): Promise<void> {
    const format = ['-t', CLUSTER_ID, '--release-version', '4.0-IV3', '--feature', 'eligible.leader.replicas.version=1', '--feature', 'group.version=0', '--feature', 'transaction.version=0'];
    java = await PeerProcess.kafka({ folder: scratch.path, port, heap: ['-Xms128m', '-Xmx256m'], format, settings: settings() });
  }
  async function startOurs(): Promise<void> {
    const { 'advertised.listeners': _, ...properties } = settings();
    ours = new Broker({ properties, logger: new RecordingLogger() });
    await ours.start();
  }
  async function connect(): Promise<RawClient> {
    const client = await RawClient.connect(port);
    clients.push(client);
    return client;
  }
  async function throttle(client: RawClient, bytesPerSecond: number): Promise<void> {
    const configs = [{ name: 'replica.alter.log.dirs.io.max.bytes.per.second', configOperation: 0, value: String(bytesPerSecond) }];
    const { responses } = await client.ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: 4, resourceName: '1', configs }], validateOnly: false });
    expect(responses.map((it) => it.errorMessage)).toEqual([null]);
  }
  async function move(client: RawClient, to: string): Promise<void> {
    await waitFor('the move begins', 10_000, async () => (await client.ask(AlterReplicaLogDirs, 2, { dirs: [{ path: to, topics: [{ name: 't', partitions: [0] }] }] })).results[0]?.partitions[0]?.errorCode === 0);
  }
  const folders = (dir: string): string[] => readdirSync(dir).filter((it) => it.startsWith('t-0') && !it.endsWith('-delete')).map((it) => it.replace(/[0-9a-f]{32}/, '*'));
  const there = (dir: string, other: string): Promise<void> => waitFor(`t-0 is in ${dir}`, 60_000, () => Promise.resolve(folders(dir).join() === 't-0' && folders(other).length === 0));
  async function read(client: RawClient): Promise<string[]> {
    const values: string[] = [];
    for (;;) {
      const { errorCode, records, highWatermark } = await client.fetch('t', values.length);
      if (errorCode === 0 && values.length >= highWatermark && values.length > 0) return values;
      if (errorCode === 0) values.push(...(valuesIn(records) as string[]));
    }
  }

  it('goes on, with the same files', async () => {
    port = await freePort(2);
    for (const dir of dirs) mkdirSync(dir, { recursive: true });
    await startJava();
    let client = await connect();
    await client.createTopic('t');
    const values = Array.from({ length: 30 }, (_, i) => `${i} ${'x'.repeat(15_000)}`);
    for (const value of values) expect((await client.produce('t', batchOf([{ value }]))).errorCode).toBe(0);
    const [source = '', target = ''] = folders(dirs[0] ?? '').length === 1 ? dirs : [...dirs].reverse();
    await throttle(client, 1000);
    await move(client, target);
    await waitFor('Kafka has made the future log', 10_000, () => Promise.resolve(folders(target).join() === 't-0.*-future'));
    await java?.kill();
    java = undefined;

    await startOurs();
    client = await connect();
    expect(folders(target)).toEqual(['t-0.*-future']);
    await throttle(client, 1e9);
    await there(target, source);
    expect(await read(client)).toEqual(values);
    await throttle(client, 1000);
    await move(client, source);
    await waitFor('ours has made the future log', 10_000, () => Promise.resolve(folders(source).join() === 't-0.*-future'));
    await ours?.crash();
    ours = undefined;

    await startJava();
    client = await connect();
    await throttle(client, 1e9);
    await there(source, target);
    expect(await read(client)).toEqual(values);
  }, 180_000);
});
