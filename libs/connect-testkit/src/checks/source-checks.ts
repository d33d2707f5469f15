import { ensure, hasCode, type Check } from '../check.js';
import { graceMs, patienceMs, type SourceDriver } from '../driver.js';
import { eventually, pause, within } from '../harness/within.js';
import { commonChecks } from './common-checks.js';
import { sourceOffsetChecks } from './source-offset-checks.js';
import { SourceWorld } from './source-world.js';

function inWorld(name: string, check: (world: SourceWorld, driver: SourceDriver) => Promise<void>, notApplicable?: (driver: SourceDriver) => string | undefined): Check<SourceDriver> {
  return { name, ...(notApplicable ? { notApplicable } : {}), run: (driver) => SourceWorld.use(driver, (world) => check(world, driver)) };
}

/** The acceptance suite of sources. */
export const sourceChecks: readonly Check<SourceDriver>[] = [
  ...commonChecks<SourceDriver>({ type: 'source', use: (driver, check) => SourceWorld.use(driver, check) }),

  inWorld('hands over everything, in order within each source partition', async (world) => {
    await world.seed(40);
    await world.start();
    await world.readAll('reading what was there');
    await world.seed(20);
    await world.readAll('reading what has come since');
    const newest = new Map<string, number>();
    const seen = new Set<number>();
    for (const { record, item } of world.arrivals) {
      if (item === undefined || seen.has(item)) continue;
      seen.add(item);
      const last = newest.get(record.sourcePartition) ?? -1;
      ensure(item > last, `item ${item} came after item ${last} in source partition ${record.sourcePartition}`);
      newest.set(record.sourcePartition, item);
    }
  }),

  ...sourceOffsetChecks,

  inWorld('comes back from poll although there is nothing to read', async (world, driver) => {
    await world.seed(5);
    await world.start();
    await world.readAll();
    await within(Promise.all(world.tasks.map((it) => it.step())), driver.idleMs ?? 2000, 'a poll with nothing to read');
  }),

  inWorld('comes back from poll when it is aborted', async (world, driver) => {
    const { stopped, polled } = await interruptedPoll(world);
    await within(polled, driver.abortMs ?? 1000, 'the poll under way when the signal was aborted');
    await stopped;
  }),

  inWorld('stops within the grace time while it reads', async (world, driver) => {
    const { stopped } = await interruptedPoll(world);
    await within(stopped, graceMs(driver), 'a stop while poll was under way');
  }),

  inWorld('refuses a signal that it does not know, and goes on', async (world) => {
    await world.start();
    const [task] = world.tasks;
    const refusal = await task?.send({ id: 'unknown-1', type: 'no-such-signal', data: null }).then(
      () => undefined,
      (error: unknown) => error,
    );
    ensure(task === undefined || hasCode(refusal, 'CONNECT_CONFIG'), () => `a signal of an unknown type must be refused with a ConfigError, not ${refusal === undefined ? 'taken' : String(refusal)}`);
    await world.seed(5);
    await world.readAll('reading after an unknown signal');
  }),

  inWorld('tells its lag in numbers, or not at all', async (world) => {
    await world.seed(5);
    await world.start();
    await world.readAll();
    for (const task of world.tasks) {
      const lag = task.options.task.lag();
      for (const [name, value] of Object.entries(lag ?? {})) ensure(value === undefined || (typeof value === 'number' && value >= 0 && Number.isFinite(value)), `lag().${name} is ${String(value)}`);
    }
  }),

  inWorld(
    'returns no more from a poll than it may',
    async (world, driver) => {
      const max = driver.pollRecordsMax ?? 0;
      await world.seed(max * 2 + 1);
      await world.start();
      await world.readAll();
      const largest = Math.max(...world.tasks.flatMap((it) => it.pollSizes));
      ensure(largest <= max, `a poll returned ${largest} records, at most ${max} are allowed`);
    },
    (driver) => (driver.pollRecordsMax === undefined ? 'the driver has no pollRecordsMax' : undefined),
  ),

  inWorld(
    'does not read on while nobody polls',
    async (world, driver) => {
      const allowed = driver.readAheadMax ?? (driver.pollRecordsMax ?? 0) * 2;
      await world.seed(allowed * 3 + 10);
      await world.start();
      const [task] = world.tasks;
      await world.readUntil(() => world.arrivals.length > 0, () => 'the first poll with records');
      // Whoever reads ahead without a bound does it as fast as it can: when the figure stands still, it has stopped.
      await standsStill(() => driver.taken?.() ?? 0);
      const ahead = (driver.taken?.() ?? 0) - (task?.records.length ?? 0);
      ensure(ahead <= allowed, `${ahead} items were read and not handed over while nobody polled, at most ${allowed} are allowed`);
      await world.readAll();
    },
    (driver) => (driver.taken === undefined ? 'the driver cannot see what was taken' : undefined),
  ),

  inWorld('plans its tasks by the config alone, and no more than allowed', async (world) => {
    await world.seed(10);
    for (const tasksMax of [1, 2, 5]) {
      const configs = await world.plan(tasksMax);
      ensure(configs.length <= tasksMax, `taskConfigs(${tasksMax}) answers ${configs.length} tasks`);
      const again = await world.plan(tasksMax);
      ensure(JSON.stringify(configs) === JSON.stringify(again), `taskConfigs(${tasksMax}) answers differently the second time`);
      for (const config of configs) for (const [name, value] of Object.entries(config)) ensure(typeof value === 'string', `the task config's ${name} is not text`);
    }
  }),

  inWorld('shares the work out to its tasks without overlap', async (world) => {
    await world.seed(30);
    await world.start(3);
    await world.readAll();
    const taskOf = new Map<string, number>();
    for (const { record, item } of world.arrivals) {
      if (item === undefined) continue;
      for (const piece of [`source partition ${record.sourcePartition}`, `item ${item}`]) {
        const other = taskOf.get(piece) ?? record.taskId;
        ensure(other === record.taskId, `${piece} was read by the tasks ${other} and ${record.taskId}`);
        taskOf.set(piece, record.taskId);
      }
    }
  }),

  inWorld('loses nothing when the number of tasks changes', async (world) => {
    for (const tasksMax of [1, 3, 1]) {
      await world.seed(15);
      await world.start(tasksMax);
      const goal = world.seeded - 5;
      await world.readUntil(() => world.seeded - world.missing().length >= goal, () => `reading with up to ${tasksMax} tasks: ${world.missingText()}`);
      await world.stop();
    }
    await world.start();
    await world.readAll('reading after the last change');
  }),

  inWorld(
    'lives through an outage',
    async (world, driver) => {
      await world.seed(10);
      await world.start();
      await world.readAll('reading before the outage');
      await world.commit();
      await driver.outage?.begin();
      const reading = world.readUntil(() => world.seeded > 10 && world.missing().length === 0, () => `reading after the outage: ${world.missingText()}`);
      reading.catch(() => undefined);
      await eventually(() => world.tasks.every((it) => it.retries > 0), Math.min(1000, patienceMs(driver)));
      await driver.outage?.end();
      await world.seed(10);
      await reading;
    },
    withoutOutage,
  ),

  inWorld(
    'stops within the grace time during an outage',
    async (world, driver) => {
      await world.start();
      await driver.outage?.begin();
      try {
        const polled = Promise.all(world.tasks.map((it) => it.step())).catch(() => undefined);
        await pause(50);
        await within(world.stop(), graceMs(driver), 'a stop during an outage');
        await polled;
      } finally {
        await driver.outage?.end();
      }
    },
    withoutOutage,
  ),

  inWorld('keeps what it says of exactly-once support', async (world, driver) => {
    const connector = driver.plugin.connector();
    const claim = connector.exactlyOnceSupport(world.config);
    ensure(claim === undefined || claim === 'supported' || claim === 'unsupported', `exactlyOnceSupport answers ${String(claim)}`);
    if (claim === 'supported') await ensureExactlyOnce(world);
  }),
];

