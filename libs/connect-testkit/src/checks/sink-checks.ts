import { ensure, type Check } from '../check.js';
import { graceMs, patienceMs, type SinkDriver } from '../driver.js';
import { eventually, pause, within } from '../harness/within.js';
import { commonChecks } from './common-checks.js';
import { sinkDeliveryChecks } from './sink-delivery-checks.js';
import { items, SinkWorld } from './sink-world.js';

const LARGE_BYTES = 8 << 20;

function inWorld(name: string, check: (world: SinkWorld, driver: SinkDriver) => Promise<void>, notApplicable?: (driver: SinkDriver) => string | undefined): Check<SinkDriver> {
  return { name, ...(notApplicable ? { notApplicable } : {}), run: (driver) => SinkWorld.use(driver, (world) => check(world, driver)) };
}

/** The acceptance suite of sinks. */
export const sinkChecks: readonly Check<SinkDriver>[] = [
  ...commonChecks<SinkDriver>({ type: 'sink', use: (driver, check) => SinkWorld.use(driver, check) }),

  inWorld('plans its tasks by the config alone, and no more than allowed', async (world) => {
    for (const tasksMax of [1, 2, 5]) {
      const configs = await world.plan(tasksMax);
      ensure(configs.length >= 1 && configs.length <= tasksMax, `taskConfigs(${tasksMax}) answers ${configs.length} tasks`);
      ensure(JSON.stringify(configs) === JSON.stringify(await world.plan(tasksMax)), `taskConfigs(${tasksMax}) answers differently the second time`);
      for (const config of configs) for (const [name, value] of Object.entries(config)) ensure(typeof value === 'string', `the task config's ${name} is not text`);
    }
  }),

  inWorld('stops within the grace time while it writes', async (world, driver) => {
    world.fill(0, 500);
    const task = await world.startOn([0]);
    const put = task.step();
    put.catch(() => undefined);
    await within(task.stop(), graceMs(driver), 'a stop while put was under way');
    await put;
  }),

  ...sinkDeliveryChecks,

  inWorld(
    'reports exactly the bad record of a batch',
    async (world, driver) => {
      const task = await world.start({ tolerance: 'all' });
      world.fill(0, 5);
      world.append(0, driver.badRecord?.(5) ?? {});
      for (const item of items(6, 5)) world.append(0, driver.record(item));
      await within(task.assign([world.partition(0)]), patienceMs(driver), 'open');
      await world.drain(task);
      // A sink that writes behind put answers with each commit what is durable by then.
      const endMs = performance.now() + patienceMs(driver);
      do await world.commit(task);
      while (world.topics.committedOffset(world.partition(0)) !== 11 && performance.now() < endMs);
      const reported = task.deadLetters.map((it) => it.record.kafkaOffset);
      ensure(reported.length === 1 && reported[0] === 5, () => `the record at offset 5 is bad, but reported were: ${reported.join(', ') || 'none'}`);
      ensure(task.deadLetters.every((it) => it.error instanceof Error && it.error.message !== ''), 'the report does not say what is wrong');
      await world.ensureStored([...items(0, 5), ...items(6, 5)], 'with one bad record in the batch');
      ensure(world.topics.committedOffset(world.partition(0)) === 11, 'a record that was reported counts as done, but the commit stays in front of it');
    },
    (driver) => (driver.badRecord === undefined ? 'the driver makes no bad record' : undefined),
  ),

  inWorld(
    'fails when a bad record is not tolerated',
    async (world, driver) => {
      world.append(0, driver.badRecord?.(0) ?? {});
      const task = await world.startOn([0], { tolerance: 'none' });
      const error = await within(task.drain(), patienceMs(driver), 'put').then(
        () => undefined,
        (it: unknown) => it,
      );
      ensure(error !== undefined, 'a bad record was neither stored nor reported');
      ensure((world.topics.committedOffset(world.partition(0)) ?? 0) === 0, 'the offset behind a record that is neither stored nor tolerated was committed');
    },
    (driver) => (driver.badRecord === undefined ? 'the driver makes no bad record' : undefined),
  ),

  inWorld('takes tombstones', async (world, driver) => {
    world.fill(0, 4);
    const { keySchema = null, key = null } = driver.record(1);
    world.append(0, driver.tombstone?.(1) ?? { keySchema, key });
    world.fill(4, 2);
    const task = await world.startOn([0], { tolerance: 'all' });
    await world.drain(task);
    await world.stop(task);
    await world.ensureStored([0, 2, 3, 4, 5], 'with a tombstone in the batch');
    if (driver.claims?.deletes) ensure(!(await driver.readBack()).includes(1), 'it claims to delete, but the item of a tombstone is still there');
  }),

  inWorld(
    'takes a schema that changes in the middle of a batch',
    async (world, driver) => {
      world.fill(0, 3);
      for (const item of items(3, 3)) world.append(0, driver.changedRecord?.(item) ?? {});
      world.fill(6, 3);
      const task = await world.startOn([0]);
      await world.drain(task);
      await world.stop(task);
      await world.ensureStored(items(0, 9), 'after the schema changed and changed back');
    },
    (driver) => (driver.changedRecord === undefined ? 'the driver makes no record with another schema' : undefined),
  ),

  inWorld(
    'takes a very large record',
    async (world, driver) => {
      world.fill(0, 1);
      world.append(0, driver.largeRecord?.(1, driver.largeBytes ?? LARGE_BYTES) ?? {});
      world.fill(2, 1);
      const task = await world.startOn([0]);
      await world.drain(task);
      await world.stop(task);
      await world.ensureStored([0, 1, 2], 'with a very large record in the batch');
    },
    (driver) => (driver.largeRecord === undefined ? 'the driver makes no large record' : undefined),
  ),

  inWorld(
    'lives through an outage',
    async (world, driver) => {
      const task = await world.startOn([0]);
      world.fill(0, 5);
      await world.drain(task);
      await driver.outage?.begin();
      world.fill(5, 5);
      const draining = task.drain();
      draining.catch(() => undefined);
      await eventually(() => task.retries > 0, Math.min(1000, patienceMs(driver)));
      await driver.outage?.end();
      await within(draining, patienceMs(driver), 'put after the outage');
      await world.commit(task);
      await world.stop(task);
      await world.ensureStored(items(0, 10), 'after an outage');
    },
    withoutOutage,
  ),

  inWorld(
    'stops within the grace time during an outage, and commits nothing that it could not write',
    async (world, driver) => {
      const task = await world.startOn([0]);
      world.fill(0, 5);
      await world.drain(task);
      await world.commit(task);
      await driver.outage?.begin();
      try {
        world.fill(5, 5);
        const draining = task.drain().catch(() => undefined);
        await pause(50);
        await within(task.stop(), graceMs(driver), 'a stop during an outage');
        await draining;
      } finally {
        await driver.outage?.end();
      }
      await world.ensureStored(items(0, world.topics.committedOffset(world.partition(0)) ?? 0), 'after a stop during an outage');
      const next = await world.startOn([0]);
      await world.drain(next);
      await world.stop(next);
      await world.ensureStored(items(0, 10), 'after the outage');
    },
    withoutOutage,
  ),
];

function withoutOutage(driver: SinkDriver): string | undefined {
  return driver.outage === undefined ? 'the driver makes no outage' : undefined;
}
