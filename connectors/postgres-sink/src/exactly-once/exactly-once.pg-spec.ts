import { Schema, type SinkRecord, Struct } from '@millrace/connect-api';
import { FaultyLink } from '../../test/faulty-link.js';
import { type SinkDatabase, SinkServer } from '../../test/sink-database.js';
import { type SinkDriver, sinkRecord } from '../../test/sink-driver.js';
import { PostgresSinkConnector } from '../postgres-sink-connector.js';

let server: SinkServer;
beforeAll(async () => {
  server = await SinkServer.start();
}, 60_000);
afterEach(() => server.endTest());
afterAll(() => server.stop());

const TOPIC = 'shop.public.t';
const VALUE = Schema.struct({ p: Schema.of('int32'), n: Schema.of('int64'), text: Schema.of('string') }, { name: 'v' });
/** Rows without a key: one that is stored twice is there twice. */
const APPEND = { 'insert.mode': 'insert', 'primary.key.mode': 'none', 'delete.enabled': 'false', 'exactly.once': 'true', 'flush.retry.delay.ms': '1' };

const row = (n: number, partition = 0, text = `text ${n}`): SinkRecord => sinkRecord({ topic: TOPIC, partition, offset: n, valueSchema: VALUE, value: new Struct(VALUE, { p: partition, n: BigInt(n), text }) });
const rows = (from: number, to: number, partition = 0): SinkRecord[] => Array.from({ length: to - from }, (_, i) => row(from + i, partition));
const at = (partition = 0): { topic: string; partition: number } => ({ topic: TOPIC, partition });

async function stored(database: SinkDatabase): Promise<unknown> {
  return await database.query('SELECT p, count(*)::int AS rows, count(DISTINCT n)::int AS distinct, min(n)::int AS first, max(n)::int AS last FROM t GROUP BY p ORDER BY p');
}

function whole(...ends: number[]): unknown {
  return ends.map((end, p) => ({ p, rows: end, distinct: end, first: 0, last: end - 1 }));
}

