import path from 'node:path';
import { Broker } from '@millrace/log';
import { freePort, temporaryFolder, waitFor } from '@millrace/testkit';
import { SILENT_LOGGER } from '@millrace/foundation';
import { ConnectWorker } from './connect-worker.js';
import type { WorkerHealth } from './rest/shapes.js';

const HEALTH_TIMEOUT_MS = 700;
const folder = temporaryFolder('health');
let broker: Broker;
let worker: ConnectWorker;
let port: number;

async function startBroker(): Promise<void> {
  broker = new Broker({ properties: { 'node.id': '1', listeners: `PLAINTEXT://127.0.0.1:${port}`, 'log.dirs': path.join(folder.path, 'data'), 'offsets.topic.num.partitions': '2', 'offsets.topic.replication.factor': '1', 'group.initial.rebalance.delay.ms': '0', 'group.min.session.timeout.ms': '500' } });
  await broker.start();
}

const status = async (): Promise<WorkerHealth['status']> => (await worker.rest.health()).status;
const until = (wanted: WorkerHealth['status']): Promise<void> => waitFor(`the worker is ${wanted}`, 30_000, async () => (await status()) === wanted);

beforeAll(async () => {
  port = await freePort();
  await startBroker();
  const internal = Object.fromEntries(['config', 'offset', 'status'].flatMap((it) => [[`${it}.storage.topic`, `h-${it}`], [`${it}.storage.replication.factor`, '1']]));
  const json = 'org.apache.kafka.connect.json.JsonConverter';
  worker = new ConnectWorker({
    config: { 'bootstrap.servers': `127.0.0.1:${port}`, 'group.id': 'health', ...internal, 'key.converter': json, 'value.converter': json, 'heartbeat.interval.ms': '200', 'session.timeout.ms': '6000', 'task.shutdown.graceful.timeout.ms': '3000', 'task.restart.max.attempts': '0', 'plugin.path': path.join(__dirname, '../test/plugins') },
    advertisedUrl: 'http://w1:8083/',
    pluginRoots: [],
    logger: SILENT_LOGGER,
    forward: () => Promise.reject(new Error('there is no other worker')),
    healthTimeoutMs: HEALTH_TIMEOUT_MS,
  });
}, 30_000);
afterAll(async () => {
  await worker.stop();
  await broker.stop();
  folder.remove();
}, 30_000);

describe('health of a worker', () => {
  it('is "starting" until it has its first assignment, then "healthy"', async () => {
    expect(await status()).toBe('starting');
    const starting = worker.start();
    expect(await status()).toBe('starting');
    await starting;
    await until('healthy');
  }, 60_000);

  it('is "unhealthy" while changes of what runs here are stuck, and says so for as long only', async () => {
    await worker.rest.createConnector({ name: 'stuck', config: { 'connector.class': 'CountingSource', topic: 'stuck', trouble: 'loop', limit: '10' } }, {});
    await waitFor('it runs', 20_000, () => Promise.resolve(worker.metrics().tasks.some((it) => it.state === 'RUNNING')));
    await worker.rest.deleteConnector('stuck', {});
    // The task does not stop: it is ended by force after 3 s, and until then nothing else is changed.
    await until('unhealthy');
    expect((await worker.rest.health()).message).toMatch(/^Worker was unable to handle this request and may be unable to handle other requests: what runs here is being changed/);
    await until('healthy');
  }, 60_000);

  it('is "unhealthy" soon after the broker has gone, at once from then on, and "healthy" again when it is back', async () => {
    await broker.stop();
    const goneMs = performance.now();
    await until('unhealthy');
    const afterMs = performance.now() - goneMs;
    // A heartbeat, the timeout of the check, and some slack for a busy machine; much less than the session timeout.
    expect(afterMs).toBeLessThan(200 + HEALTH_TIMEOUT_MS + 3000);
    expect((await worker.rest.health()).message).toMatch(/the coordinator of its group cannot be reached/);
    const askedMs = performance.now();
    await worker.rest.health();
    expect(performance.now() - askedMs).toBeLessThan(HEALTH_TIMEOUT_MS / 2);
    await startBroker();
    await until('healthy');
  }, 90_000);
});
