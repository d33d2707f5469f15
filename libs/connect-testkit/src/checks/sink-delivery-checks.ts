import { ensure, type Check } from '../check.js';
import { patienceMs, type SinkDriver } from '../driver.js';
import type { SinkHarness } from '../harness/sink-harness.js';
import { pause, within } from '../harness/within.js';
import { items, SinkWorld } from './sink-world.js';

const ROUNDS = 6;
const BATCH = 10;

function inWorld(name: string, check: (world: SinkWorld, driver: SinkDriver) => Promise<void>, notApplicable?: (driver: SinkDriver) => string | undefined): Check<SinkDriver> {
  return { name, ...(notApplicable ? { notApplicable } : {}), run: (driver) => SinkWorld.use(driver, (world) => check(world, driver)) };
}

/** What must be in the outside world, whatever happens to the task. */
export const sinkDeliveryChecks: readonly Check<SinkDriver>[] = [
  inWorld('stores every record', async (world, driver) => {
    world.fill(0, 60, 2);
    const task = await world.startOn([0, 1], { recordsPerPutMax: 17 });
    await world.drain(task);
    await world.commit(task);
    await world.stop(task);
    await world.ensureStored(items(0, 60), 'after an orderly stop');
    await world.ensureNoRepeat('with nothing delivered twice');
    const unknown = (await driver.readBack()).filter((it) => it < 0 || it >= 60);
    ensure(unknown.length === 0, () => `items that nobody sent are stored: ${unknown.slice(0, 10).join(', ')}`);
    for (const it of [0, 1]) ensure(world.topics.committedOffset(world.partition(it)) === 30, `after an orderly stop partition ${it} is committed at ${String(world.topics.committedOffset(world.partition(it)))} of 30`);
  }),

  inWorld(
    'keeps the order of a partition',
    async (world, driver) => {
      world.fill(0, 60, 2);
      const task = await world.startOn([0, 1], { recordsPerPutMax: 7 });
      await world.drain(task);
      await world.stop(task);
      const stored = await driver.readBack();
      for (const partition of [0, 1]) {
        const own = stored.filter((it) => it % 2 === partition);
        const wrong = own.findIndex((it, i) => i > 0 && it < (own[i - 1] ?? it));
        ensure(wrong < 0, () => `item ${String(own[wrong])} is stored behind item ${String(own[wrong - 1])}`);
      }
    },
    (driver) => (driver.claims?.ordered ? undefined : 'the sink claims no order'),
  ),

  inWorld('stores records again that come again, or knows them', async (world, driver) => {
    world.fill(0, 20);
    const first = await world.startOn([0], { recordsPerPutMax: 8 });
    await world.drain(first);
    await world.stop(first);
    const second = await world.startOn([0], { recordsPerPutMax: 5, from: 0 });
    await world.drain(second);
    await world.stop(second);
    await world.ensureStored(items(0, 20), 'after everything was delivered twice');
    if (driver.claims?.idempotent) await world.ensureNoRepeat('although it claims that records that come again change nothing');
  }),

  inWorld('commits nothing that is not durable', async (world) => {
    let sent = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const task = await world.startOn([0], { recordsPerPutMax: 4 });
      const count = 1 + Math.floor(world.random() * 12);
      world.fill(sent, count);
      sent += count;
      await world.drain(task);
      await world.commit(task);
      await world.kill(task);
      const committed = world.topics.committedOffset(world.partition(0)) ?? 0;
      await world.ensureStored(items(0, committed), `after a commit of offset ${committed} and death`);
    }
    const last = await world.startOn([0]);
    await world.drain(last);
    await world.stop(last);
    await world.ensureStored(items(0, sent), 'at the end');
  }),

  inWorld('begins again when its partitions were lost before a commit', async (world) => {
    world.fill(0, 10);
    const task = await world.startOn([0]);
    await world.drain(task);
    await within(task.lose(), 5000, 'close');
    await within(task.assign([world.partition(0)], 0), 5000, 'open');
    world.fill(10, 5);
    await world.drain(task);
    await world.stop(task);
    await world.ensureStored(items(0, 15), 'after everything was put again');
  }),

  inWorld('loses nothing when partitions change hands', async (world, driver) => {
    const step = async (work: Promise<unknown>): Promise<void> => void (await within(work, patienceMs(driver), 'a rebalance'));
    const left = await world.startOn([0, 1], { recordsPerPutMax: 5, taskId: 0 });
    world.fill(0, 40, 2);
    await step(left.step());
    await step(left.step());
    // In order: both are revoked from the task, and it gets one back; the other goes to a second task.
    await step(left.revoke());
    const right = await world.startOn([1], { recordsPerPutMax: 5, taskId: 1 });
    await step(left.assign([world.partition(0)]));
    await step(left.step());
    await step(right.step());
    world.fill(40, 20, 2);
    // In the middle of a batch: the rebalance waits for the put under way.
    const [leftPut, rightPut] = [left.step(), right.step()];
    await step(Promise.all([leftPut, left.revoke(), rightPut, right.lose()]));
    await step(right.assign([world.partition(0), world.partition(1)]));
    await world.drain(right);
    await world.commit(right);
    await world.stop(right);
    await world.stop(left);
    await world.ensureStored(items(0, 60), 'after partitions went from task to task');
    if (driver.claims?.idempotent || driver.claims?.exactlyOnce) await world.ensureNoRepeat('after partitions went from task to task');
  }),

  inWorld('survives death at any moment', async (world) => {
    await dieAtRandom(world, false);
    await world.ensureStored(items(0, ROUNDS * BATCH), `after ${ROUNDS} deaths`);
  }),

  inWorld(
    'stores each record exactly once, wherever it dies and however far back it begins',
    async (world) => {
      await dieAtRandom(world, true);
      await world.ensureStored(items(0, ROUNDS * BATCH), `after ${ROUNDS} deaths`);
      await world.ensureNoRepeat('although it claims exactly once');
    },
    (driver) => (driver.claims?.exactlyOnce ? undefined : 'the sink does not claim exactly once'),
  ),
];

/** Fills and drains; the task dies in the middle of a put (where the driver can end its effects), behind a put or behind a commit. */
async function dieAtRandom(world: SinkWorld, beginsFurtherBack: boolean): Promise<void> {
  const partition = world.partition(0);
  for (let round = 0; round < ROUNDS; round++) {
    world.fill(round * BATCH, BATCH);
    const committed = world.topics.committedOffset(partition) ?? 0;
    const from = beginsFurtherBack ? Math.floor(world.random() * (committed + 1)) : committed;
    const task = await world.startOn([0], { recordsPerPutMax: 3, from });
    const steps = 1 + Math.floor(world.random() * 5);
    for (let i = 0; i < steps; i++) {
      await within(task.step(), patienceMs(world.driver), 'put');
      if (world.random() < 0.3) await world.commit(task);
    }
    await dieIn(world, task);
  }
  const last = await world.startOn([0], beginsFurtherBack ? { from: 0 } : {});
  await world.drain(last);
  await world.commit(last);
  await world.stop(last);
}

async function dieIn(world: SinkWorld, task: SinkHarness): Promise<void> {
  if (world.driver.kill === undefined || world.random() < 0.3) return world.kill(task);
  const put = task.step();
  put.catch(() => undefined);
  await pause(Math.floor(world.random() * 10));
  await world.kill(task);
}
