import { BrokerCluster, rollingRestart, temporaryFolder } from '@millrace/testkit';

/** Short sessions: what is judged here does not depend on their length. How long leaders take to move is measured by `soak -- rolling-restart`. */
const SETTINGS = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500', 'offsets.topic.num.partitions': '6' };

it('brokers that are stopped one after the other, and one that is killed, under load: clients meet only errors that may be tried again, and groups go on from their commits', async () => {
  const folder = temporaryFolder('rolling-restart');
  const cluster = await BrokerCluster.start({ side: 'millrace', folder: folder.path, settings: SETTINGS });
  try {
    const turns = [...[1, 2, 3].map((broker) => ({ broker, how: 'stop' as const })), { broker: 2, how: 'kill' as const }];
    const verdict = await rollingRestart({ cluster, turns, partitions: 6, calmMs: 500, say: () => undefined });
    expect(verdict.problems).toEqual([]);
    expect(verdict.turns).toHaveLength(4);
    expect(verdict.acknowledged).toBeGreaterThan(100);
  } finally {
    await cluster.stop();
    folder.remove();
  }
}, 300_000);
