import path from 'node:path';
import { freePort, peersMissing, PeerProcess, pluginFolder, waitFor } from '@millrace/testkit';
import { Cluster, isForeign, ownIt } from './cluster.js';

let cluster: Cluster | undefined;
let java: PeerProcess | undefined;
afterEach(async () => {
  await java?.stop();
  java = undefined;
  await cluster?.stop();
}, 60_000);

const missing = isForeign ? 'another cluster is asked' : peersMissing();
const javaIt = missing === undefined ? it : it.skip;

/** What each of our workers says the group's protocol is. */
async function protocols(of: Cluster): Promise<string[]> {
  const texts = await Promise.all(of.workers.map(async (worker) => (await of.request('GET', '/metrics', { worker })).text));
  return texts.map((it) => /rebalance_metrics_info\{[^}]*connect_protocol="(\w+)"/.exec(it)?.[1] ?? '');
}

async function untilProtocol(of: Cluster, name: string): Promise<void> {
  await waitFor(`the protocol is ${name}`, 60_000, async () => (await protocols(of)).every((it) => it === name));
}

/** Waits until all tasks of these connectors run, shared out evenly among so many workers. */
async function untilShared(of: Cluster, names: readonly string[], tasks: number, workers: number): Promise<Map<string, number>> {
  let counts = new Map<string, number>();
  await waitFor(`the tasks are shared among ${workers}`, 90_000, async () => {
    counts = new Map();
    for (const name of names) {
      const status = await of.status(name);
      if (status.connector?.state !== 'RUNNING' || status.tasks?.length !== tasks || status.tasks.some((it) => it.state !== 'RUNNING')) return false;
      for (const it of status.tasks) counts.set(it.worker_id, (counts.get(it.worker_id) ?? 0) + 1);
    }
    return counts.size === workers && Math.max(...counts.values()) - Math.min(...counts.values()) <= 1;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${JSON.stringify([...counts])}`);
  });
  return counts;
}

const starts = (of: Cluster): number => of.lines('starts.log').filter((it) => it.startsWith('task.start')).length;

describe('workers that know different protocols', () => {
  ownIt('use the newest that all of them know: with signatures, without, or with everything revoked before each round', async () => {
    const workers = await Cluster.start({ workers: 2 });
    cluster = workers;
    const name = await workers.create('shared', { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '6', topic: workers.name('shared'), 'log.file': workers.file('starts.log') });
    await untilShared(workers, [name], 6, 2);
    expect(await protocols(workers)).toEqual(['sessioned', 'sessioned']);
    const unsigned = async (): Promise<number> => (await workers.settled('POST', `/connectors/${workers.name('nobody')}/tasks`, { body: [] })).status;
    expect(await unsigned()).toBe(400);

    const before = starts(workers);
    const compatible = await workers.addWorker({ 'connect.protocol': 'compatible' });
    await untilProtocol(workers, 'compatible');
    await untilShared(workers, [name], 6, 3);
    expect(starts(workers) - before).toBe(2);
    expect(await unsigned()).toBe(404);

    const eager = await workers.addWorker({ 'connect.protocol': 'eager' });
    await untilProtocol(workers, 'default');
    await untilShared(workers, [name], 6, 4);
    expect(await unsigned()).toBe(404);
    const dealt = starts(workers);
    const second = await workers.create('second', { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '1', topic: workers.name('second'), 'log.file': workers.file('second.log') });
    await waitFor('a new connector starts all tasks anew', 60_000, () => Promise.resolve(starts(workers) - dealt >= 6));
    await workers.remove_(second);

    await workers.removeWorker(eager);
    await untilProtocol(workers, 'compatible');
    await untilShared(workers, [name], 6, 3);
    await workers.removeWorker(compatible);
    await untilProtocol(workers, 'sessioned');
    await untilShared(workers, [name], 6, 2);
    expect(await unsigned()).toBe(400);
    await workers.remove_(name);
  }, 240_000);

  javaIt.each([
    ['eager', 'default'],
    ['compatible', 'compatible'],
  ])(`share the work with Java's Connect, which knows no newer one than %s${missing === undefined ? '' : ` (skipped: ${missing})`}`, async (setting, protocol) => {
    const workers = await Cluster.start({ workers: 2 });
    cluster = workers;
    const { 'plugin.path': _plugins, 'bootstrap.servers': bootstrap = '', 'group.id': group = '', ...settings } = workers.workerConfig();
    java = await PeerProcess.connect({ folder: workers.file('java'), port: await freePort(), bootstrap, group, settings: { ...settings, 'connect.protocol': setting, 'plugin.path': path.join(pluginFolder(), 'connect-file') }, heap: ['-Xms128m', '-Xmx512m'] });
    const host = new URL(java.address).host;
    const names: string[] = [];
    for (const word of ['j1', 'j2']) names.push(await workers.create(word, { ...workers.fileSink(word, word), 'tasks.max': '3' }));
    await untilProtocol(workers, protocol);
    expect((await untilShared(workers, names, 3, 3)).get(host)).toBe(2);
    const source = await workers.create('j-source', workers.fileSource('j1', ['one', 'two']));
    await waitFor('what Java or we run passes records on', 60_000, () => Promise.resolve(workers.lines('j1.out').length >= 2));
    await java.stop();
    java = undefined;
    await untilShared(workers, names, 3, 2);
    await untilProtocol(workers, 'sessioned');
    for (const it of [...names, source]) await workers.remove_(it);
  }, 240_000);
});
