import { ensure, type Check } from '../check.js';
import type { SourceDriver } from '../driver.js';
import { offsetFromText, offsetText } from '../harness/offset-text.js';
import type { SourceHarness } from '../harness/source-harness.js';
import { pause } from '../harness/within.js';
import { offsetsAt, SourceWorld } from './source-world.js';

const ITEMS = 30;
const RESUME_POINTS = 6;
const DEATHS = 6;

function inWorld(name: string, check: (world: SourceWorld, driver: SourceDriver) => Promise<void>): Check<SourceDriver> {
  return { name, run: (driver) => SourceWorld.use(driver, (world) => check(world, driver)) };
}

/** What an offset must be, and what a task must do with one. */
export const sourceOffsetChecks: readonly Check<SourceDriver>[] = [
  inWorld('has offsets that are flat, stable and exact', async (world) => {
    await world.seed(ITEMS);
    await world.start();
    await world.readAll();
    for (const { record } of world.arrivals) {
      for (const text of [record.sourcePartition, record.sourceOffset]) {
        const again = offsetText(offsetFromText(text));
        ensure(again === text, `after its way through JSON ${text} is ${again}`);
      }
    }
    const partitions = partitionsOf(world);
    await world.kill();
    world.arrivals = [];
    await world.seed(2);
    await world.start();
    await world.readAll('reading again from the beginning', ITEMS);
    for (const it of partitionsOf(world)) {
      const twin = [...partitions].find((other) => other !== it && sorted(other) === sorted(it));
      ensure(twin === undefined, `the source partition ${it} was ${twin} in another run: its bytes are its identity`);
    }
  }),

  inWorld('goes on without a gap from each offset that may be stored', async (world) => {
    await world.seed(ITEMS);
    await world.start();
    await world.readAll();
    await world.kill();
    const { arrivals } = world;
    for (let point = 0; point < RESUME_POINTS; point++) {
      const last = Math.floor((point * (arrivals.length - 1)) / (RESUME_POINTS - 1));
      world.offsets = offsetsAt(arrivals, last);
      world.arrivals = arrivals.slice(0, last + 1);
      await world.seed(2);
      await world.start();
      await world.readAll(`going on behind record ${last + 1} of ${arrivals.length}, at ${arrivals[last]?.record.sourceOffset}`);
      await world.kill();
    }
  }),

  inWorld('survives death at any moment without a gap', async (world, driver) => {
    const dieAtRandom = async (task: SourceHarness): Promise<void> => {
      if (world.random() < 0.4) await task.commit();
    };
    await world.seed(ITEMS);
    for (let death = 0; death < DEATHS; death++) {
      await world.start();
      const goal = world.arrivals.length + 1 + Math.floor(world.random() * ITEMS);
      await world.readUntil(() => world.arrivals.length >= goal || world.missing().length === 0, () => `reading after death ${death}: ${world.missingText()}`, dieAtRandom);
      await world.seed(5);
      // Where the driver can end a dead task's effects, death also comes in the middle of a poll.
      const polled = driver.kill === undefined ? [] : world.tasks.map((it) => it.step().catch(() => undefined));
      if (polled.length > 0) await pause(Math.floor(world.random() * 20));
      await world.kill();
    }
    await world.start();
    await world.readAll(`reading after ${DEATHS} deaths`);
  }),

  inWorld('forgets at the source only what is committed', async (world) => {
    await world.seed(10);
    await world.start();
    await world.readAll();
    await world.commit();
    const committed = [...world.arrivals];
    await world.seed(10);
    await world.readAll();
    // Told again of the same offset: nothing has happened since.
    for (const task of world.tasks) for (const [partition, offset] of task.offsets.entries()) await task.options.task.onCommitted(offsetFromText(partition), offsetFromText(offset));
    ensure(!world.logger.lines.some((it) => it.message === 'the task failed to take note of stored offsets'), () => `onCommitted failed: ${world.logger.text()}`);
    await world.kill();
    world.arrivals = committed;
    await world.seed(2);
    await world.start();
    await world.readAll('reading from the offset that was committed');
  }),

  inWorld('goes on where it was stopped', async (world) => {
    await world.seed(10);
    await world.start();
    await world.readAll();
    await world.stop();
    await world.seed(10);
    await world.start();
    await world.readAll('reading after an orderly stop');
  }),
];

function partitionsOf(world: SourceWorld): Set<string> {
  return new Set(world.arrivals.map((it) => it.record.sourcePartition));
}

function sorted(text: string): string {
  return Object.entries(offsetFromText(text))
    .map(([name, value]) => `${name}=${String(value)}`)
    .sort()
    .join();
}
