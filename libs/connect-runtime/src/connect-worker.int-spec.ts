import path from 'node:path';
import { waitFor } from '@millrace/testkit';
import { expectNoGap, untilStatus, WorkerCluster } from '../test/worker-cluster.js';
import type { ConnectWorker } from './connect-worker.js';
import type { StringMap } from './rest/shapes.js';

let cluster: WorkerCluster;
let worker: ConnectWorker;

beforeAll(async () => {
  cluster = await WorkerCluster.start();
  worker = await cluster.addWorker('w1');
}, 30_000);
afterAll(async () => {
  await cluster.stop();
}, 30_000);

const source = (over: StringMap): Record<string, string> => ({ 'connector.class': 'CountingSource', topic: 'numbers', ...over });
const sink = (over: StringMap & { file: string }): Record<string, string> => ({ 'connector.class': 'Collector', topics: 'numbers', ...over, file: path.join(cluster.folder, over.file) });

async function create(name: string, config: Record<string, string>): Promise<void> {
  await worker.rest.createConnector({ name, config }, {});
}

describe('ConnectWorker', () => {
  it('stores how far a source has looked that has nothing more to send', async () => {
    await create('quiet', source({ topic: 'quiet', limit: '10', 'quiet.position': '77' }));
    await waitFor('the quiet position is stored', 10_000, async () => JSON.stringify(await worker.rest.connectorOffsets('quiet')) === '{"offsets":[{"partition":{"counter":"c0"},"offset":{"n":77}}]}');
    await worker.rest.deleteConnector('quiet', {});
  });

  it('brings records from a source to a sink, each once and in order, and stores both sides’ offsets', async () => {
    await create('flow-source', source({ topic: 'flow', limit: '5000' }));
    await create('flow-sink', sink({ topics: 'flow', file: 'flow.txt' }));
    await waitFor('all has arrived', 20_000, () => Promise.resolve(cluster.collected('flow.txt').length >= 5000));
    expect(cluster.collected('flow.txt')).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
    await untilStatus(worker, 'flow-source', 'RUNNING', ['RUNNING']);
    await waitFor('source offsets are stored', 5000, async () => JSON.stringify(await worker.rest.connectorOffsets('flow-source')) === '{"offsets":[{"partition":{"counter":"c0"},"offset":{"n":5000}}]}');
    await waitFor('sink offsets are stored', 5000, async () => JSON.stringify(await worker.rest.connectorOffsets('flow-sink')) === '{"offsets":[{"partition":{"kafka_partition":0,"kafka_topic":"flow"},"offset":{"kafka_offset":5000}}]}');
    expect(worker.rest.connectorTopics('flow-source')).toEqual({ 'flow-source': { topics: ['flow'] } });
    expect(worker.rest.connectorInfo('flow-source')).toMatchObject({ type: 'source', tasks: [{ connector: 'flow-source', task: 0 }], config: { name: 'flow-source' } });
    expect(worker.rest.connectorTasks('flow-source')[0]?.config).toMatchObject({ counter: 'c0', 'task.class': 'test.CountingSourceTask' });
    expect(worker.rest.connectorStatus('flow-source').tasks[0]).toEqual({ id: 0, state: 'RUNNING', worker_id: 'w1:8083', version: '1.2.3' });
  });

  it('refuses what cannot work, in Connect’s words', async () => {
    await expect(create('x', { 'connector.class': 'Nope' })).rejects.toMatchObject({ status: 400, message: expect.stringMatching(/^Failed to find any class that implements Connector and which name matches Nope, available connectors are: PluginDesc/) as string });
    await expect(create('x', source({ 'tasks.max': 'dog' }))).rejects.toMatchObject({ status: 400, message: expect.stringContaining('contains the following 1 error(s):\nInvalid value dog for configuration tasks.max: Not a number of type INT') as string });
    await expect(create('x', source({ transforms: 'route' }))).rejects.toMatchObject({ message: expect.stringContaining('Missing required configuration "transforms.route.type" which has no default value.') as string });
    await expect(create('x', sink({ file: 'x', 'topics.regex': 'a.*' }))).rejects.toMatchObject({ message: expect.stringContaining('topics and topics.regex are mutually exclusive') as string });
    await expect(create('x', source({ secret: '${file:/etc/x:y}' }))).rejects.toMatchObject({ message: expect.stringContaining('The value of secret refers to a config provider (${file:/etc/x:y}) that this worker does not have') as string });
    await expect(create('flow-source', source({}))).rejects.toMatchObject({ status: 409, message: 'Connector flow-source already exists' });
    expect(() => worker.rest.connectorInfo('nobody')).toThrow('Connector nobody not found');
    const infos = await worker.rest.validateConfig('CountingSource', source({ name: 'x', secret: 'hunter2' }));
    expect(infos.error_count).toBe(0);
    expect(JSON.stringify(infos)).not.toContain('hunter2');
  });

  it.each([
    ['start', /no start today/],
    ['poll', /no poll today/],
    ['oom', /memory|ERR_WORKER_OUT_OF_MEMORY/],
    ['exit', /exit code 3/],
  ])('shows a task that fails by %s, and nothing else suffers', async (trouble, trace) => {
    const name = `trouble-${trouble}`;
    await create(name, source({ topic: name, trouble, limit: '10' }));
    await untilStatus(worker, name, 'RUNNING', ['FAILED']);
    expect(worker.rest.taskStatus(name, 0).trace).toMatch(trace);
    expect(worker.rest.connectorStatus('flow-source').tasks[0]?.state).toBe('RUNNING');
    await worker.rest.putConnectorConfig(name, source({ topic: name, limit: '10' }), {});
    await untilStatus(worker, name, 'RUNNING', ['RUNNING']);
    await worker.rest.deleteConnector(name, {});
    await waitFor('its statuses are gone', 5000, () => Promise.resolve(!worker.rest.connectorNames().includes(name) && statusIsGone(name)));
  }, 40_000);

  it('ends a task by force that never comes back', async () => {
    await create('trouble-loop', source({ trouble: 'loop', topic: 'loop' }));
    await waitFor('it has started', 10_000, () => Promise.resolve(worker.rest.connectorNames().includes('trouble-loop') && worker.metrics().tasks.some((it) => it.connector === 'trouble-loop' && it.state === 'RUNNING')));
    await worker.rest.deleteConnector('trouble-loop', {});
    await waitFor('it is gone', 10_000, () => Promise.resolve(!worker.metrics().tasks.some((it) => it.connector === 'trouble-loop')));
  });

  it('shows a connector that does not start, and restarts it', async () => {
    await create('no-start', source({ trouble: 'config' }));
    await untilStatus(worker, 'no-start', 'FAILED', []);
    expect(worker.rest.connectorStatus('no-start').connector.trace).toMatch(/the connector does not start/);
    await worker.rest.restartConnector('no-start', { includeTasks: false, onlyFailed: false }, {});
    await untilStatus(worker, 'no-start', 'FAILED', []);
    await worker.rest.stopConnector('no-start', {});
    await untilStatus(worker, 'no-start', 'STOPPED', []);
    await worker.rest.deleteConnector('no-start', {});
  });

  it('tries again after retriable errors of poll and put', async () => {
    await create('again-source', source({ topic: 'again', trouble: 'retriable', limit: '500' }));
    await create('again-sink', sink({ topics: 'again', file: 'again.txt', trouble: 'retriable' }));
    await waitFor('all has arrived', 20_000, () => Promise.resolve(cluster.collected('again.txt').length >= 500));
    expect(cluster.collected('again.txt')).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  it('pauses, resumes, stops, and goes on where it was', async () => {
    await create('life', source({ topic: 'life', 'batch.size': '5', 'pause.ms': '5' }));
    await create('life-sink', sink({ topics: 'life', file: 'life.txt' }));
    await waitFor('it runs', 20_000, () => Promise.resolve(cluster.collected('life.txt').length > 20));
    await worker.rest.pauseConnector('life');
    await untilStatus(worker, 'life', 'PAUSED', ['PAUSED']);
    await worker.rest.resumeConnector('life');
    await untilStatus(worker, 'life', 'RUNNING', ['RUNNING']);
    await worker.rest.stopConnector('life', {});
    await untilStatus(worker, 'life', 'STOPPED', []);
    expect(worker.rest.connectorTasks('life')).toEqual([]);
    const before = cluster.collected('life.txt').length;
    await worker.rest.resumeConnector('life');
    await untilStatus(worker, 'life', 'RUNNING', ['RUNNING']);
    await waitFor('it goes on', 20_000, () => Promise.resolve(cluster.collected('life.txt').length > before + 20));
    const numbers = cluster.collected('life.txt');
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    await worker.rest.deleteConnector('life', {});
    await worker.rest.deleteConnector('life-sink', {});
  }, 60_000);

  it('restarts tasks only: with the answer saying RESTARTING', async () => {
    const info = await worker.rest.restartConnector('flow-source', { includeTasks: true, onlyFailed: false }, {});
    expect(info).toMatchObject({ connector: { state: 'RESTARTING' }, tasks: [{ id: 0, state: 'RESTARTING' }] });
    await untilStatus(worker, 'flow-source', 'RUNNING', ['RUNNING']);
    expect((await worker.rest.restartConnector('flow-source', { includeTasks: true, onlyFailed: true }, {}))?.tasks[0]?.state).toBe('RUNNING');
    await expect(worker.rest.restartTask('flow-source', 7, {})).rejects.toMatchObject({ status: 404 });
    await worker.rest.restartTask('flow-source', 0, {});
    await untilStatus(worker, 'flow-source', 'RUNNING', ['RUNNING']);
  });

  it('follows tasks.max up and down, and refuses too many tasks', async () => {
    await create('wide', source({ topic: 'wide', 'tasks.max': '3', limit: '1' }));
    await untilStatus(worker, 'wide', 'RUNNING', ['RUNNING', 'RUNNING', 'RUNNING']);
    await worker.rest.patchConnectorConfig('wide', { 'tasks.max': '1', topic: 'wide2' }, {});
    await untilStatus(worker, 'wide', 'RUNNING', ['RUNNING']);
    await worker.rest.patchConnectorConfig('wide', { tasks: '2' }, {});
    await untilStatus(worker, 'wide', 'FAILED', ['RUNNING']);
    expect(worker.rest.connectorStatus('wide').connector.trace).toMatch(/has generated 2 tasks, which is greater than 1/);
    await worker.rest.deleteConnector('wide', {});
  });

  it('runs tasks in the worker and in processes of their own as well', async () => {
    for (const isolation of ['inline', 'process']) {
      await create(`in-${isolation}`, source({ topic: `in-${isolation}`, 'task.isolation': isolation, limit: '300' }));
      await create(`out-${isolation}`, sink({ topics: `in-${isolation}`, 'task.isolation': isolation, file: `${isolation}.txt` }));
      await waitFor(`${isolation} has arrived`, 20_000, () => Promise.resolve(cluster.collected(`${isolation}.txt`).length >= 300));
      expectNoGap(cluster.collected(`${isolation}.txt`), 300);
      for (const name of [`in-${isolation}`, `out-${isolation}`]) await worker.rest.deleteConnector(name, {});
    }
  }, 60_000);
});

function statusIsGone(name: string): boolean {
  try {
    worker.rest.connectorStatus(name);
    return false;
  } catch {
    return true;
  }
}
