import { errorName } from '@millrace/protocol';
import { LOST_DIRECTORY, UNASSIGNED_DIRECTORY } from '../src/index.js';
import { TestCluster } from './test-cluster.js';

const FIRST = 'q0J7fV6cQ2y0d2eYw2m1bA';
const SECOND = 'r0J7fV6cQ2y0d2eYw2m1bA';

/** Broker 1 has two directories. */
function two(): TestCluster {
  const cluster = new TestCluster();
  cluster.register(1, { logDirs: [FIRST, SECOND] });
  cluster.heartbeat(1);
  cluster.start(2);
  cluster.create({ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }, { partitionIndex: 1, brokerIds: [1, 2] }] });
  return cluster;
}

function assign(cluster: TestCluster, directory: string, partitions: readonly number[], options: { epoch?: number; brokerId?: number; topicId?: string } = {}): string {
  const { brokerId = 1 } = options;
  const brokerEpoch = options.epoch ?? cluster.controller.image.broker(brokerId)?.epoch ?? -1;
  const topicId = options.topicId ?? cluster.controller.image.topic('t')?.topicId ?? '';
  const response = cluster.run(cluster.controller.assignReplicasToDirectories({ brokerId, brokerEpoch, directories: [{ id: directory, topics: [{ topicId, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }] }] }));
  return (response.errorCode ?? 0) === 0 ? response.directories.flatMap((it) => it.topics.flatMap((topic) => topic.partitions.map((partition) => errorName(partition.errorCode ?? 0)))).join() : errorName(response.errorCode ?? 0);
}

const directoriesOf = (cluster: TestCluster): unknown => cluster.controller.image.topic('t')?.partitions.map((it) => it.directories[0]);

describe('log directories', () => {
  it('are known from the start where a broker has one, and told of where it has several', () => {
    const cluster = two();
    expect(directoriesOf(cluster)).toEqual([UNASSIGNED_DIRECTORY, UNASSIGNED_DIRECTORY]);
    expect(cluster.controller.image.topic('t')?.partitions[0]?.directories[1]).toBe('directory2AAAAAAAAAAAA');
    expect(assign(cluster, FIRST, [0])).toBe('NONE');
    expect(assign(cluster, SECOND, [1, 7])).toBe('NONE,UNKNOWN_TOPIC_OR_PARTITION');
    expect(directoriesOf(cluster)).toEqual([FIRST, SECOND]);
    // A new directory changes no leader.
    expect(cluster.partitions('t')).toEqual(['1,2/1,2 1@0 v1', '1,2/1,2 1@0 v1']);
    expect(assign(cluster, FIRST, [0], { epoch: 77 })).toBe('STALE_BROKER_EPOCH');
    expect(assign(cluster, FIRST, [0], { topicId: LOST_DIRECTORY })).toBe('UNKNOWN_TOPIC_ID');
    cluster.start(3);
    expect(assign(cluster, FIRST, [0], { brokerId: 3 })).toBe('NOT_LEADER_OR_FOLLOWER');
  });

  it('that fail lose their leaders, and only theirs', () => {
    const cluster = two();
    assign(cluster, FIRST, [0]);
    assign(cluster, SECOND, [1]);
    expect(cluster.heartbeat(1, { offlineLogDirs: [SECOND] })).toMatchObject({ isFenced: false });
    expect(cluster.partitions('t')).toEqual(['1,2/1,2 1@0 v1', '1,2/2 2@1 v2']);
    expect(cluster.controller.image.broker(1)?.logDirs).toEqual([FIRST]);
    const before = cluster.log.length;
    cluster.heartbeat(1, { offlineLogDirs: [SECOND] });
    expect(cluster.log.length).toBe(before);
    // Nor does the broker lead there when nobody else is left.
    cluster.heartbeat(2, { wantFence: true });
    expect(cluster.partitions('t')).toEqual(['1,2/1 1@0 v2', '1,2/ 2? -1@2 v3']);
  });

  it('that have failed when something is put there lose it at once', () => {
    const cluster = two();
    expect(assign(cluster, LOST_DIRECTORY, [0])).toBe('NONE');
    expect(cluster.partitions('t')[0]).toBe('1,2/2 2@1 v2');
  });

  it('are of no use to a broker that comes back without them', () => {
    const cluster = two();
    assign(cluster, SECOND, [1]);
    cluster.heartbeat(2, { wantFence: true });
    cluster.heartbeat(1, { wantFence: true });
    cluster.heartbeat(1, { offlineLogDirs: [SECOND] });
    expect(cluster.partitions('t')).toEqual(['1,2/1 1@2 v3', '1,2/ 1? -1@1 v3']);
  });

  it.each([
    ['none', []],
    ['a reserved one', [UNASSIGNED_DIRECTORY]],
    ['one twice', [FIRST, FIRST]],
    ['the one of another broker', ['directory2AAAAAAAAAAAA']],
  ])('make a registration invalid: %s', (_, logDirs) => {
    expect(errorName(two().register(5, { logDirs }).errorCode ?? 0)).toBe('INVALID_REGISTRATION');
  });
});

describe('brokers and controllers', () => {
  it('that are unregistered are in sync with nothing, and when they come back eligible for nothing', () => {
    const cluster = two();
    cluster.heartbeat(2, { wantFence: true });
    const epoch = cluster.controller.image.broker(1)?.epoch ?? -1;
    expect(cluster.run(cluster.controller.unregisterBroker(1)).errorCode).toBe(0);
    expect(cluster.partitions('t')[0]).toBe('1,2/ 1? -1@1 v2');
    expect(cluster.controller.image.broker(1)).toBeUndefined();
    expect(errorName(cluster.run(cluster.controller.unregisterBroker(1)).errorCode ?? 0)).toBe('BROKER_ID_NOT_REGISTERED');
    cluster.register(1, { previousBrokerEpoch: epoch });
    expect(cluster.partitions('t')[0]).toBe('1,2/ -1@1 v3');
  });

  it('of the quorum must all have registered before a feature changes', () => {
    const cluster = new TestCluster({ nodeId: 1, quorumNodeIds: [1, 2] });
    const update = (): string =>
      cluster.run(cluster.controller.updateFeatures({ timeoutMs: 1, featureUpdates: [{ feature: 'eligible.leader.replicas.version', maxVersionLevel: 1, allowDowngrade: false, upgradeType: 1 }], validateOnly: false })).errorMessage ?? 'NONE';
    const register = (maxSupportedVersion: number): number | undefined =>
      cluster.run(
        cluster.controller.registerController({
          controllerId: 2,
          incarnationId: 'controllerAAAAAAAAAAAA',
          zkMigrationReady: false,
          listeners: [{ name: 'CONTROLLER', host: 'localhost', port: 9093, securityProtocol: 0 }],
          features: [{ name: 'eligible.leader.replicas.version', minSupportedVersion: 0, maxSupportedVersion }],
        }),
      ).errorCode;
    expect(update()).toMatch(/controller 2 has not registered, and may not support this feature$/);
    expect(register(0)).toBe(0);
    expect(cluster.follower.controllers.get(2)).toMatchObject({ endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }] });
    expect([...cluster.delta.changedControllerIds]).toEqual([2]);
    expect(update()).toMatch(/Controller 2 only supports versions 0-0$/);
    register(1);
    expect(update()).toBe('NONE');
  });
});
