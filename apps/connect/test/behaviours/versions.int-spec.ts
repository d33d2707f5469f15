import path from 'node:path';
import { Consumer } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster | undefined;
let workers: Cluster;
beforeAll(async () => {
  workers = cluster = await Cluster.start({ settings: { 'plugin.path': path.join(__dirname, '../plugin-versions') } });
}, 60_000);
afterAll(() => cluster?.stop(), 60_000);

async function values(topic: string, count: number): Promise<string[]> {
  const consumer = new Consumer({ bootstrapServers: workers.bootstrap, autoOffsetReset: 'earliest', enableAutoCommit: false });
  const found: string[] = [];
  try {
    consumer.assign([{ topic, partition: 0 }]);
    consumer.seekToBeginning();
    await waitFor(`${count} records in ${topic}`, 30_000, async () => {
      for (const it of await consumer.poll(200)) found.push(Buffer.from(it.value ?? []).toString());
      return found.length >= count;
    });
    return found;
  } finally {
    await consumer.close({ timeoutMs: 500 });
  }
}

const config = (word: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  'connector.class': 'test.VersionedSourceConnector',
  topic: workers.name(word),
  'value.converter': 'test.StampConverter',
  transforms: 't',
  'transforms.t.type': 'test.Stamp',
  ...more,
});

describe('several versions of a plugin, side by side', () => {
  ownIt('the newest runs where none is asked for', async () => {
    const name = await workers.create('newest', config('newest'));
    const status = await workers.untilStates(name, 'RUNNING', ['RUNNING']);
    expect(status).toMatchObject({ connector: { version: '2.0.0' }, tasks: [{ version: '2.0.0' }] });
    expect(await values(workers.name('newest'), 1)).toEqual(['source 2.0.0, stamp 2.0.0, converter 2.0.0']);
  }, 60_000);

  ownIt('each part in the version or the range that is asked for, and in another one after a change of it', async () => {
    const asked = { 'connector.plugin.version': '1.0.0', 'transforms.t.plugin.version': '[1.0,2.0)', 'value.converter.plugin.version': '(,1.5)', 'transforms.t.predicate': 'p', predicates: 'p', 'predicates.p.type': 'test.IsStamped', 'predicates.p.plugin.version': '1.0.0' };
    const name = await workers.create('mixed', config('mixed', asked));
    expect(await workers.untilStates(name, 'RUNNING', ['RUNNING'])).toMatchObject({ connector: { version: '1.0.0' }, tasks: [{ version: '1.0.0' }] });
    expect(await values(workers.name('mixed'), 1)).toEqual(['source 1.0.0, stamp 1.5.0, converter 1.0.0']);
    expect((await workers.request('GET', '/metrics')).text).toMatch(/kafka_connect_connector_task_metrics_info\{[^}]*connector="[^"]*mixed"[^}]*task_version="1\.0\.0"/);

    const patched = await workers.settled('PATCH', `/connectors/${name}/config`, { body: { 'connector.plugin.version': '[1.1,)', 'predicates.p.plugin.version': null } });
    expect([patched.status, patched.text]).toEqual([200, expect.stringContaining('[1.1,)')]);
    await waitFor('the newer one runs', 30_000, async () => ((await workers.status(name)).connector as { version?: string } | undefined)?.version === '2.0.0');
    await workers.untilStates(name, 'RUNNING', ['RUNNING']);
    expect(await values(workers.name('mixed'), 2)).toEqual(['source 1.0.0, stamp 1.5.0, converter 1.0.0', 'source 2.0.0, converter 1.0.0']);
  }, 90_000);

  ownIt('are listed, each with its own settings; one that is not there is refused', async () => {
    const listed = (await workers.request('GET', '/connector-plugins?connectorsOnly=false')).body as { class: string; version?: string }[];
    expect(listed.filter((it) => it.class === 'test.Stamp').map((it) => it.version).sort()).toEqual(['1.0.0', '1.5.0', '2.0.0']);
    const own = async (version: string): Promise<string[]> => ((await workers.request('GET', `/connector-plugins/VersionedSource/config${version}`)).body as { name: string }[]).map((it) => it.name).filter((it) => it.startsWith('since.'));
    expect([await own(''), await own('?version=1.5.0'), await own('?version=(,1.5)')]).toEqual([['since.2.0.0'], ['since.1.5.0'], ['since.1.0.0']]);
    const name = workers.name('refused');
    const refused = await workers.settled('POST', '/connectors', { body: { name, config: config('refused', { 'connector.plugin.version': '3.0' }) } });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Plugin test.VersionedSourceConnector not found that matches the version range [3.0,3.0], available versions: [1.0.0, 1.5.0, 2.0.0]');
    const suggested = (await workers.settled('PUT', '/connector-plugins/VersionedSource/config/validate', { body: config('x') })).body as { configs: { value: { name: string; value: string; recommended_values: string[] } }[] };
    expect(suggested.configs.find((it) => it.value.name === 'connector.plugin.version')?.value).toMatchObject({ value: '2.0.0', recommended_values: ['1.0.0', '1.5.0', '2.0.0'] });
  }, 60_000);

  ownIt('a worker without the version that is stored fails the connector, with what there is', async () => {
    const name = await workers.create('gone', config('gone', { 'connector.plugin.version': '1.0.0' }));
    await workers.untilStates(name, 'RUNNING', ['RUNNING']);
    for (const it of workers.workers) await workers.removeWorker(it);
    await workers.addWorker({ 'plugin.path': path.join(__dirname, '../plugin-versions/three') });
    await waitFor('it has failed', 60_000, async () => (await workers.status(name)).connector?.state === 'FAILED');
    expect((await workers.status(name)).connector?.trace).toContain('not found that matches the version range [1.0.0,1.0.0], available versions: [2.0.0]');
  }, 90_000);
});
