import { createHmac } from 'node:crypto';
import { SILENT_LOGGER, type Logger } from '@millrace/foundation';
import { waitFor } from '@millrace/testkit';
import { untilStatus, WorkerCluster } from '../test/worker-cluster.js';
import type { ConnectWorker } from './connect-worker.js';

interface SignalLine {
  readonly worker: string;
  readonly task: unknown;
  readonly id: unknown;
  readonly data: unknown;
}

let cluster: WorkerCluster;
const workers: ConnectWorker[] = [];
const lines: SignalLine[] = [];

function listening(worker: string): Logger {
  const logger: Logger = {
    ...SILENT_LOGGER,
    info: (fields, message) => {
      const { task, id, data } = fields as Record<string, unknown>;
      if (message === 'a signal came') lines.push({ worker, task, id, data });
    },
    child: () => logger,
  };
  return logger;
}

beforeAll(async () => {
  cluster = await WorkerCluster.start();
  for (const name of ['w1', 'w2']) workers.push(await cluster.addWorker(name, {}, listening(name)));
  const [first] = workers as [ConnectWorker];
  await first.rest.createConnector({ name: 'told', config: { 'connector.class': 'test.CountingSourceConnector', topic: 'told', 'tasks.max': '2', limit: '5' } }, {});
  await untilStatus(first, 'told', 'RUNNING', ['RUNNING', 'RUNNING']);
  await waitFor('each worker has a task', 20_000, () => Promise.resolve(workers.every((it) => it.metrics().tasks.length === 1)));
  for (const worker of workers) await untilStatus(worker, 'told', 'RUNNING', ['RUNNING', 'RUNNING']);
}, 60_000);
afterAll(() => cluster.stop(), 30_000);

describe('a signal', () => {
  it('reaches every task of its connector, on whatever worker, and says its id', async () => {
    for (const { rest } of workers) {
      lines.length = 0;
      const { id } = await rest.signalConnector('told', { type: 'note', data: { deep: [1, { two: null }] } }, {});
      await waitFor('both have heard', 5000, () => Promise.resolve(lines.length === 2));
      expect(lines.map((it) => it.id)).toEqual([id, id]);
      expect(lines.map((it) => it.worker).sort()).toEqual(['w1', 'w2']);
      expect(lines[0]?.data).toBe('{"deep":[1,{"two":null}]}');
    }
  });

  it('reaches one task alone when asked to, with the id of the sender', async () => {
    lines.length = 0;
    expect(await workers[1]!.rest.signalConnector('told', { id: 'mine', type: 'note', task: 0 }, {})).toEqual({ id: 'mine' });
    await waitFor('it has heard', 5000, () => Promise.resolve(lines.length === 1));
    expect(lines[0]).toMatchObject({ task: 0, id: 'mine', data: null });
  });

  it('is refused with the text of the task, on whatever worker that runs', async () => {
    for (const { rest } of workers) {
      for (const task of [0, 1]) await expect(rest.signalConnector('told', { type: 'refuse', task }, {})).rejects.toMatchObject({ status: 400, message: 'no refuse today' });
    }
  });

  it('is refused for what is not there, does not run or takes no signals', async () => {
    const { rest } = workers[0]!;
    await expect(rest.signalConnector('nobody', { type: 'note' }, {})).rejects.toMatchObject({ status: 404, message: 'Connector nobody not found' });
    await expect(rest.signalConnector('told', { type: 'note', task: 7 }, {})).rejects.toMatchObject({ status: 404 });
    await expect(rest.signalConnector('told', { type: '' }, {})).rejects.toMatchObject({ status: 400 });
    await rest.pauseConnector('told');
    for (const worker of workers) await untilStatus(worker, 'told', 'PAUSED', ['PAUSED', 'PAUSED']);
    await expect(rest.signalConnector('told', { type: 'note' }, {})).rejects.toMatchObject({ status: 409, message: 'Task told-0 is not running: it is PAUSED' });
    await rest.resumeConnector('told');
    await untilStatus(workers[0]!, 'told', 'RUNNING', ['RUNNING', 'RUNNING']);
    await rest.createConnector({ name: 'deaf', config: { 'connector.class': 'test.CollectingSinkConnector', topics: 'told', file: `${cluster.folder}/deaf.txt` } }, {});
    await untilStatus(workers[0]!, 'deaf', 'RUNNING', ['RUNNING']);
    await expect(rest.signalConnector('deaf', { type: 'note' }, {})).rejects.toMatchObject({ status: 400, message: 'Sink connectors take no signals (type note)' });
  }, 30_000);

  it('is not the only thing a source can be asked: its lag is among the counters', async () => {
    await waitFor('it was asked', 5000, () => Promise.resolve(workers[0]!.metrics().tasks.some((it) => it.connector === 'told' && it.sourceLagMs === 1500 && it.sourceLagBytes === 42)));
  });

  it('between workers has to be signed', async () => {
    const { rest } = workers[0]!;
    const body = JSON.stringify({ id: '1', type: 'note', data: null });
    await expect(rest.signalTask('told', 0, body, { signature: undefined, algorithm: undefined })).rejects.toMatchObject({ status: 400 });
    const wrong = createHmac('sha256', 'guessed').update(body).digest('base64');
    await expect(rest.signalTask('told', 0, body, { signature: wrong, algorithm: 'HmacSHA256' })).rejects.toMatchObject({ status: 403 });
  });
});
