import { Admin } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster | undefined;
afterEach(async () => await cluster?.stop(), 60_000);

async function start(broker: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  cluster = await Cluster.start({ workers: 0, broker: { 'auto.create.topics.enable': 'false', ...broker } });
  return cluster;
}

interface Topics {
  create(name: string, configs?: Readonly<Record<string, string>>, partitions?: number): Promise<void>;
  partitions(name: string): Promise<number>;
  policy(name: string): Promise<string | undefined>;
  names(): Promise<string[]>;
}

async function withTopics<T>(of: Cluster, use: (topics: Topics) => Promise<T>): Promise<T> {
  const client = of.client();
  const admin = new Admin({ client });
  try {
    return await use({
      create: async (name, configs = {}, partitions = 1) => void (await admin.createTopics([{ name, partitions, replicationFactor: 1, configs }])),
      partitions: async (name) => (await client.topic(name)).partitions.length,
      policy: async (name) => (await admin.describeConfigs([{ type: 'topic', name }]))[0]?.entries.find((it) => it.name === 'cleanup.policy')?.value ?? undefined,
      names: async () => (await admin.listTopics()).map((it) => it.name),
    });
  } finally {
    client.close();
  }
}

const named = (config: string, offset: string, status: string): Record<string, string> => ({ 'config.storage.topic': config, 'offset.storage.topic': offset, 'status.storage.topic': status });

describe('28 the internal topics', () => {
  ownIt('are made with one, some and some partitions, compacted, where brokers make none by themselves; and found by the next start', async () => {
    const workers = await start();
    const settings = (): Promise<unknown> =>
      withTopics(workers, async ({ partitions, policy }) => await Promise.all(['configs', 'offsets', 'status'].map(async (it) => [await partitions(`${workers.run}-${it}`), await policy(`${workers.run}-${it}`)])));
    const expected = [
      [1, 'compact'],
      [3, 'compact'],
      [5, 'compact'],
    ];
    const number = await workers.addWorker();
    expect(await settings()).toEqual(expected);
    await workers.removeWorker(number);
    await workers.addWorker({ 'offset.storage.partitions': '7' });
    expect(await settings()).toEqual(expected);
  }, 60_000);

  ownIt('are not made with more replicas than there are brokers: the worker says that it starts, and gives up', async () => {
    const workers = await start();
    const started = workers.startWorker({ 'offset.storage.replication.factor': '3', 'config.storage.replication.factor': '2', 'default.api.timeout.ms': '1500' }, async (worker) => {
      await waitFor('it tells its stage', 5000, async () => {
        const { status, message } = await worker.rest.health();
        return status === 'starting' && /^Worker is still starting up\. The worker is currently initializing and reading to the end of internal topics, which began at /.test(message);
      });
    });
    await expect(started).rejects.toThrow(/replication factor/i);
    expect(await withTopics(workers, (it) => it.names())).not.toContain(`${workers.run}-configs`);
    expect(await withTopics(workers, (it) => it.names())).not.toContain(`${workers.run}-offsets`);
  }, 60_000);

  ownIt('that are not compacted alone are refused, one after the other, until all are right', async () => {
    const workers = await start({ 'log.cleanup.policy': 'delete' });
    await withTopics(workers, async ({ create }) => {
      for (const it of ['good-config', 'good-offset', 'good-status']) await create(it, { 'cleanup.policy': 'compact' });
      await create('bad-config', { 'cleanup.policy': 'delete' });
      await create('bad-offset', { 'cleanup.policy': 'delete,compact' });
      await create('bad-status');
    });
    const refused = /required to have 'cleanup\.policy=compact'/;
    await expect(workers.startWorker(named('bad-config', 'good-offset', 'good-status'))).rejects.toThrow(refused);
    await expect(workers.startWorker(named('good-config', 'bad-offset', 'good-status'))).rejects.toThrow(refused);
    await expect(workers.startWorker(named('good-config', 'good-offset', 'bad-status'))).rejects.toThrow(refused);
    await workers.startWorker(named('good-config', 'good-offset', 'good-status'));
  }, 60_000);

  ownIt('that were made without settings do where the brokers compact by default', async () => {
    const workers = await start({ 'log.cleanup.policy': 'compact' });
    await withTopics(workers, async ({ create }) => {
      for (const it of ['c', 'o', 's']) await create(it);
    });
    await workers.addWorker(named('c', 'o', 's'));
  }, 60_000);

  ownIt('of configs with several partitions stops a worker from starting', async () => {
    const workers = await start();
    await withTopics(workers, ({ create }) => create('many', { 'cleanup.policy': 'compact' }, 2));
    await expect(workers.startWorker(named('many', 'o', 's'))).rejects.toThrow(/required to have a single partition/);
  }, 60_000);
});
