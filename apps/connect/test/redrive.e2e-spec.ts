import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { putConnector, readTopic, waitFor } from '@millrace/testkit';
import { DEAD, JSON_CONVERTER, RedriveScene, SINK, STRING_CONVERTER, TOPIC } from './redrive-scene.js';
import { request } from './rest-conversation.js';

let folder: string;
let scene: RedriveScene;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-redrive-'));
  scene = await RedriveScene.start(folder, { 'plugin.path': path.join(__dirname, 'plugins') });
  await scene.pool.add();
}, 60_000);
afterAll(async () => {
  await scene.stop();
  fs.rmSync(folder, { recursive: true, force: true });
}, 60_000);

const refusal = async (body: unknown): Promise<[number, { error_code: number; message: string }]> => {
  const { status, text } = await request(scene.url, { method: 'POST', path: '/ext/jobs', body });
  return [status, JSON.parse(text) as { error_code: number; message: string }];
};

it('1,000 bad records among 100,000 become dead letters; after the fix a redrive delivers each of them, with progress over REST', async () => {
  await scene.produce(100_000);
  await scene.putSink(JSON_CONVERTER);
  await scene.untilArrived(99_000);
  const dead = await scene.deadLetters(1000);
  expect(dead.length).toBe(1000);
  expect(scene.lines().some((it) => it.startsWith('no JSON'))).toBe(false);
  for (const { key, value, headers } of dead) {
    const n = Number(Buffer.from(key ?? []).toString().slice(1));
    expect(Buffer.from(value ?? []).toString()).toBe(`no JSON ${n}`);
    const texts = Object.fromEntries(headers.map((it) => [it.key, Buffer.from(it.value ?? []).toString()]));
    expect(texts).toMatchObject({ origin: `h${n}`, '__connect.errors.topic': TOPIC, '__connect.errors.partition': String(n % 3), '__connect.errors.offset': String(Math.floor(n / 3)), '__connect.errors.connector.name': SINK, '__connect.errors.stage': 'VALUE_CONVERTER' });
  }

  const dry = await scene.post({ type: 'redrive', connector: SINK, dry_run: true, exception_class: 'DataException' });
  expect((await scene.watch(dry.id, (it) => it.state === 'completed')).at(-1)?.progress).toMatchObject({ done: 1000, total: 1000, redriven: 0, would_redrive: 1000, filtered: 0, stages: { VALUE_CONVERTER: 1000 } });

  await scene.putSink(STRING_CONVERTER);
  const part = await scene.post({ type: 'redrive', connector: SINK, from_offset: 100, to_offset: 200, stage: 'VALUE_CONVERTER' });
  expect(part).toMatchObject({ store: 'memory', is_durable: false });
  expect((await scene.watch(part.id, (it) => it.state === 'completed')).at(-1)?.progress).toMatchObject({ done: 100, total: 100, redriven: 100 });

  const job = await scene.post({ type: 'redrive', connector: SINK, rate_per_second: 300 });
  expect(await refusal({ type: 'redrive', topic: DEAD })).toEqual([409, { error_code: 409, message: `The job ${job.id} (redrive of ${DEAD}) has not ended yet` }]);
  const looks = await scene.watch(job.id, (it) => it.state === 'completed');
  const seen = [...new Set(looks.flatMap((it) => (it.progress && it.state === 'active' ? [it.progress.done] : [])))];
  expect(seen.filter((it) => it > 0 && it < 1000).length).toBeGreaterThan(3);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(looks.at(-1)).toMatchObject({ error: null, progress: { done: 1000, total: 1000, redriven: 900, already_redriven: 100, filtered: 0 } });

  await scene.untilArrived(100_000);
  const lines = scene.lines();
  expect(new Set(lines)).toEqual(scene.sent);
  // Nothing was killed here: each letter came back once.
  expect(lines.filter((it) => it.startsWith('no JSON')).length).toBe(1000);

  const again = await scene.post({ type: 'redrive', connector: SINK });
  expect((await scene.watch(again.id, (it) => it.state === 'completed')).at(-1)?.progress).toMatchObject({ done: 0, total: 0, redriven: 0 });
}, 180_000);

it('what came back is as it was: bytes, headers, partition', async () => {
  const { Consumer } = await import('@millrace/client');
  const consumer = new Consumer({ bootstrapServers: scene.bootstrap, enableAutoCommit: false });
  const returned = new Map<number, { partition: number; headers: string }>();
  try {
    const partitions = [0, 1, 2].map((partition) => ({ topic: TOPIC, partition }));
    consumer.assign(partitions);
    for (const it of await consumer.endOffsets(partitions)) consumer.seek(it, Number(it.offset) - 300);
    await waitFor('the last records are read', 30_000, async () => {
      for (const it of await consumer.poll(200)) {
        const text = Buffer.from(it.value ?? []).toString();
        if (text.startsWith('no JSON')) returned.set(Number(text.slice(8)), { partition: it.partition, headers: JSON.stringify(it.headers.map((header) => [header.key, Buffer.from(header.value ?? []).toString()])) });
      }
      return returned.size >= 900;
    });
  } finally {
    await consumer.close({ timeoutMs: 500 });
  }
  for (const [n, it] of returned) expect(it).toEqual({ partition: n % 3, headers: JSON.stringify([['origin', `h${n}`]]) });
}, 60_000);

