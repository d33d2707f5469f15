import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ settings: { 'task.stall.timeout.ms': '1000' } });
}, 120_000);
afterAll(() => cluster.stop(), 60_000);

const RUNNING = 'RUNNING';
const BLOCKS = [
  ...['connector.start', 'connector.taskConfigs', 'connector.stop', 'task.start', 'task.poll', 'task.stop', 'task.put'].map((where) => [where, 'spin'] as const),
  ...['connector.start', 'task.poll', 'task.stop'].map((where) => [where, 'wait'] as const),
];

/** A connector of another plugin is created, runs and goes, and REST answers quickly meanwhile. */
async function othersAreWell(word: string): Promise<void> {
  const begun = performance.now();
  const other = await cluster.create(`well-${word}`, cluster.fileSource(`well-${word}`, ['one']));
  await cluster.untilStates(other, RUNNING, [RUNNING]);
  await cluster.remove_(other);
  expect(performance.now() - begun).toBeLessThan(45_000);
}

describe('27 a connector that does not come back', () => {
  describe.each(BLOCKS)('from %s (%s)', (where, how) => {
    ownIt('holds up nobody else, and can be deleted', async () => {
      const word = `${where.replace('.', '-')}-${how}`;
      const kind = where === 'task.put' ? 'Sink' : 'Source';
      const topic = cluster.name(word);
      if (kind === 'Sink') await cluster.produce(topic, ['a']);
      const name = await cluster.create(word, { 'connector.class': `test.Trouble${kind}Connector`, 'block.in': where, 'block.how': how, 'log.file': cluster.file(`${word}.log`), ...(kind === 'Sink' ? { topics: topic } : { topic }) });
      const isStuck = (): boolean => cluster.lines(`${word}.log`).includes(`blocks in ${where}`);
      if (where.endsWith('.stop')) await cluster.untilStates(name, RUNNING, [RUNNING]);
      else await waitFor('it blocks', 20_000, () => Promise.resolve(isStuck()));
      const deleted = where.endsWith('.stop') ? cluster.remove_(name) : undefined;
      await othersAreWell(word);
      await deleted;
      if (!deleted) await cluster.remove_(name);
      await waitFor('its status is gone', 20_000, async () => (await cluster.request('GET', `/connectors/${name}/status`)).status === 404);
      expect(isStuck()).toBe(true);
    }, 120_000);
  });

  ownIt('leaves connectors of its own plugin running that were started before', async () => {
    const well = await cluster.create('same-plugin', { 'connector.class': 'test.TroubleSourceConnector', topic: cluster.name('same'), 'log.file': cluster.file('same.log') });
    await cluster.untilStates(well, RUNNING, [RUNNING]);
    const bad = await cluster.create('same-bad', { 'connector.class': 'test.TroubleSourceConnector', 'block.in': 'connector.start', 'block.how': 'spin', 'log.file': cluster.file('bad.log') });
    await waitFor('it blocks', 20_000, () => Promise.resolve(cluster.lines('bad.log').length === 2));
    await cluster.remove_(bad);
    // Its thread is ended with it; the other connector plans in a new one, and its task has never stopped.
    await waitFor('the other was opened again', 20_000, () => Promise.resolve(cluster.lines('same.log').filter((it) => it.startsWith('connector.start')).length === 2));
    await cluster.settled('PATCH', `/connectors/${well}/config`, { body: { 'tasks.max': '2' } });
    await cluster.untilStates(well, RUNNING, [RUNNING, RUNNING]);
    await cluster.remove_(well);
  }, 120_000);
});

describe('a stalled task (ours)', () => {
  ownIt('is RUNNING in its status and stalled in its health, and is told in the log', async () => {
    const name = await cluster.create('stall', { 'connector.class': 'test.TroubleSourceConnector', 'block.in': 'task.poll' });
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    interface Health {
      readonly connector: unknown;
      readonly tasks: readonly { readonly stalled: boolean; readonly stalled_since: number }[];
    }
    let health: Health | undefined;
    await waitFor('it is stalled', 20_000, async () => {
      health = (await cluster.request('GET', `/ext/connectors/${name}/health`)).body as Health;
      return health.tasks[0]?.stalled === true;
    });
    expect(health).toMatchObject({ name, connector: { state: RUNNING }, tasks: [{ id: 0, state: RUNNING, stalled_in: 'poll', restarts: 0, counters: { recordsIn: 0 } }] });
    expect(Math.abs(Date.now() - (health?.tasks[0]?.stalled_since ?? 0))).toBeLessThan(15_000);
    await waitFor('the log says so', 5000, () => Promise.resolve(cluster.logLines.some((it) => it.includes('"level":"warn"') && it.includes('a task is stalled') && it.includes(name) && it.includes('"operation":"poll"'))));
    expect((await cluster.request('GET', `/ext/connectors/${cluster.name('nobody')}/health`)).status).toBe(404);
    await cluster.remove_(name);
  }, 120_000);
});
