import { decodeMetadataRecord } from '@millrace/protocol';
import { imageRecords, MetadataImage } from '../src/index.js';
import { TestCluster } from './test-cluster.js';

const [A, B] = ['directoryAAAAAAAAAAAAA', 'directoryBBBBBBBBBBBBA'];
const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;
const UNSAFE_DOWNGRADE = 3;

function setLevel(cluster: TestCluster, maxVersionLevel: number, upgradeType = UPGRADE): string {
  const { errorCode, errorMessage } = cluster.run(cluster.controller.updateFeatures({ timeoutMs: 1, validateOnly: false, featureUpdates: [{ feature: 'metadata.version', maxVersionLevel, allowDowngrade: false, upgradeType }] }));
  return errorCode === 0 ? '' : String(errorMessage);
}

/** Broker 1 with two directories, brokers 2 and 3 with one each. */
function started(level: number): TestCluster {
  const cluster = new TestCluster();
  if (level > 25) expect(setLevel(cluster, level)).toBe('');
  cluster.register(1, { logDirs: [A, B] });
  cluster.heartbeat(1);
  cluster.start(2, 3);
  return cluster;
}

function setConfig(cluster: TestCluster, config: { value: string | null; name?: string; operation?: number; broker?: string; isForwarded?: boolean }): string {
  const { value, name = 'cordoned.log.dirs', operation = value === null ? 1 : 0, broker = '1', isForwarded = true } = config;
  const request = { resources: [{ resourceType: 4, resourceName: broker, configs: [{ name, configOperation: operation, value }] }], validateOnly: false };
  const [answer] = cluster.run(cluster.controller.incrementalAlterConfigs(request, { isForwarded })).responses;
  return answer?.errorCode === 0 ? '' : `${answer?.errorCode}: ${answer?.errorMessage}`;
}

const versions = (cluster: TestCluster): string[] => cluster.log.map((it) => decodeMetadataRecord(it)).flatMap((it) => (it.type.includes('Broker') ? [`${it.type} ${it.version}`] : []));
const cordoned = (cluster: TestCluster, broker = 1) => cluster.follower.broker(broker)?.cordonedLogDirs;
const leaders = (cluster: TestCluster, name: string): number[] => [...new Set(cluster.controller.image.topic(name)?.partitions.map((it) => it.leader))].sort();

describe('cordoned log directories', () => {
  it('are not heard of before metadata.version 30: records stay as they are', () => {
    const cluster = started(29);
    cluster.heartbeat(1, { cordonedLogDirs: [A, B] });
    expect(cordoned(cluster)).toBeNull();
    expect(new Set(versions(cluster))).toEqual(new Set(['RegisterBrokerRecord 3', 'BrokerRegistrationChangeRecord 0']));
    cluster.create({ name: 'x', numPartitions: 3 });
    expect(leaders(cluster, 'x')).toEqual([1, 2, 3]);
  });

  it('are told by heartbeats, once for each change, an empty list the first time too; a new process begins anew', () => {
    const cluster = started(30);
    expect(cordoned(cluster)).toBeNull();
    const told = (dirs: string[]): boolean => {
      const before = cluster.log.length;
      cluster.heartbeat(1, { cordonedLogDirs: dirs });
      return cluster.log.length > before;
    };
    expect(told([])).toBe(true);
    expect(told([])).toBe(false);
    expect(told([A, B])).toBe(true);
    expect(told([B, A])).toBe(false);
    expect(cordoned(cluster)).toEqual([A, B]);
    cluster.heartbeat(1);
    cluster.heartbeat(1, { wantFence: true });
    expect(cordoned(cluster)).toEqual([A, B]);
    cluster.nowMs += 10_000;
    cluster.register(1, { logDirs: [A, B], incarnationId: 'incarnationBBBBBBBBBBA' });
    expect(cordoned(cluster)).toBeNull();
    const lists = cluster.log.map((it) => decodeMetadataRecord(it)).flatMap((it) => ('cordonedLogDirs' in it.record && it.record.cordonedLogDirs !== null ? [it.record.cordonedLogDirs] : []));
    expect(lists).toEqual([[], [A, B]]);
    expect(new Set(versions(cluster))).toEqual(new Set(['RegisterBrokerRecord 4', 'BrokerRegistrationChangeRecord 0', 'BrokerRegistrationChangeRecord 3']));
  });

  it('leave a broker out only when they are all it has, for new topics and for new partitions', () => {
    const cluster = started(30);
    cluster.create({ name: 'before', numPartitions: 6 });
    cluster.heartbeat(1, { cordonedLogDirs: [A] });
    cluster.create({ name: 'one-left', numPartitions: 6 });
    expect(leaders(cluster, 'one-left')).toEqual([1, 2, 3]);
    cluster.heartbeat(1, { cordonedLogDirs: [A, B] });
    cluster.create({ name: 'none-left', numPartitions: 6 });
    expect(leaders(cluster, 'none-left')).toEqual([2, 3]);
    expect(leaders(cluster, 'before')).toEqual([1, 2, 3]);
    cluster.run(cluster.controller.createPartitions(cluster.moment, { topics: [{ name: 'none-left', count: 12, assignments: null }], timeoutMs: 1, validateOnly: false }));
    expect(leaders(cluster, 'none-left')).toEqual([2, 3]);
    expect(cluster.create({ name: 'x', replicationFactor: 3 }).errorMessage).toBe(
      'Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 2 broker(s) are registered or some brokers have all their log directories cordoned.',
    );
    for (const id of [2, 3]) cluster.heartbeat(id, { cordonedLogDirs: [`directory${id}AAAAAAAAAAAA`] });
    expect(cluster.create({ name: 'x' }).errorMessage).toBe('Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories cordoned.');
    const { results } = cluster.run(cluster.controller.createPartitions(cluster.moment, { topics: [{ name: 'before', count: 12, assignments: null }], timeoutMs: 1, validateOnly: false }));
    expect(results).toEqual([{ name: 'before', errorCode: 38, errorMessage: 'All brokers are currently fenced, or have all their log directories cordoned.' }]);
    // Whoever names a broker is not asked, as on Kafka 4.3.1.
    expect(cluster.create({ name: 'by-hand', assignments: [{ partitionIndex: 0, brokerIds: [1] }] }).errorCode).toBe(0);
  });

  it('stand in snapshots', () => {
    const cluster = started(30);
    cluster.heartbeat(1, { cordonedLogDirs: [B] });
    cluster.heartbeat(2, { cordonedLogDirs: [] });
    const copy = new MetadataImage();
    copy.replayAll(imageRecords(cluster.follower));
    expect([...copy.brokers.values()]).toEqual([...cluster.follower.brokers.values()]);
    expect([1, 2, 3].map((id) => copy.broker(id)?.cordonedLogDirs)).toEqual([[B], [], null]);
  });
});

