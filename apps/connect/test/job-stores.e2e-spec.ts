import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { freePort, isListening, waitFor } from '@millrace/testkit';
import { JSON_CONVERTER, RedriveScene, SINK, STRING_CONVERTER } from './redrive-scene.js';
import { request } from './rest-conversation.js';

interface Store {
  readonly url: string;
  stop(): Promise<void>;
}

const PASSWORD = 's3cret/of:jobs';

async function postgres(folder: string): Promise<Store> {
  const server = await EmbeddedPostgres.start({ folder: path.join(folder, 'postgres'), auth: 'scram-sha-256', password: PASSWORD });
  return { url: `postgresql://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/postgres`, stop: () => server.stop() };
}

async function redis(folder: string): Promise<Store> {
  const port = await freePort();
  const child: ChildProcess = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--requirepass', PASSWORD], { stdio: 'ignore' });
  await waitFor('Redis listens', 20_000, () => isListening(port));
  return {
    url: `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const STORES = [
  { name: 'PostgreSQL', kind: 'postgresql', start: postgres, missing: undefined },
  { name: 'Redis', kind: 'redis', start: redis, missing: isInstalled('redis-server') ? undefined : 'redis-server is not installed' },
];

describe.each(STORES)('jobs in $name', ({ kind, start, missing }) => {
  let folder: string;
  let store: Store;
  let scene: RedriveScene;
  beforeAll(async () => {
    if (missing) return;
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-jobs-'));
    fs.chmodSync(folder, 0o755);
    store = await start(folder);
    scene = await RedriveScene.start(folder, { 'jobs.store.url': store.url });
    await Promise.all([scene.pool.add(), scene.pool.add()]);
  }, 90_000);
  afterAll(async () => {
    if (missing) return;
    await scene.stop();
    await store.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  (missing ? it.skip : it)(`a redrive whose worker is killed goes on at another one, and so does a schedule${missing ? ` (${missing})` : ''}`, async () => {
    await scene.produce(100_000);
    await scene.putSink(JSON_CONVERTER);
    await scene.untilArrived(99_000);
    await scene.deadLetters(1000);
    await scene.putSink(STRING_CONVERTER);

    const [first] = scene.pool.workers;
    const schedule = await scene.post({ type: 'restart', connector: SINK, only_failed: true, schedule: { cron: '* * * * * *' } }, first?.url);
    const job = await scene.post({ type: 'redrive', connector: SINK, rate_per_second: 100 }, first?.url);
    expect(job).toMatchObject({ store: kind, is_durable: true });
    const before = (await scene.watch(job.id, (it) => (it.progress?.redriven ?? 0) >= 200)).at(-1);
    // Each worker knows the job.
    for (const worker of scene.pool.workers) expect((await scene.job(job.id, worker.url)).state).toBe('active');
    const killed = scene.workerOf(before ?? job);
    await scene.pool.kill(killed);

    const after = (await scene.watch(job.id, (it) => it.state === 'completed', 90_000)).at(-1);
    expect(after?.worker_id).toBe(scene.pool.workers[0]?.id);
    expect(after?.worker_id).not.toBe(killed.id);
    expect(after?.progress).toMatchObject({ done: 1000, total: 1000, filtered: 0 });
    await scene.untilArrived(100_000);
    const lines = scene.lines();
    expect(new Set(lines)).toEqual(scene.sent);
    // What was sent after the last commit is repeated, about a second of it: a busy machine commits a little later.
    expect(lines.filter((it) => it.startsWith('no JSON')).length).toBeLessThan(1300);

    await waitFor('the schedule runs at the worker that is left', 30_000, async () => {
      const runs = (await scene.jobs()).filter((it) => it.schedule_id === schedule.id && it.state === 'completed' && it.worker_id === after?.worker_id);
      return runs.length >= 2;
    });
    await request(scene.url, { method: 'DELETE', path: `/ext/jobs/${schedule.id}` });
    expect((await scene.jobs()).some((it) => it.id === schedule.id)).toBe(false);
  }, 240_000);

  (missing ? it.skip : it)('a job moves to another worker when its own stops in order, and ends when it is cancelled anywhere', async () => {
    const second = await scene.pool.add();
    const job = await scene.post({ type: 'redrive', connector: SINK, again: true, rate_per_second: 50 });
    const running = (await scene.watch(job.id, (it) => (it.progress?.redriven ?? 0) >= 50)).at(-1);
    await scene.pool.stop(scene.workerOf(running ?? job));
    await scene.watch(job.id, (it) => it.state === 'active' && it.worker_id !== running?.worker_id, 60_000);
    await scene.pool.add();
    const other = scene.pool.workers.find((it) => it !== second) ?? second;
    expect((await request(other.url, { method: 'DELETE', path: `/ext/jobs/${job.id}` })).status).toBe(200);
    const last = (await scene.watch(job.id, (it) => it.state === 'cancelled', 30_000)).at(-1);
    expect(last?.progress?.redriven).toBeLessThan(1000);
    expect(last?.progress?.redriven).toBeGreaterThanOrEqual(50);
  }, 120_000);

  (missing ? it.skip : it)('the store’s password is in no log and no answer', async () => {
    const logs = fs.readdirSync(folder).filter((it) => it.startsWith('worker-')).map((it) => fs.readFileSync(path.join(folder, it, 'connect.log'), 'utf8')).join('');
    expect(logs).toContain('jobs are kept in a store');
    for (const text of [logs, JSON.stringify(await scene.jobs())]) for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(text.includes(secret)).toBe(false);
  });
});
