import type { OffsetMap } from '@millrace/connect-api';
import type { Document } from 'mongodb';
import { seen, World } from '../test/world.js';

type Counted = Document & { _id: number; v: number };
const KILLS = 20;
const describeDouble = World.isReal ? describe.skip : describe;

/** Random, but the same each time for one seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

describeDouble('a task that is killed at random', () => {
  let world: World;
  let isWriting = true;
  let writing: Promise<void> = Promise.resolve();
  beforeEach(async () => {
    world = await World.start();
    isWriting = true;
  });
  afterEach(async () => {
    isWriting = false;
    await writing;
    await world.end();
  });

  it.each([2])(`loses nothing in ${KILLS} kills, under load and with a server in trouble (seed %i)`, async (seed) => {
    const random = randomOf(seed);
    const collection = world.db.collection<Counted>('counts');
    await collection.insertMany(Array.from({ length: 300 }, (_, _id) => ({ _id, v: 0 })));
    let writes = 0;
    writing = (async () => {
      for (; isWriting; writes++) await collection.updateOne({ _id: Math.floor(random() * 300) }, { $inc: { v: 1 } }).catch(() => undefined);
    })();
    // As in a log: records in order, and offsets stored now and then, always behind records that are in the log.
    const log: { readonly id: string; readonly v: number; readonly op: string | null }[] = [];
    let stored: OffsetMap | null = null;
    let duplicates = 0;
    const positions = new Set<string>();
    const trouble: (() => Promise<void> | void)[] = [() => world.double.restart(), () => world.double.cutConnections(), () => world.double.slowDown(30), () => world.double.slowDown(0), () => world.double.loseCursors(), () => world.double.failCommands({ commands: ['getMore', 'aggregate', 'find'], times: 2, errorCode: 11600 })];
    for (let kill = 0; kill < KILLS; kill++) {
      const driver = await world.task({ 'snapshot.fetch.size': '40', 'max.batch.size': '50', 'capture.mode': 'change_streams_update_full' }, { offset: stored });
      const wanted = Math.floor(random() * 400);
      const endMs = Date.now() + 800;
      let had = 0;
      while (had < wanted && Date.now() < endMs) {
        const records = await driver.poll();
        had += records.length;
        for (const record of records) {
          const { id, op, after } = seen(record);
          log.push({ id, op, v: (after as Counted).v });
          const { resume_token: token, initsync } = record.sourceOffset;
          const position = op === 'r' ? '' : String(token);
          if (position !== '' && positions.has(position)) duplicates += 1;
          if (!initsync) positions.add(position);
        }
        if (records.length > 0 && random() < 0.3) stored = records[Math.floor(random() * records.length)]!.sourceOffset;
        if (random() < 0.03) await trouble[Math.floor(random() * trouble.length)]!();
      }
      await driver.stop();
    }
    isWriting = false;
    await writing;
    world.double.clearFaults();
    const driver = await world.task({}, { offset: stored });
    await collection.insertOne({ _id: 1000, v: -1 });
    const rest = await driver.until((records) => records.some((it) => seen(it).id === '1000'), 30_000);
    for (const record of rest) log.push({ id: seen(record).id, op: seen(record).op, v: (seen(record).after as Counted).v });
    const last = new Map(log.map((it) => [it.id, it.v]));
    const truth = await collection.find().toArray();
    expect(Object.fromEntries(truth.map((it) => [String(it._id), last.get(String(it._id))]))).toEqual(Object.fromEntries(truth.map((it) => [String(it._id), it.v])));
    process.stdout.write(`seed ${seed}: ${writes} writes, ${KILLS} kills, ${log.length} records, ${duplicates} seen more than once, none missing\n`);
    expect(writes).toBeGreaterThan(KILLS);
  }, 60_000);

  it('shows each change at least once and in order, whatever is stored and killed', async () => {
    const random = randomOf(7);
    const collection = world.db.collection<Document & { _id: number }>('sequence');
    let driver = await world.task({ 'snapshot.mode': 'no_data' });
    await driver.until(() => driver.commitQuiet());
    let stored: OffsetMap | null = driver.stored;
    let next = 0;
    // A write that was answered twice (sent again after a cut) is one document all the same.
    writing = (async () => {
      while (isWriting) if (await collection.insertOne({ _id: next }).then(() => true, (error: { code?: number }) => error.code === 11000)) next += 1;
    })();
    const log: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const wanted = 5 + Math.floor(random() * 100);
      const endMs = Date.now() + 800;
      for (let had = 0; had < wanted && Date.now() < endMs; ) {
        const records = await driver.poll();
        had += records.length;
        for (const record of records) log.push(Number(seen(record).id));
        if (records.length > 0 && random() < 0.5) stored = records[Math.floor(random() * records.length)]!.sourceOffset;
        if (random() < 0.03) await (random() < 0.5 ? world.double.restart() : world.double.cutConnections());
      }
      await driver.stop();
      driver = await world.task({}, { offset: stored });
    }
    isWriting = false;
    await writing;
    const end = await driver.until((records) => records.length > 0 && Number(seen(records.at(-1)!).id) >= next - 1, 20_000);
    for (const record of end) log.push(Number(seen(record).id));
    expect([...new Set(log)].sort((a, b) => a - b)).toEqual(Array.from({ length: next }, (_, i) => i));
    // A restart goes back, and from there on nothing is left out.
    log.forEach((it, index) => {
      if (index > 0) expect(it).toBeLessThanOrEqual(log[index - 1]! + 1);
    });
    process.stdout.write(`${next} changes, ${KILLS} kills, ${log.length - next} seen more than once, none missing\n`);
  }, 60_000);
});
