import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { KafkaClient } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { expectNoGap, untilStatus, WorkerCluster } from '../test/worker-cluster.js';
import { TopicAdmin } from './kafka/topic-admin.js';
import type { StringMap } from './rest/shapes.js';

let cluster: WorkerCluster;
const kills: (() => void)[] = [];

beforeAll(async () => {
  cluster = await WorkerCluster.start();
}, 30_000);
afterAll(async () => {
  for (const kill of kills) kill();
  await cluster.stop();
}, 30_000);

const source = (over: StringMap): Record<string, string> => ({ 'connector.class': 'test.CountingSourceConnector', ...over });
const sink = (over: StringMap & { file: string }): Record<string, string> => ({ 'connector.class': 'test.CollectingSinkConnector', ...over, file: path.join(cluster.folder, over.file) });

describe('workers of one group', () => {
  it('share the work, pass requests on to the leader, and take over from one that leaves', async () => {
    const first = await cluster.addWorker('w1');
    await waitFor('the first leads', 20_000, () => Promise.resolve(first.metrics().isLeader));
    await first.rest.createConnector({ name: 'shared', config: source({ topic: 'shared', 'tasks.max': '4', 'batch.size': '3', 'pause.ms': '20' }) }, {});
    await untilStatus(first, 'shared', 'RUNNING', ['RUNNING', 'RUNNING', 'RUNNING', 'RUNNING']);
    const second = await cluster.addWorker('w2');
    await waitFor('two tasks have moved', 20_000, () => Promise.resolve(first.metrics().tasks.length === 2 && second.metrics().tasks.length === 2));
    const owners = (): string[] => first.rest.connectorStatus('shared').tasks.map((it) => `${it.state} ${it.worker_id}`).sort();
    await waitFor('statuses say so', 20_000, () => Promise.resolve(JSON.stringify(owners()) === JSON.stringify(['RUNNING w1:8083', 'RUNNING w1:8083', 'RUNNING w2:8083', 'RUNNING w2:8083'])));

    await second.rest.createConnector({ name: 'by-follower', config: sink({ topics: 'shared', file: 'shared.txt', 'tasks.max': '1' }) }, {});
    expect(cluster.forwarded).toContain('POST /connectors');
    expect(second.rest.connectorConfig('by-follower').name).toBe('by-follower');
    await untilStatus(second, 'by-follower', 'RUNNING', ['RUNNING']);
    const remote = first.rest.connectorStatus('shared').tasks.find((it) => it.worker_id === 'w2:8083');
    await first.rest.restartTask('shared', remote?.id ?? -1, {});
    expect(cluster.forwarded.some((it) => it.endsWith('/restart'))).toBe(true);
    await expect(second.rest.putTaskConfigs('shared', '[]', { signature: undefined, algorithm: undefined }, {})).rejects.toMatchObject({ status: 400 });
    await expect(second.rest.putTaskConfigs('shared', '[]', { signature: 'AAAA', algorithm: 'HmacSHA256' }, {})).rejects.toMatchObject({ status: 403 });

    await cluster.removeWorker('w1');
    await waitFor('the second runs all', 20_000, () => Promise.resolve(second.metrics().tasks.length === 5 && second.metrics().isLeader));
    await untilStatus(second, 'shared', 'RUNNING', ['RUNNING', 'RUNNING', 'RUNNING', 'RUNNING']);
    const before = cluster.collected('shared.txt').length;
    await waitFor('records flow', 20_000, () => Promise.resolve(cluster.collected('shared.txt').length > before + 50));
    await second.rest.deleteConnector('shared', {});
    await second.rest.deleteConnector('by-follower', {});
    await cluster.removeWorker('w2');
  }, 90_000);

  it('lose nothing when a worker process is killed in the middle', async () => {
    const last = 60_000;
    const start = (): ChildProcess => fork(path.join(__dirname, '../test/run-worker.cjs'), [JSON.stringify(cluster.workerConfig({ 'group.id': 'killed', 'consumer.session.timeout.ms': '6000', 'config.storage.topic': 'k-configs', 'offset.storage.topic': 'k-offsets', 'status.storage.topic': 'k-status' }))], { stdio: 'ignore' });
    const ready = (child: ChildProcess): Promise<void> => new Promise((resolve) => child.once('message', () => resolve()));
    let child = start();
    kills.push(() => child.kill('SIGKILL'));
    await ready(child);
    child.send([
      { name: 'numbers', config: source({ topic: 'killed', limit: String(last), 'batch.size': '20', 'pause.ms': '1' }) },
      { name: 'collect', config: sink({ topics: 'killed', file: 'killed.txt' }) },
    ]);
    for (const share of [0.2, 0.5]) {
      await waitFor(`${share} has arrived`, 40_000, () => Promise.resolve(cluster.collected('killed.txt').length > last * share));
      child.kill('SIGKILL');
      child = start();
    }
    await waitFor('the last has arrived', 60_000, () => Promise.resolve(cluster.collected('killed.txt').includes(last)));
    expectNoGap(cluster.collected('killed.txt'), last);
    const numbers = cluster.collected('killed.txt');
    let highest = 0;
    for (const n of numbers) {
      expect(n).toBeLessThanOrEqual(highest + 1);
      highest = Math.max(highest, n);
    }
  }, 150_000);

  it('refuse an internal topic that is not compacted', async () => {
    const client = new KafkaClient({ bootstrapServers: cluster.bootstrap });
    await new TopicAdmin(client).create({ topic: 'plain', partitions: 1, replicationFactor: 1, configs: { 'cleanup.policy': 'delete' } });
    client.close();
    await expect(cluster.addWorker('w9', { 'group.id': 'other', 'config.storage.topic': 'plain' })).rejects.toMatchObject({ message: expect.stringMatching(/^Topic 'plain' supplied via the 'config.storage.topic' property is required to have 'cleanup.policy=compact'/) as string });
  });
});