describe('cordoned.log.dirs', () => {
  it('needs metadata.version 30', () => {
    expect(setConfig(started(29), { value: '*' })).toBe('40: The cordoned.log.dirs configuration value cannot be set because it requires metadata.version >= 4.3-IV0');
    expect(setConfig(started(30), { value: '*' })).toBe('');
  });

  it('is of each broker, not of all', () => {
    expect(setConfig(started(30), { value: '*', broker: '' })).toBe('42: Cannot update these configs at default cluster level, broker id must be specified: [cordoned.log.dirs]');
  });

  it('can only lose directories where the broker was not asked', () => {
    const cluster = started(30);
    const atController = (value: string | null): string => setConfig(cluster, { value, isForwarded: false });
    const refused = '40: When updating cordoned.log.dirs via controllers,  the new value must be a subset of the current configuration value.';
    expect(atController('/a')).toBe(refused);
    setConfig(cluster, { value: '/a,/b' });
    expect(atController('/a, /c')).toBe(refused);
    expect(atController('/b')).toBe('');
    expect(atController('*')).toBe(refused);
    expect(atController('')).toBe('');
    setConfig(cluster, { value: '*' });
    expect(atController(null)).toBe('');
    expect(cluster.follower.configs('BROKER', '1').size).toBe(0);
  });

  it('takes more and loses some as lists do', () => {
    const cluster = started(30);
    setConfig(cluster, { value: '/a', operation: 2 });
    setConfig(cluster, { value: '/b', operation: 2 });
    expect(cluster.follower.configs('BROKER', '1').get('cordoned.log.dirs')).toBe('/a,/b');
    setConfig(cluster, { value: '/a', operation: 3 });
    expect(cluster.follower.configs('BROKER', '1').get('cordoned.log.dirs')).toBe('/b');
  });
});

describe('metadata.version 30', () => {
  it('is reached from any level, and not left again', () => {
    const cluster = started(25);
    expect(setLevel(cluster, 27)).toBe('');
    expect(setLevel(cluster, 26, SAFE_DOWNGRADE)).toBe('');
    expect(setLevel(cluster, 30)).toBe('');
    const refused = 'The update failed for all features since the following feature had an error: Unsupported metadata.version downgrade from 30 to 29.';
    expect(setLevel(cluster, 29, SAFE_DOWNGRADE)).toBe(`${refused} Refusing to perform the requested downgrade because it might delete metadata information.`);
    expect(setLevel(cluster, 29, UNSAFE_DOWNGRADE)).toBe(`${refused} Unsafe metadata downgrade is not supported in this version.`);
    expect(cluster.follower.featureLevels.get('metadata.version')).toBe(30);
  });

  it('waits for brokers that cannot run at it', () => {
    const cluster = new TestCluster();
    cluster.register(1, { features: [{ name: 'metadata.version', minSupportedVersion: 7, maxSupportedVersion: 29 }, { name: 'eligible.leader.replicas.version', minSupportedVersion: 0, maxSupportedVersion: 1 }] });
    expect(setLevel(cluster, 30)).toContain('Invalid update version 30 for feature metadata.version. Broker 1 only supports versions 7-29');
  });
});
