import { writeFileSync } from 'node:fs';
import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ workers: 3 });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

const RUNNING = 'RUNNING';
const FOUR = [RUNNING, RUNNING, RUNNING, RUNNING];
const CHOICES = [
  { includeTasks: false, onlyFailed: false },
  { includeTasks: false, onlyFailed: true },
  { includeTasks: true, onlyFailed: false },
  { includeTasks: true, onlyFailed: true },
];

function restart(name: string, { includeTasks, onlyFailed }: (typeof CHOICES)[number], worker: number): ReturnType<Cluster['settled']> {
  return cluster.settled('POST', `/connectors/${name}/restart?includeTasks=${includeTasks}&onlyFailed=${onlyFailed}`, { worker });
}

/** How often each part has been started: connector, task-0 … */
function starts(word: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of cluster.lines(`${word}.log`)) {
    const part = /^connector\.start/.test(line) ? 'connector' : /^task\.start (\S+)/.exec(line)?.[1];
    if (part) counts[part] = (counts[part] ?? 0) + 1;
  }
  return counts;
}

function troubled(word: string, failing: readonly string[]): Record<string, string> {
  writeFileSync(cluster.file(`${word}.fail`), failing.map((it) => `${it}\n`).join(''));
  return { 'connector.class': 'test.TroubleSourceConnector', 'tasks.max': '4', topic: cluster.name(word), 'fail.file': cluster.file(`${word}.fail`), 'log.file': cluster.file(`${word}.log`) };
}

describe('2 a task that failed at its start', () => {
  ownIt('runs after its restart was asked for, on any worker', async () => {
    const name = await cluster.create('heals', troubled('heals', ['task-2']));
    const status = await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING, 'FAILED', RUNNING]);
    expect(status.tasks?.[2]?.trace).toContain('task-2 fails as it was told');
    writeFileSync(cluster.file('heals.fail'), '');
    expect((await cluster.settled('POST', `/connectors/${name}/tasks/2/restart`, { worker: 1 })).status).toBe(204);
    await cluster.untilStates(name, RUNNING, FOUR);
    expect(starts('heals')).toEqual({ connector: 1, 'task-0': 1, 'task-1': 1, 'task-2': 2, 'task-3': 1 });
    await cluster.remove_(name);
  }, 90_000);
});

