import { waitFor } from '@millrace/testkit';
import { QuorumCluster, type QuorumNode } from './quorum-cluster.js';

const THREE = { 1: 'broker,controller', 2: 'broker,controller', 3: 'broker,controller' } as const;

function create(cluster: QuorumCluster, by: number, name: string): Promise<void> {
  return cluster.createTopic(by, name, { partitions: 3, replicas: 3 });
}

function reasonsToldBy(nodes: readonly QuorumNode[], message: string): unknown[] {
  return nodes.flatMap(({ logger }) => logger.lines.filter((it) => it.level === 'info' && it.message === message).map((it) => it.fields['reason']));
}

describe('three nodes, each broker and controller', () => {
  let cluster: QuorumCluster;
  beforeAll(async () => {
    cluster = await QuorumCluster.start(THREE);
  }, 60_000);
  afterAll(() => cluster.stop(), 60_000);

  it('elect one leader, and every broker describes the same quorum', async () => {
    const described = await Promise.all([1, 2, 3].map((id) => cluster.quorum(id)));
    expect(new Set(described.map((it) => it.leaderId)).size).toBe(1);
    expect(described[0]?.leaderId).toBe(await cluster.activeController());
    for (const it of described) expect(it.currentVoters.map((voter) => voter.replicaId).sort()).toEqual([1, 2, 3]);
  });

  it('create topics through any broker, with replicas on all', async () => {
    for (const id of [1, 2, 3]) await create(cluster, id, `made-by-${id}`);
    for (const id of [1, 2, 3]) await cluster.untilKnown(`made-by-${id}`);
    const { brokers, topics } = await cluster.metadata(2, ['made-by-1']);
    expect(brokers.map((it) => it.nodeId).sort()).toEqual([1, 2, 3]);
    expect(topics[0]?.partitions.map((it) => [...it.replicaNodes].sort())).toEqual([[1, 2, 3], [1, 2, 3], [1, 2, 3]]);
  });

  it('go on when the active controller dies: another leads, the dead one is fenced, and comes back', async () => {
    const dead = await cluster.activeController();
    await cluster.crash(dead);
    const survivor = cluster.up[0]?.id ?? 0;
    await waitFor('another controller is active', 10_000, async () => (await cluster.activeController()) !== dead);
    // On a busy machine it may have stepped down a moment before it died.
    expect(reasonsToldBy(cluster.up, 'this node stands for an election of the metadata quorum').some((it) => it === 'fetch timeout' || it === 'leader resigned')).toBe(true);
    await create(cluster, survivor, 'after-a-death');
    await waitFor('the dead broker is fenced', 10_000, async () => (await cluster.metadata(survivor)).brokers.length === 2);
    await cluster.startNode(dead);
    await create(cluster, dead, 'after-the-return');
    await cluster.untilKnown('after-the-return');
  }, 60_000);

  it('have everything again when all were stopped', async () => {
    const leader = cluster.node(await cluster.activeController());
    await Promise.all([1, 2, 3].map((id) => cluster.stopNode(id)));
    expect(['shutdown', 'newer epoch', 'no fetches of a majority']).toContain(reasonsToldBy([leader], 'this node leads the metadata quorum no longer').at(-1));
    await Promise.all([1, 2, 3].map((id) => cluster.startNode(id)));
    for (const topic of ['made-by-1', 'made-by-2', 'made-by-3', 'after-the-return']) await cluster.untilKnown(topic);
    await create(cluster, 1, 'made-later');
  }, 60_000);
});
