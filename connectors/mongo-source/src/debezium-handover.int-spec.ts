import { DebeziumProcess, missing, type DebeziumRecord } from '../test/debezium-process.cjs';
import type { Document } from 'mongodb';
import { seen, World } from '../test/world.js';

const reason = World.isReal ? 'this is about the double' : missing();
const describeWithDebezium = reason === undefined ? describe : describe.skip;
type Numbered = Document & { _id: number };

/** The real Debezium connector and this one on the same offsets. Skipped where Java or Debezium's jars are not there. */
describeWithDebezium(`offsets taken over from Debezium and by it${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let world: World;
  const running: DebeziumProcess[] = [];
  beforeEach(async () => {
    world = await World.start();
  });
  afterEach(async () => {
    for (const it of running.splice(0)) await it.stop();
    await world.end();
  });

  function debezium(offset: unknown): DebeziumProcess {
    const config = { ...world.config({ 'cursor.max.await.time.ms': '20' }), name: 'ref', 'connector.class': 'io.debezium.connector.mongodb.MongoDbConnector' };
    const started = new DebeziumProcess({ config, offset });
    running.push(started);
    return started;
  }

  const insert = async (from: number, to: number): Promise<void> => {
    for (let _id = from; _id < to; _id++) await world.db.collection<Numbered>('orders').insertOne({ _id });
  };
  const range = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i));
  const idsOf = (records: readonly DebeziumRecord[]): string[] => records.map((it) => it.key.payload.id);

  it('there, here, and there again: nothing is missing and nothing comes twice', async () => {
    await insert(0, 3);
    const first: DebeziumRecord[] = [];
    const one = debezium(null);
    expect(await one.until((it) => it.value?.payload.source.snapshot === 'last', first, 30_000)).toBe(true);
    await insert(3, 10);
    expect(await one.until((it) => it.key.payload.id === '6', first, 10_000)).toBe(true);
    await one.stop();
    expect(idsOf(first)).toEqual(range(0, 7));

    const ours = await world.task({}, { offset: first.at(-1)!.offset });
    await insert(10, 14);
    const middle = (await ours.take(4)).slice(0, 4);
    expect(middle.map((it) => seen(it).id)).toEqual(range(7, 11));
    ours.commit(middle.at(-1)!);
    await ours.stop();

    const second: DebeziumRecord[] = [];
    const two = debezium(ours.stored);
    expect(await two.until((it) => it.key.payload.id === '13', second, 30_000)).toBe(true);
    expect(idsOf(second)).toEqual(range(11, 14));
  }, 90_000);

  it('a snapshot here, the stream there; a position without an event, and an interrupted snapshot', async () => {
    await insert(0, 4);
    const ours = await world.task({ 'max.batch.size': '2', 'snapshot.fetch.size': '2' });
    const part = await ours.take(2);
    const interrupted = part[1]!.sourceOffset;
    const rest = await ours.until((records) => records.some((it) => seen(it).snapshot === 'last'));
    ours.commit(rest.at(-1)!);
    await ours.until(() => ours.commitQuiet());
    await ours.stop();
    await insert(4, 6);

    const found: DebeziumRecord[] = [];
    const behind = debezium(ours.stored);
    expect(await behind.until((it) => it.key.payload.id === '5', found, 30_000)).toBe(true);
    expect(idsOf(found)).toEqual(['4', '5']);
    await behind.stop();

    const anew: DebeziumRecord[] = [];
    expect(await debezium(interrupted).until((it) => it.value?.payload.source.snapshot === 'last', anew, 30_000)).toBe(true);
    expect(idsOf(anew)).toEqual(range(0, 6));
  }, 90_000);
});
