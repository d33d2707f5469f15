import path from 'node:path';
import type { Logger } from '@millrace/foundation';
import { waitFor } from '@millrace/testkit';
import { expectNoGap, untilStatus, WorkerCluster } from '../../test/worker-cluster.js';
import type { ConnectWorker } from '../connect-worker.js';

/** One thread for all tasks of a plugin: what happens to one that shares it with others. */
describe('tasks that share a thread', () => {
  let cluster: WorkerCluster;
  let worker: ConnectWorker;
  const log: string[] = [];

  beforeAll(async () => {
    cluster = await WorkerCluster.start();
    const line = (_: unknown, message: string): void => void log.push(message);
    const logger: Logger = { trace: () => undefined, debug: line, info: line, warn: line, error: line, child: () => logger };
    worker = await cluster.addWorker('w1', { 'task.threads.max': '1', 'task.heap.max.mb': '128', 'task.restart.backoff.ms': '50', 'task.shutdown.graceful.timeout.ms': '1000' }, logger);
  }, 30_000);
  afterAll(() => cluster.stop(), 30_000);

  const create = (name: string, over: Record<string, string> = {}): Promise<unknown> => worker.rest.createConnector({ name, config: { 'connector.class': 'CountingSource', topic: name, 'pause.ms': '5', ...over } }, {});
  const isRunning = (name: string): Promise<void> => untilStatus(worker, name, 'RUNNING', ['RUNNING']);
  const written = (name: string): number => worker.metrics().tasks.find((it) => it.connector === name)?.recordsOut ?? 0;
  const goesOn = async (name: string): Promise<void> => {
    const before = written(name);
    await waitFor(`${name} goes on`, 20_000, () => Promise.resolve(written(name) > before));
  };
  const starts = (): number => log.filter((it) => it === 'counting').length;

  it('run, stop and are restarted one by one', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    for (const name of ['a', 'b', 'c']) await isRunning(name);
    const before = starts();
    await worker.rest.restartTask('b', 0, {});
    await waitFor('b has started again', 20_000, () => Promise.resolve(starts() === before + 1));
    await worker.rest.deleteConnector('c', {});
    await goesOn('a');
    await goesOn('b');
    expect(starts()).toBe(before + 1);
    expect(worker.rest.connectorStatus('a').tasks[0]?.state).toBe('RUNNING');
  }, 60_000);

  it('a task that fails leaves the others alone', async () => {
    const before = starts();
    await create('failing', { trouble: 'poll' });
    await untilStatus(worker, 'failing', 'RUNNING', ['FAILED']);
    await worker.rest.deleteConnector('failing', {});
    await goesOn('a');
    expect(starts() - before).toBeLessThanOrEqual(8);
    expect(worker.rest.connectorStatus('a').tasks[0]?.state).toBe('RUNNING');
  }, 60_000);

  it('when one fills the heap all of the thread fail and say so; the next time only the culprit does', async () => {
    await create('glutton', { trouble: 'oom' });
    await waitFor('the thread of a has ended', 20_000, () => Promise.resolve(log.filter((it) => it === 'a task failed').length >= 3));
    await isRunning('a');
    await isRunning('b');
    await goesOn('a');
    const before = starts();
    await waitFor('the culprit has failed again, alone', 30_000, () => Promise.resolve(/^(?!.*shared).*(memory|ERR_WORKER_OUT_OF_MEMORY)/s.test(worker.rest.connectorStatus('glutton').tasks[0]?.trace ?? '')));
    await goesOn('a');
    await goesOn('b');
    expect(starts() - before).toBeLessThanOrEqual(8);
    await worker.rest.deleteConnector('glutton', {});
  }, 90_000);

  it('one that never comes back takes its thread with it, and the others come back', async () => {
    await create('d');
    await create('e', { limit: '400', 'batch.size': '10' });
    await isRunning('d');
    await create('stuck', { trouble: 'loop' });
    await waitFor('the thread is silent', 20_000, () => Promise.resolve(worker.metrics().tasks.some((it) => it.connector === 'stuck' && it.state === 'RUNNING')));
    await worker.rest.deleteConnector('stuck', {});
    await goesOn('d');
    await worker.rest.createConnector({ name: 'sink', config: { 'connector.class': 'Collector', topics: 'e', file: path.join(cluster.folder, 'e.txt') } }, {});
    await waitFor('all of e has arrived', 30_000, () => Promise.resolve(cluster.collected('e.txt').includes(400)));
    expectNoGap(cluster.collected('e.txt'), 400);
  }, 90_000);
});
