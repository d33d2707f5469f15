import { readdirSync } from 'node:fs';
import { DescribeCluster } from '@millrace/protocol';
import { waitFor } from '@millrace/testkit';
import { QuorumCluster } from './quorum-cluster.js';

/** Two nodes of both roles, a controller alone, a broker alone; snapshots after a few topics, and nothing kept that they stand for. */
const SPLIT = { 1: 'broker,controller', 2: 'broker,controller', 3: 'controller', 4: 'broker' } as const;
const SMALL_SNAPSHOTS = { 'metadata.log.max.record.bytes.between.snapshots': '2000', 'metadata.max.retention.bytes': '1', 'metadata.log.segment.bytes': '4096' };
const FROM_SNAPSHOT = 'metadata goes on from a snapshot of the leader';

describe('controllers and brokers of their own', () => {
  let cluster: QuorumCluster;
  beforeAll(async () => {
    cluster = await QuorumCluster.start(SPLIT, SMALL_SNAPSHOTS);
  }, 60_000);
  afterAll(() => cluster.stop(), 60_000);

  const filesOf = (id: number): string[] => readdirSync(`${cluster.folderOf(id)}/__cluster_metadata-0`);
  const create = async (by: number, names: readonly string[], replicas: number): Promise<void> => {
    for (const name of names) await cluster.createTopic(by, name, { partitions: 2, replicas, configs: { 'retention.ms': '12345678' } });
  };

  it('show the brokers to who asks a broker, the controllers to who asks a controller', async () => {
    const { brokers } = await cluster.metadata(4);
    expect(brokers.map((it) => it.nodeId).sort()).toEqual([1, 2, 4]);
    const client = await cluster.connect(cluster.controllerPortOf(3));
    await waitFor('all controllers are registered', 10_000, async () => {
      const described = await client.ask(DescribeCluster, 2, { endpointType: 2, includeFencedBrokers: false, includeClusterAuthorizedOperations: false });
      return described.brokers.map((it) => it.brokerId).sort().join() === '1,2,3' && [1, 2, 3].includes(described.controllerId);
    });
    const { observers } = await cluster.quorum(4);
    expect(observers.map((it) => it.replicaId)).toEqual([4]);
  }, 30_000);

  it('write snapshots, cut the log, and let a voter and a broker that were away begin from a snapshot', async () => {
    await create(4, ['before-1', 'before-2'], 3);
    await cluster.stopNode(3);
    await cluster.crash(4);
    await create(1, Array.from({ length: 40 }, (_, i) => `while-away-${i}`), 2);
    await waitFor('both wrote snapshots and cut their logs', 10_000, () => Promise.resolve([1, 2].every((id) => filesOf(id).some((it) => it.endsWith('.checkpoint')) && !filesOf(id).includes('00000000000000000000.log'))));
    await Promise.all([cluster.startNode(3), cluster.startNode(4)]);
    for (const id of [3, 4]) expect(cluster.node(id).logger.lines.map((it) => it.message)).toContain(FROM_SNAPSHOT);
    await cluster.untilKnown('while-away-39');
    await cluster.untilKnown('before-2');
    // The voter that came back counts again: with it and one other there is a majority.
    await cluster.stopNode(2);
    await create(4, ['after-all'], 2);
    await cluster.untilKnown('after-all');
    await cluster.startNode(2);
    await cluster.untilKnown('while-away-0');
  }, 90_000);
});
