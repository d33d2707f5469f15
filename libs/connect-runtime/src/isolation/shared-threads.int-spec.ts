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
  /** The connectors whose tasks these lines came from. */
  const startedBy: string[] = [];
  const failedOf: string[] = [];

  beforeAll(async () => {
    cluster = await WorkerCluster.start();
    const line = (fields: Readonly<Record<string, unknown>>, message: string): void => {
      log.push(message);
      if (message === 'counting') startedBy.push(String(fields['connector']));
      if (message === 'a task failed') failedOf.push(String(fields['connector']));
    };
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

  it('one that never comes back is ended with its thread, and the others go on in another one without having failed; the next time it has a thread of its own', async () => {
    await create('d');
    await create('e', { limit: '400', 'batch.size': '10' });
    await create('idle');
    for (const name of ['d', 'e', 'idle']) await isRunning(name);
    await worker.rest.pauseConnector('idle');
    await untilStatus(worker, 'idle', 'PAUSED', ['PAUSED']);
    const startsOf = (name: string): number => startedBy.filter((it) => it === name).length;
    const end = async (): Promise<void> => {
      await create('stuck', { trouble: 'loop' });
      await waitFor('its thread is silent', 20_000, () => Promise.resolve(worker.metrics().tasks.some((it) => it.connector === 'stuck' && it.state === 'RUNNING')));
      await worker.rest.deleteConnector('stuck', {});
      await waitFor('it is gone', 20_000, () => Promise.resolve(!worker.metrics().tasks.some((it) => it.connector === 'stuck')));
    };

    await end();
    await waitFor('d has started again: it was in that thread', 20_000, () => Promise.resolve(startsOf('d') === 2));
    await goesOn('d');
    await worker.rest.createConnector({ name: 'sink', config: { 'connector.class': 'Collector', topics: 'e', file: path.join(cluster.folder, 'e.txt') } }, {});
    await waitFor('all of e has arrived', 30_000, () => Promise.resolve(cluster.collected('e.txt').includes(400)));
    expectNoGap(cluster.collected('e.txt'), 400);
    expect([startsOf('e'), startsOf('idle'), worker.rest.connectorStatus('idle').tasks[0]?.state]).toEqual([2, 1, 'PAUSED']);
    await worker.rest.resumeConnector('idle');
    await isRunning('idle');

    await end();
    await goesOn('d');
    expect(startsOf('d')).toBe(2);
    expect(failedOf.filter((it) => ['d', 'e', 'idle'].includes(it))).toEqual([]);
  }, 120_000);
});