function withoutOutage(driver: SourceDriver): string | undefined {
  return driver.outage === undefined ? 'the driver makes no outage' : undefined;
}

/** The signal is aborted while a poll waits for more. */
async function interruptedPoll(world: SourceWorld): Promise<{ readonly polled: Promise<unknown>; readonly stopped: Promise<void> }> {
  await world.seed(5);
  await world.start();
  await world.readAll();
  const polled = Promise.all(world.tasks.map((it) => it.step())).catch(() => undefined);
  await pause(1);
  const stopped = world.stop();
  stopped.catch(() => undefined);
  return { polled, stopped };
}

async function standsStill(figure: () => number): Promise<void> {
  let last = figure();
  for (let same = 0; same < 5; ) {
    await pause(20);
    same = figure() === last ? same + 1 : 0;
    last = figure();
  }
}

/** Records and offsets of a poll are stored together or not at all, as the transaction of an exactly-once worker does it. */
async function ensureExactlyOnce(world: SourceWorld): Promise<void> {
  const stored: number[] = [];
  await world.seed(40);
  await world.start();
  const keep = async (): Promise<void> => {
    await world.commit();
    stored.push(...world.arrivals.splice(0).flatMap((it) => it.item ?? []));
  };
  for (let deaths = 0; deaths < 8; ) {
    await world.readUntil(() => world.arrivals.some((it) => it.item !== undefined), () => 'reading between deaths');
    if (world.random() < 0.5) {
      await keep();
    } else {
      await world.kill();
      world.arrivals = [];
      deaths += 1;
      await world.start();
    }
    await world.seed(3);
  }
  await world.readUntil(() => new Set([...stored, ...world.arrivals.map((it) => it.item)]).size >= world.seeded, () => 'reading after the last death');
  await keep();
  const repeated = stored.filter((it, i) => stored.indexOf(it) !== i);
  ensure(repeated.length === 0, () => `it claims exactly-once support, but items were handed over again behind a stored offset: ${repeated.slice(0, 10).join(', ')}`);
}

