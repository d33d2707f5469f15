import { readdirSync } from 'node:fs';
import { CreatePartitions, CreateTopics, DescribeConfigs, DescribeLogDirs, ErrorCode, IncrementalAlterConfigs, UpdateFeatures } from '@millrace/protocol';
import { freePort, peersMissing, PeerToolbox, temporaryFolder, waitFor, type PeerTool } from '@millrace/testkit';
import { LocalBroker, RawClient } from './local-broker.js';

const SET = 0;
const APPEND = 2;
const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka's tools are not run: ${missing}`);

describe('cordoned log directories', () => {
  const folder = temporaryFolder('cordoned');
  const [first, second] = [`${folder.path}/first`, `${folder.path}/second`];
  let controllerPort = 0;
  let node: LocalBroker;
  let client: RawClient;
  const start = async (properties: Readonly<Record<string, string>> = {}): Promise<void> => {
    const listeners = `PLAINTEXT://localhost:0,CONTROLLER://localhost:${controllerPort}`;
    const quorum = { 'process.roles': 'broker,controller', listeners, 'controller.listener.names': 'CONTROLLER', 'controller.quorum.voters': `1@localhost:${controllerPort}` };
    node = await LocalBroker.start({ ...quorum, 'log.dirs': `${first},${second}`, ...properties }, { folder: folder.path });
    client = await RawClient.connect(node.port);
  };
  const stop = async (): Promise<void> => {
    client.close();
    await node.stop();
  };
  beforeAll(async () => {
    controllerPort = await freePort();
    await start();
  }, 20_000);
  afterAll(async () => {
    await stop();
    folder.remove();
  });

  const alter = async (value: string, options: { operation?: number; resourceName?: string } = {}): Promise<string> => {
    const configs = [{ name: 'cordoned.log.dirs', configOperation: options.operation ?? SET, value }];
    const { responses } = await client.ask(IncrementalAlterConfigs, 1, { resources: [{ resourceType: 4, resourceName: options.resourceName ?? '1', configs }], validateOnly: false });
    return responses.map((it) => `${it.errorCode} ${it.errorMessage ?? ''}`).join();
  };
  const setLevel = async (maxVersionLevel: number, upgradeType = 1): Promise<string | null> =>
    (await client.ask(UpdateFeatures, 1, { timeoutMs: 10_000, featureUpdates: [{ feature: 'metadata.version', maxVersionLevel, upgradeType }], validateOnly: false })).errorMessage;
  const cordoned = async (): Promise<string[]> => (await client.ask(DescribeLogDirs, 5, { topics: null })).results.filter((it) => it.isCordoned).map((it) => it.logDir);
  const untilCordoned = (...dirs: string[]): Promise<void> => waitFor(`${dirs.join()} are cordoned`, 5000, async () => (await cordoned()).join() === dirs.join());
  const create = async (name: string, options: { partitions?: number; byHand?: boolean } = {}): Promise<string> => {
    const { partitions = 1, byHand = false } = options;
    const topic = byHand ? { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] } : { numPartitions: partitions, replicationFactor: 1, assignments: [] };
    const { topics } = await client.ask(CreateTopics, 7, { topics: [{ name, configs: [], ...topic }], timeoutMs: 10_000 });
    return topics.map((it) => `${it.errorCode} ${it.errorMessage ?? ''}`).join();
  };
  const placed = (dir: string, topic: string): number => readdirSync(dir).filter((it) => it.startsWith(`${topic}-`)).length;
  /** The controller has heard of it: nobody is left to place replicas on. */
  const untilRefused = (name: string): Promise<void> => waitFor('topics are refused', 5000, async () => (await create(name)).startsWith(String(ErrorCode.INVALID_REPLICATION_FACTOR)));

  it('are not to be had before metadata.version 30', async () => {
    expect(await alter(first)).toBe('40 The cordoned.log.dirs configuration value cannot be set because it requires metadata.version >= 4.3-IV0');
    expect(await setLevel(30)).toBeNull();
    expect(await setLevel(29, 2)).toContain('Refusing to perform the requested downgrade because it might delete metadata information.');
    expect(await cordoned()).toEqual([]);
  });

  it('are entries of log.dirs, of the broker that is asked', async () => {
    const notThere = 'requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : ';
    expect(await alter('/nowhere')).toBe(`42 ${notThere}/nowhere`);
    expect(await alter(`${first},/nowhere,/else`)).toBe(`42 ${notThere}/nowhere, /else`);
    expect(await alter('/nowhere', { operation: APPEND })).toBe(`42 ${notThere}/nowhere`);
    expect(await alter(`*,${first}`)).toBe('42 requirement failed: When cordoned.log.dirs is set to *, it must not contain other values');
    expect(await alter('*', { resourceName: '' })).toBe('42 Cannot update these configs at default cluster level, broker id must be specified: [cordoned.log.dirs]');
    expect(await alter('*', { resourceName: '2' })).toBe('42 Unexpected broker id, expected 1 or empty string, but received 2');
    const both = [
      { resourceType: 4, resourceName: '1', configs: [{ name: 'cordoned.log.dirs', configOperation: SET, value: '/nowhere' }] },
      { resourceType: 4, resourceName: '', configs: [{ name: 'log.retention.ms', configOperation: SET, value: '86400000' }] },
    ];
    const { responses } = await client.ask(IncrementalAlterConfigs, 1, { resources: both, validateOnly: false });
    expect(responses.map((it) => [it.resourceName, it.errorCode])).toEqual([['1', 42], ['', 0]]);
    expect(await cordoned()).toEqual([]);
  });

  it('get no new partitions, and keep those that they have', async () => {
    expect(await create('before', { partitions: 4 })).toBe('0 ');
    expect([placed(first, 'before'), placed(second, 'before')]).toEqual([2, 2]);
    expect(await alter(first)).toBe('0 ');
    await untilCordoned(first);
    expect(await create('after', { partitions: 4 })).toBe('0 ');
    expect([placed(first, 'after'), placed(second, 'after')]).toEqual([0, 4]);
    expect([placed(first, 'before'), placed(second, 'before')]).toEqual([2, 2]);
  });

  it('leave a broker out when they are all it has, but for whoever names it', async () => {
    expect(await alter('*')).toBe('0 ');
    await untilCordoned(first, second);
    await untilRefused('refused');
    expect(await create('refused')).toBe('38 Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories cordoned.');
    const { results } = await client.ask(CreatePartitions, 3, { topics: [{ name: 'before', count: 8, assignments: null }], timeoutMs: 10_000, validateOnly: false });
    expect(results.map((it) => [it.errorCode, it.errorMessage])).toEqual([[38, 'All brokers are currently fenced, or have all their log directories cordoned.']]);
    expect(await create('by-hand', { byHand: true })).toBe('0 ');
    expect(placed(first, 'by-hand')).toBe(1);
  });

  it('are what was set last, also after a restart', async () => {
    await stop();
    await start({ 'cordoned.log.dirs': second });
    expect(await cordoned()).toEqual([first, second]);
    await untilRefused('refused');
    const { results } = await client.ask(DescribeConfigs, 4, { resources: [{ resourceType: 4, resourceName: '1', configurationKeys: ['cordoned.log.dirs'] }], includeSynonyms: true });
    expect(results[0]?.configs[0]).toMatchObject({ value: '*', readOnly: false, configSource: 2, synonyms: [{ value: '*', source: 2 }, { value: second, source: 4 }, { value: '', source: 5 }] });
    const deletion = { resources: [{ resourceType: 4, resourceName: '1', configs: [{ name: 'cordoned.log.dirs', configOperation: 1, value: null }] }], validateOnly: false };
    expect((await client.ask(IncrementalAlterConfigs, 1, deletion)).responses.map((it) => it.errorCode)).toEqual([0]);
    await untilCordoned(second);
    await waitFor('topics are taken', 5000, async () => (await create('static', { partitions: 2 })) === '0 ');
    expect([placed(first, 'static'), placed(second, 'static')]).toEqual([2, 0]);
  }, 20_000);

  (missing === undefined ? it : it.skip)('are shown and set by the tools of Apache Kafka', async () => {
    const toolbox = PeerToolbox.open();
    const at = ['--bootstrap-server', `127.0.0.1:${node.port}`];
    const run = async (tool: PeerTool, ...args: string[]): Promise<string> => {
      const { stdout, stderr } = await toolbox.run(tool, args);
      return stdout + stderr;
    };
    const broker = ['--entity-type', 'brokers', '--entity-name', '1'];
    try {
      expect(await run('kafka-features', ...at, 'describe')).toMatch(/metadata\.version +SupportedMinVersion: 4\.0-IV3 +SupportedMaxVersion: 4\.3-IV0 +FinalizedVersionLevel: 4\.3-IV0/);
      expect(await run('kafka-features', ...at, 'downgrade', '--feature', 'metadata.version=29')).toContain('Unsupported metadata.version downgrade from 30 to 29.');
      expect(await run('kafka-configs', ...at, ...broker, '--alter', '--add-config', 'cordoned.log.dirs=/nowhere')).toContain('InvalidRequestException: requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : /nowhere');
      expect(await run('kafka-configs', ...at, ...broker, '--alter', '--add-config', `cordoned.log.dirs=[${first},${second}]`)).toContain('Completed updating config for broker 1.');
      await untilCordoned(first, second);
      expect(await run('kafka-configs', ...at, ...broker, '--describe')).toContain(`cordoned.log.dirs=${first},${second} sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:cordoned.log.dirs=${first},${second}, STATIC_BROKER_CONFIG:cordoned.log.dirs=${second}, DEFAULT_CONFIG:cordoned.log.dirs=}`);
      expect(await run('kafka-log-dirs', ...at, '--describe')).toContain(`"logDir":"${first}"`);
      const atController = ['--bootstrap-controller', `127.0.0.1:${controllerPort}`];
      expect(await run('kafka-configs', ...atController, ...broker, '--alter', '--add-config', 'cordoned.log.dirs=*')).toContain('InvalidConfigurationException: When updating cordoned.log.dirs via controllers,  the new value must be a subset of the current configuration value.');
      expect(await run('kafka-configs', ...atController, ...broker, '--alter', '--add-config', `cordoned.log.dirs=${second}`)).toContain('Completed updating config for broker 1.');
      await untilCordoned(second);
      const dump = await run('kafka-dump-log', '--cluster-metadata-decoder', '--files', `${first}/__cluster_metadata-0/00000000000000000000.log`);
      expect(dump).toMatch(/"type":"REGISTER_BROKER_RECORD","version":3,/);
      expect(dump).toMatch(/"type":"REGISTER_BROKER_RECORD","version":4,/);
      expect(dump).toMatch(/"type":"BROKER_REGISTRATION_CHANGE_RECORD","version":3,"data":\{"brokerId":1,.*"cordonedLogDirs":\["[\w-]{22}","[\w-]{22}"\]/);
      expect(dump).toMatch(/"type":"BROKER_REGISTRATION_CHANGE_RECORD","version":3,"data":\{"brokerId":1,.*"cordonedLogDirs":\[\]/);
    } finally {
      await toolbox.close();
    }
  }, 120_000);
});
