import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ workers: 2, settings: { 'rebalance.timeout.ms': '1000', 'task.shutdown.graceful.timeout.ms': '6000' } });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

const FOUR = ['RUNNING', 'RUNNING', 'RUNNING', 'RUNNING'];

describe('10 a worker that is held up for longer than a rebalance may take', () => {
  ownIt('is left out, and joins again: everything runs', async () => {
    // To revoke a task takes six seconds, and a rebalance waits for one.
    const held = await cluster.create('held', { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '4', topic: cluster.name('held'), 'block.in': 'task.stop' });
    await cluster.untilStates(held, 'RUNNING', FOUR);
    // The third takes work from one of the two, and while that one is busy with it the fourth wants its share.
    const third = await cluster.addWorker();
    const fourth = await cluster.addWorker();
    await waitFor('one has lost its place', 30_000, () => Promise.resolve(cluster.logLines.some((it) => it.includes('this worker has lost its place in the group'))));
    await waitFor('all four run some of it', 60_000, async () => {
      const { tasks = [] } = await cluster.status(held);
      return tasks.length === 4 && tasks.every((it) => it.state === 'RUNNING') && new Set(tasks.map((it) => it.worker_id)).size === 4;
    });
    await cluster.removeWorker(third);
    await cluster.removeWorker(fourth);
    await cluster.untilStates(held, 'RUNNING', FOUR);
    await cluster.remove_(held);
  }, 180_000);
});