describe('16 restarts over REST', () => {
  it('of what is not there are refused', async () => {
    for (const choice of CHOICES) {
      const answer = await restart(cluster.name('nobody'), choice, 0);
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 404, body: { error_code: 404, message: `Unknown connector: ${cluster.name('nobody')}` } });
    }
    expect((await cluster.settled('POST', `/connectors/${cluster.name('nobody')}/tasks/0/restart`)).status).toBe(404);
  });

  it('answer with the parts that they concern, and bring them back to RUNNING', async () => {
    const name = await cluster.create('answer', { ...cluster.fileSink('answer', 'answer'), 'tasks.max': '2' });
    await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING]);
    const statesOf = (body: unknown): string => {
      const { connector, tasks } = body as { connector: { state: string }; tasks: { state: string }[] };
      return [connector.state, ...tasks.map((it) => it.state)].join(' ');
    };
    // What restarts nothing comes first: a status may say RESTARTING for a while after the others.
    const expected = ['202 RUNNING RUNNING RUNNING', '202 RUNNING RUNNING RUNNING', '204 ', '202 RESTARTING RESTARTING RESTARTING'];
    for (const [i, choice] of [...CHOICES].sort((a, b) => Number(b.onlyFailed) - Number(a.onlyFailed)).entries()) {
      const answer = await restart(name, choice, i % cluster.urls.length);
      expect(`${answer.status} ${answer.status === 202 ? statesOf(answer.body) : answer.text}`).toBe(expected[i]);
      await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING]);
    }
    await cluster.remove_(name);
  }, 120_000);

  ownIt('of what runs: connector, nothing, all, nothing', async () => {
    const name = await cluster.create('runs', troubled('runs', []));
    await cluster.untilStates(name, RUNNING, FOUR);
    const expected = [
      { connector: 2, 'task-0': 1, 'task-1': 1, 'task-2': 1, 'task-3': 1 },
      { connector: 2, 'task-0': 1, 'task-1': 1, 'task-2': 1, 'task-3': 1 },
      { connector: 3, 'task-0': 2, 'task-1': 2, 'task-2': 2, 'task-3': 2 },
      { connector: 3, 'task-0': 2, 'task-1': 2, 'task-2': 2, 'task-3': 2 },
    ];
    for (const [i, choice] of CHOICES.entries()) {
      await restart(name, choice, i % 3);
      await waitFor(`the starts are as expected (${i})`, 20_000, () => Promise.resolve(JSON.stringify(Object.entries(starts('runs')).sort()) === JSON.stringify(Object.entries(expected[i] ?? {}).sort())));
      await cluster.untilStates(name, RUNNING, FOUR);
    }
    await cluster.remove_(name);
  }, 90_000);

  ownIt('of failed parts only: one failed task, all failed tasks, a failed connector', async () => {
    const name = await cluster.create('failed', troubled('failed', ['task-1']));
    await cluster.untilStates(name, RUNNING, [RUNNING, 'FAILED', RUNNING, RUNNING]);
    const only = { includeTasks: true, onlyFailed: true };
    // It fails again, and nothing else is touched.
    const { body } = await restart(name, only, 2);
    expect(body).toMatchObject({ connector: { state: RUNNING }, tasks: [{ state: RUNNING }, { state: 'RESTARTING' }, { state: RUNNING }, { state: RUNNING }] });
    await waitFor('it was tried again', 20_000, () => Promise.resolve(starts('failed')['task-1'] === 2));
    await cluster.untilStates(name, RUNNING, [RUNNING, 'FAILED', RUNNING, RUNNING]);
    writeFileSync(cluster.file('failed.fail'), '');
    await restart(name, only, 1);
    await cluster.untilStates(name, RUNNING, FOUR);
    expect(starts('failed')).toEqual({ connector: 1, 'task-0': 1, 'task-1': 3, 'task-2': 1, 'task-3': 1 });

    writeFileSync(cluster.file('failed.fail'), 'task-0\ntask-1\ntask-2\ntask-3\n');
    await restart(name, { includeTasks: true, onlyFailed: false }, 0);
    await cluster.untilStates(name, RUNNING, ['FAILED', 'FAILED', 'FAILED', 'FAILED']);
    writeFileSync(cluster.file('failed.fail'), 'connector\n');
    await restart(name, { includeTasks: false, onlyFailed: false }, 0);
    await cluster.untilStates(name, 'FAILED', ['FAILED', 'FAILED', 'FAILED', 'FAILED']);
    writeFileSync(cluster.file('failed.fail'), '');
    await restart(name, { includeTasks: false, onlyFailed: true }, 0);
    await cluster.untilStates(name, RUNNING, ['FAILED', 'FAILED', 'FAILED', 'FAILED']);
    await restart(name, only, 0);
    await cluster.untilStates(name, RUNNING, FOUR);
    await cluster.remove_(name);
  }, 120_000);
});

describe('tasks that failed are started again without being asked to (ours)', () => {
  ownIt('within their budget, with the failure in sight meanwhile', async () => {
    const policy = { 'task.restart.max.attempts': '2', 'task.restart.backoff.ms': '300', 'task.restart.window.ms': '600000' };
    const name = await cluster.create('budget', { ...troubled('budget', ['task-0']), 'tasks.max': '1', ...policy });
    await waitFor('it was started three times in all', 20_000, () => Promise.resolve(starts('budget')['task-0'] === 3));
    await cluster.untilStates(name, RUNNING, ['FAILED']);
    const health = async (): Promise<unknown> => ((await cluster.settled('GET', `/ext/connectors/${name}/health`, { worker: 1 })).body as { tasks: unknown[] }).tasks[0];
    expect(await health()).toMatchObject({ id: 0, state: 'FAILED', stalled: false, restarts: 2, restart_planned: null, restarts_left: 0 });
    writeFileSync(cluster.file('budget.fail'), '');
    await restart(name, { includeTasks: true, onlyFailed: true }, 0);
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    expect(await health()).toMatchObject({ state: RUNNING, restarts: 0, restarts_left: 2 });
    await cluster.remove_(name);
  }, 60_000);

  ownIt('and heal by themselves; so do connectors', async () => {
    const policy = { 'task.restart.max.attempts': '5', 'task.restart.backoff.ms': '500' };
    const name = await cluster.create('self', { ...troubled('self', ['connector']), 'tasks.max': '1', ...policy });
    await cluster.untilStates(name, 'FAILED', []);
    writeFileSync(cluster.file('self.fail'), 'task-0\n');
    await cluster.untilStates(name, RUNNING, ['FAILED']);
    writeFileSync(cluster.file('self.fail'), '');
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.remove_(name);
  }, 60_000);
});