/** Numbers from 0 to below 1, the same each time. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

test.each([1, 2, 3, 4])('a task that dies anywhere, and begins again anywhere before: each record is stored once (run %i)', async (seed) => {
  const random = randomNumbers(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const database = await server.database('CREATE TABLE t (p integer, n bigint, text text)');
  const link = await FaultyLink.listen(server.server);
  const url = { 'connection.url': `jdbc:postgresql://127.0.0.1:${link.port}/${database.name}?sslmode=disable` };
  const END = 6000;
  const reached = [0, 0];
  let deaths = 0;
  try {
    while (reached.some((it) => it < END)) {
      const driver = database.driver({ ...APPEND, ...url, 'flush.max.retries': String(below(2) * 3) });
      const position = reached.map((it) => (below(3) === 0 ? below(it + 1) : it));
      try {
        await driver.open(at(0), at(1));
        // Where the task seeks to is where the next records come from, but for records that were under way already.
        if (below(2) === 0) for (const { partition, offset } of driver.seeks) position[partition] = offset;
        if (below(8) > 0) link.breakAfter(below(2) === 0 ? 'requests' : 'answers', below(below(3) === 0 ? 60_000 : 5000));
        while (reached.some((it) => it < END)) {
          const size = below(2) === 0 ? 1 + below(20) : 1 + below(500);
          const next = position.map((it) => Math.min(END, it + size));
          await driver.put(...[0, 1].flatMap((p) => rows(position[p]!, next[p]!, p)));
          next.forEach((it, p) => {
            position[p] = it;
            reached[p] = Math.max(reached[p]!, it);
          });
          if (below(6) === 0) break;
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONNECT_RETRIABLE' });
      }
      deaths += 1;
      // The process is gone: its sockets, too.
      link.cut();
      void driver.stop();
      if (deaths > 2000) break;
    }
  } finally {
    await link.close();
  }
  expect(deaths).toBeGreaterThan(8);
  expect(await stored(database)).toEqual(whole(END, END));
  expect(await database.query('SELECT partition, next_offset::int AS next FROM millrace_offsets ORDER BY 1')).toEqual([{ partition: 0, next: END }, { partition: 1, next: END }]);
}, 120_000);

test('twenty deaths of the task under load, five of them with the server: each record is stored once', async () => {
  const random = randomNumbers(20);
  const database = await server.database('CREATE TABLE t (p integer, n bigint, text text)');
  const link = await FaultyLink.listen(server.server);
  const config = { ...APPEND, 'connection.url': `jdbc:postgresql://127.0.0.1:${link.port}/${database.name}?sslmode=disable`, 'flush.max.retries': '500' };
  let reached = 0;
  let dead: Promise<unknown>[] = [];
  for (let death = 0; death < 20; death++) {
    const driver = database.driver(config);
    await driver.open(at());
    let from = Math.floor(random() * (reached + 1));
    for (let puts = 1 + Math.floor(random() * 3); puts > 0; puts--, from = reached) {
      await driver.put(...rows(from, reached + 700));
      reached += 700;
    }
    // In the middle of a put: its task is gone, and every fourth time the server, too.
    if (death % 4 === 3) {
      const put = driver.put(...rows(from, reached + 700));
      await server.server.kill();
      await server.server.restart();
      await put;
      reached += 700;
    } else {
      link.breakAfter(random() < 0.5 ? 'requests' : 'answers', Math.floor(random() * 20_000));
      dead.push(driver.put(...rows(from, reached + 700)).catch(() => undefined));
      await new Promise((resolve) => setImmediate(resolve));
      link.cut();
      dead.push(driver.stop());
    }
  }
  await Promise.all(dead);
  dead = [];
  const last = database.driver(config);
  await last.open(at());
  await last.put(...rows(0, reached + 700));
  await last.stop();
  await link.close();
  const check = await server.client(database.name);
  expect((await check.query('SELECT count(*)::int AS rows, count(DISTINCT n)::int AS distinct, max(n)::int AS last FROM t')).rows).toEqual([{ rows: reached + 700, distinct: reached + 700, last: reached + 699 }]);
}, 120_000);

test.each([5, 2000])('a commit whose answer is lost is not done again (%i records)', async (count) => {
  const database = await server.database('CREATE TABLE t (p integer, n bigint, text text)');
  const link = await FaultyLink.listen(server.server);
  const driver = database.driver({ ...APPEND, 'connection.url': `jdbc:postgresql://127.0.0.1:${link.port}/${database.name}?sslmode=disable` });
  await driver.open(at());
  await driver.put(...rows(0, count));
  link.breakAfter('answers', 1);
  await driver.put(...rows(count, 2 * count));
  expect(driver.warnings).toEqual(['The transaction failed and is tried again']);
  expect(await stored(database)).toEqual(whole(2 * count));
  await driver.stop();
  await link.close();
});

describe('two tasks that have one partition', () => {
  let link: FaultyLink;
  let database: SinkDatabase;
  let zombie: SinkDriver;
  let owner: SinkDriver;
  beforeEach(async () => {
    database = await server.database('CREATE TABLE t (p integer, n bigint, text text)');
    link = await FaultyLink.listen(server.server);
    zombie = database.driver({ ...APPEND, 'connection.url': `jdbc:postgresql://127.0.0.1:${link.port}/${database.name}?sslmode=disable` });
    owner = database.driver(APPEND);
    await zombie.open(at());
    await zombie.put(...rows(0, 10));
  });
  afterEach(() => link.close());

  test.each([1, 20, 3000])('what was sent while another task took over is refused when it arrives (%i records)', async (count) => {
    link.hold();
    const late = expect(zombie.put(...rows(10, 10 + count))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE', message: expect.stringContaining('Another task has taken shop.public.t-0') as string });
    await owner.open(at());
    expect(owner.seeks).toEqual([{ ...at(), offset: 10 }]);
    await owner.put(...rows(10, 15));
    link.release();
    await late;
    expect(await stored(database)).toEqual(whole(15));
    // However often it is asked.
    await expect(zombie.put(...rows(15, 20))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE' });
    await owner.put(...rows(15, 30));
    await expect(zombie.put(...rows(15, 20))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE' });
    expect(await stored(database)).toEqual(whole(30));
  });

  test('a connection that is opened again does not take the partition back', async () => {
    await owner.open(at());
    link.cut();
    await expect(zombie.put(...rows(10, 20))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE', message: expect.stringContaining('Another task') as string });
    await owner.put(...rows(10, 12));
    expect(await stored(database)).toEqual(whole(12));
  });

  test('a transaction that is about to commit is waited for', async () => {
    await database.query("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()");
    const blocker = await server.client(database.name);
    await blocker.query('SELECT pg_advisory_lock(7)');
    // Its COMMIT waits for the advisory lock, behind the statement that moved the offset.
    const writing = zombie.put(...rows(10, 20));
    while ((await database.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).length === 0);
    const opening = owner.open(at());
    while ((await database.query("SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted")).length === 0);
    await blocker.query('SELECT pg_advisory_unlock(7)');
    await Promise.all([writing, opening]);
    expect(owner.seeks).toEqual([{ ...at(), offset: 20 }]);
    await owner.put(...rows(15, 25));
    expect(await stored(database)).toEqual(whole(25));
  });

  test('a task to which the records still come after a while takes the partition back, and loses nothing', async () => {
    const patient = database.driver({ ...APPEND, 'exactly.once.fenced.wait.ms': '0' });
    await patient.open(at());
    await owner.open(at());
    await owner.put(...rows(10, 14));
    await expect(patient.put(...rows(10, 20))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE' });
    await patient.put(...rows(10, 20));
    await expect(owner.put(...rows(14, 16))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE' });
    expect(await stored(database)).toEqual(whole(20));
  });

  test('both write all they get, again and again: each record is stored once', async () => {
    const both = [database.driver({ ...APPEND, 'exactly.once.fenced.wait.ms': '0' }), database.driver({ ...APPEND, 'exactly.once.fenced.wait.ms': '0' })];
    await Promise.all(
      both.map(async (driver, i) => {
        for (let from = 0; from < 2000; from += 40 + i) {
          for (;;) {
            try {
              await driver.put(...rows(from, Math.min(2000, from + 40 + i)));
              break;
            } catch (error) {
              expect(error).toMatchObject({ code: 'CONNECT_RETRIABLE' });
            }
          }
        }
      }),
    );
    expect(await stored(database)).toEqual(whole(2000));
  }, 60_000);
});

test('bad rows are reported and passed, and their offsets with them', async () => {
  const database = await server.database("CREATE TABLE t (p integer, n bigint, text text CHECK (text <> 'bad'))");
  const driver = database.driver(APPEND, 'all');
  await driver.open(at());
  await driver.put(...rows(0, 100), row(100, 0, 'bad'), ...rows(101, 150));
  await driver.put(row(150, 0, 'bad'));
  expect(driver.errant.map((it) => it.record.kafkaOffset)).toEqual([100, 150]);
  const next = database.driver(APPEND, 'all');
  await next.open(at());
  expect(next.seeks).toEqual([{ ...at(), offset: 151 }]);
  await next.put(...rows(90, 152));
  expect(await database.query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 150 }]);
  // Where they are not tolerated nothing moves.
  const strict = database.driver(APPEND);
  await strict.open(at());
  await expect(strict.put(...rows(152, 160), row(160, 0, 'bad'))).rejects.toMatchObject({ code: 'CONNECT_DATA' });
  expect(await database.query('SELECT next_offset::int AS next FROM millrace_offsets')).toEqual([{ next: 152 }]);
});

test('a database that cannot be reached at open: the position is set before the first write', async () => {
  const database = await server.database('CREATE TABLE t (p integer, n bigint, text text)');
  const link = await FaultyLink.listen(server.server);
  await database.driver(APPEND).put(...rows(0, 10));
  const driver = database.driver({ ...APPEND, 'connection.url': `jdbc:postgresql://127.0.0.1:${link.port}/${database.name}?sslmode=disable` });
  link.shut();
  await driver.open(at());
  expect(driver.seeks).toEqual([]);
  link.open();
  await driver.put(...rows(20, 30));
  expect(driver.seeks).toEqual([{ ...at(), offset: 10 }]);
  await driver.put(...rows(10, 40));
  expect(await stored(database)).toEqual(whole(40));
  await driver.stop();
  await link.close();
});

test('offsets are those of the topic that was read, and of this connector', async () => {
  const database = await server.database('CREATE SCHEMA "own"; CREATE TABLE t (p integer, n bigint, text text)');
  const config = { ...APPEND, 'offsets.table.name': 'own.positions' };
  const routed = (it: SinkRecord): SinkRecord => ({ ...it, topic: 'elsewhere' });
  await database.driver(config).put(...rows(0, 10).map(routed), ...rows(0, 5, 3).map(routed));
  expect(await database.query('SELECT connector, topic, partition, next_offset::int AS next FROM own.positions ORDER BY partition')).toEqual([
    { connector: 'sink', topic: TOPIC, partition: 0, next: 10 },
    { connector: 'sink', topic: TOPIC, partition: 3, next: 5 },
  ]);
  // From outside, for a connector that is stopped.
  const connector = new PostgresSinkConnector();
  await expect(connector.alterOffsets({ ...database.config(config), name: 'sink' }, new Map([[`${TOPIC}-0`, 7], [`${TOPIC}-3`, null]]))).resolves.toBe(true);
  const driver = database.driver(config);
  await driver.open(at(0), at(3));
  expect(driver.seeks).toEqual([{ ...at(), offset: 7 }]);
  await driver.put(...rows(5, 10), ...rows(0, 5, 3));
  expect(await database.query('SELECT p, count(*)::int AS n FROM t GROUP BY p ORDER BY p')).toEqual([{ p: 0, n: 13 }, { p: 3, n: 10 }]);
});

test('without exactly.once there is no table, and nothing is known again', async () => {
  const database = await server.database('CREATE TABLE t (p integer, n bigint, text text)');
  const driver = database.driver({ ...APPEND, 'exactly.once': 'false' });
  await driver.open(at());
  await driver.put(...rows(0, 3));
  await driver.put(...rows(0, 3));
  expect(await database.query("SELECT to_regclass('millrace_offsets') AS found, (SELECT count(*)::int FROM t) AS n")).toEqual([{ found: null, n: 6 }]);
});