it('a running redrive can be cancelled; what is left goes with the next one', async () => {
  const job = await scene.post({ type: 'redrive', topic: DEAD, again: true, rate_per_second: 100 });
  await scene.watch(job.id, (it) => (it.progress?.redriven ?? 0) > 20);
  expect((await request(scene.url, { method: 'DELETE', path: `/ext/jobs/${job.id}` })).status).toBe(200);
  const [last] = (await scene.watch(job.id, (it) => it.state === 'cancelled')).slice(-1);
  expect(last?.progress?.redriven).toBeLessThan(1000);
}, 60_000);

it('refuses what says nothing, by name', async () => {
  expect(await refusal({ type: 'dance' })).toEqual([400, { error_code: 400, message: 'Cannot read the request body at "type": expected one of redrive, restart, snapshot' }]);
  expect((await refusal({ type: 'restart', connector: SINK, when: 5 }))[1].message).toBe('Cannot read the request body: Unrecognized key: "when"');
  expect((await refusal({ type: 'restart', connector: SINK, schedule: { cron: '* * * * *', at: 5 } }))[1].message).toBe('Cannot read the request body at "schedule": expected exactly one of at, delay_ms, cron, every_ms');
  expect((await refusal({ type: 'restart', connector: SINK, schedule: { cron: 'each Tuesday' } }))[0]).toBe(400);
  expect(await refusal({ type: 'restart', connector: 'nobody' })).toMatchObject([404, { error_code: 404, message: expect.stringContaining('nobody') }]);
  expect((await request(scene.url, { method: 'GET', path: '/ext/jobs/none' })).text).toBe('{"error_code":404,"message":"Job none not found"}');
  expect((await request(scene.url, { method: 'DELETE', path: '/ext/jobs/none' })).status).toBe(404);
  const nowhere = await scene.post({ type: 'redrive', topic: 'no-such-topic' });
  await waitFor('it has failed', 20_000, async () => (await scene.job(nowhere.id)).state === 'failed');
  expect(await scene.job(nowhere.id)).toMatchObject({ error: 'The topic no-such-topic does not exist', attempts_made: 1 });
}, 60_000);

it('a restart waits for its time, and comes again and again by a schedule until that is cancelled', async () => {
  const later = await scene.post({ type: 'restart', connector: SINK, schedule: { delay_ms: 600_000 } });
  expect(later).toMatchObject({ state: 'scheduled', next_run: expect.any(Number) });
  expect((await request(scene.url, { method: 'DELETE', path: `/ext/jobs/${later.id}` })).status).toBe(200);
  expect((await scene.job(later.id)).state).toBe('cancelled');

  const schedule = await scene.post({ type: 'restart', connector: SINK, only_failed: true, schedule: { cron: '* * * * * *' } });
  const runs = async (): Promise<number> => (await scene.jobs()).filter((it) => it.schedule_id === schedule.id && it.state === 'completed').length;
  await waitFor('two runs', 20_000, async () => (await runs()) >= 2);
  await request(scene.url, { method: 'DELETE', path: `/ext/jobs/${schedule.id}` });
  expect(await scene.job(schedule.id)).toMatchObject({ state: 'cancelled', next_run: null });
}, 60_000);

it('a snapshot is asked of the running task at its time, with its data; what the task refuses has failed with its text', async () => {
  // Not running yet: the job tries again until it is.
  await putConnector(() => scene.url, 'signalled', { 'connector.class': 'io.example.SignalledConnector', 'value.converter': STRING_CONVERTER });
  const data = { 'data-collections': ['public.orders'], type: 'blocking' };
  const job = await scene.post({ type: 'snapshot', connector: 'signalled', data, schedule: { at: new Date(Date.now() + 500).toISOString() } });
  expect(job.state).toBe('scheduled');
  await scene.watch(job.id, (it) => it.state === 'completed');
  const taken: unknown[] = [];
  await waitFor('the signal is taken', 20_000, async () => {
    taken.length = 0;
    await readTopic(scene.bootstrap, 'signalled', (it) => taken.push(JSON.parse(it.value?.toString() ?? '')));
    return taken.length > 0;
  });
  expect(taken).toEqual([{ id: job.id, type: 'execute-snapshot', data }]);

  const refused = await scene.post({ type: 'snapshot', connector: 'signalled' });
  expect((await scene.watch(refused.id, (it) => it.state === 'failed')).at(-1)?.error).toContain('data-collections is missing');
}, 60_000);
