import { createHmac } from 'node:crypto';
import { waitFor } from '@millrace/testkit';
import { Cluster, isForeign, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ workers: 3 });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

const RUNNING = 'RUNNING';

interface Owned {
  readonly connectors: string[];
  readonly tasks: string[];
}

/** What each worker says it runs, by the statuses; fails when something is not RUNNING. */
async function owned(names: readonly string[], tasksEach: number): Promise<Map<string, Owned> | undefined> {
  const owners = new Map<string, Owned>();
  const of = (worker: string): Owned => owners.get(worker) ?? owners.set(worker, { connectors: [], tasks: [] }).get(worker)!;
  for (const name of names) {
    const { connector, tasks = [] } = await cluster.status(name);
    if (connector?.state !== RUNNING || tasks.length !== tasksEach || tasks.some((it) => it.state !== RUNNING)) return undefined;
    of(connector.worker_id).connectors.push(name);
    for (const task of tasks) of(task.worker_id).tasks.push(`${name}-${task.id}`);
  }
  return owners;
}

/** Waits until the work is shared out evenly among so many workers, and among live ones only. */
async function untilBalanced(names: readonly string[], tasksEach: number, workers: number): Promise<void> {
  let seen = '';
  await waitFor(`the work is balanced among ${workers}`, 60_000, async () => {
    const owners = await owned(names, tasksEach);
    if (!owners) return false;
    const live = new Set(cluster.liveUrls.map((it) => new URL(it).host));
    const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);
    const all = [...owners.values()];
    while (all.length < workers) all.push({ connectors: [], tasks: [] });
    seen = JSON.stringify([...owners].map(([worker, it]) => [worker, it.connectors.length, it.tasks.length]));
    return all.length === workers && [...owners.keys()].every((it) => live.has(it)) && spread(all.map((it) => it.connectors.length)) <= 1 && spread(all.map((it) => it.tasks.length)) <= 1;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${seen}`);
  });
}

const starts = (word: string): number => cluster.lines(`${word}.log`).filter((it) => it.startsWith('task.start')).length;
const logged = (word: string, tasks: number): Record<string, string> => ({ 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': String(tasks), topic: cluster.name(word), 'log.file': cluster.file(`${word}.log`) });

describe('26 the work of source connectors', () => {
  it('is shared out evenly, each part once: when connectors come, change and go', async () => {
    const names: string[] = [];
    for (const word of ['b1', 'b2', 'b3']) names.push(await cluster.create(word, { ...cluster.fileSink(word, word), 'tasks.max': '3' }));
    await untilBalanced(names, 3, cluster.urls.length);
    await cluster.settled('PUT', `/connectors/${names[0]}/config`, { body: { ...cluster.fileSink('b1', 'other'), name: names[0], 'tasks.max': '3' } });
    await untilBalanced(names, 3, cluster.urls.length);
    await cluster.remove_(names.pop() ?? '');
    await untilBalanced(names, 3, cluster.urls.length);
    for (const name of names) await cluster.remove_(name);
  }, 180_000);

  ownIt('and when workers come and go, with nothing restarted that stays where it is', async () => {
    const words = ['m1', 'm2', 'm3', 'm4'];
    const names: string[] = [];
    for (const word of words) names.push(await cluster.create(word, logged(word, 3)));
    await untilBalanced(names, 3, 3);
    const before = words.reduce((sum, word) => sum + starts(word), 0);
    const fourth = await cluster.addWorker();
    await untilBalanced(names, 3, 4);
    const moved = words.reduce((sum, word) => sum + starts(word), 0) - before;
    expect(moved).toBe(3);
    await cluster.removeWorker(fourth);
    await untilBalanced(names, 3, 3);
    expect(words.reduce((sum, word) => sum + starts(word), 0) - before).toBe(6);
    for (const name of names) await cluster.remove_(name);
  }, 180_000);
});

describe('1 a worker that is added and removed', () => {
  ownIt('leaves tasks running, and what it had is run by the others', async () => {
    const name = await cluster.create('stay', logged('stay', 4));
    await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING, RUNNING, RUNNING]);
    const fourth = await cluster.addWorker();
    await untilBalanced([name], 4, 4);
    await cluster.removeWorker(fourth);
    const status = await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING, RUNNING, RUNNING]);
    expect(status.tasks?.map((it) => it.worker_id)).not.toContain(new URL(cluster.urls[fourth] ?? '').host);
    await cluster.remove_(name);
  }, 120_000);
});

describe('29 requests are passed on', () => {
  it('from any worker to the one that must act', async () => {
    for (const worker of cluster.workers) {
      const name = cluster.name(`by-${worker}`);
      const created = await cluster.settled('POST', '/connectors', { worker, body: { name, config: cluster.fileSource(`by-${worker}`, ['one']) } });
      expect({ status: created.status, body: created.body }).toMatchObject({ status: 201, body: { name, type: 'source' } });
      await cluster.untilStates(name, RUNNING, [RUNNING]);
      expect((await cluster.settled('PUT', `/connectors/${name}/config`, { worker, body: { ...cluster.fileSource(`by-${worker}`, ['two']), name } })).status).toBe(200);
      expect((await cluster.settled('POST', `/connectors/${name}/tasks/0/restart`, { worker })).status).toBe(204);
      expect((await cluster.settled('POST', `/connectors/${name}/restart`, { worker })).status).toBe(204);
      expect((await cluster.settled('PUT', `/connectors/${name}/stop`, { worker })).status).toBe(204);
      const refused = await cluster.settled('POST', '/connectors', { worker, body: { name, config: cluster.fileSource(`by-${worker}`, ['one']) } });
      expect({ status: refused.status, body: refused.body }).toEqual({ status: 409, body: { error_code: 409, message: `Connector ${name} already exists` } });
      expect((await cluster.settled('DELETE', `/connectors/${name}`, { worker })).status).toBe(204);
      await waitFor('it is gone everywhere', 20_000, async () => (await cluster.request('GET', `/connectors/${name}`, { worker })).status === 404);
    }
  }, 180_000);

  it('between workers only when they are signed, by the right key', async () => {
    const path = `/connectors/${cluster.name('internal')}/tasks`;
    const signed = (key: string): Record<string, string> => ({ 'X-Connect-Authorization': createHmac('sha256', key).update('[]').digest('base64'), 'X-Connect-Request-Signature-Algorithm': 'HmacSHA256' });
    for (const worker of cluster.workers) {
      expect((await cluster.settled('POST', path, { worker, body: [] })).body).toEqual({ error_code: 400, message: 'Internal request missing required signature' });
      expect((await cluster.settled('POST', path, { worker, body: [], headers: signed('guessed') })).body).toEqual({ error_code: 403, message: 'Internal request contained invalid signature.' });
      expect((await cluster.settled('PUT', `/connectors/${cluster.name('internal')}/fence`, { worker })).status).toBe(400);
      if (!isForeign) expect((await cluster.settled('PUT', `/ext${path}/0/signal`, { worker, body: {} })).status).toBe(400);
    }
  }, 60_000);
});

describe('3 the broker of the group', () => {
  ownIt('goes and comes back: everything runs again', async () => {
    const name = await cluster.create('outage', cluster.fileSource('outage', ['one']));
    const sink = await cluster.create('outage-sink', cluster.fileSink('outage', 'outage'));
    await waitFor('it flows', 30_000, () => Promise.resolve(cluster.lines('outage.out').length === 1));
    await cluster.broker?.stop();
    (await import('node:fs')).appendFileSync(cluster.file('outage.in'), 'two\n');
    await cluster.startBroker();
    await waitFor('it flows again', 60_000, () => Promise.resolve(cluster.lines('outage.out').includes('two')));
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    const third = await cluster.create('outage-after', cluster.fileSource('outage-after', ['one']));
    await cluster.untilStates(third, RUNNING, [RUNNING]);
    for (const it of [name, sink, third]) await cluster.remove_(it);
  }, 180_000);
});
