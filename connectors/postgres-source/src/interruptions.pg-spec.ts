import type { SourceRecord } from '@millrace/connect-api';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import type { Client } from 'pg';
import { createDatabase, openClient, sourceConfig, startServer } from '../test/database.js';
import { renderRecord } from '@millrace/connect-testkit';
import { TaskDriver } from '../test/task-driver.js';

const CONFIG = { 'snapshot.mode': 'no_data', 'slot.retry.delay.ms': '200', 'slot.max.retries': '1000' };
const KILLS = 20;
const SEED = Number(process.env.SEED ?? 20_261_121);

/** A small generator (mulberry32), so that a failure can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('interruptions', () => {
  let server: EmbeddedPostgres;
  let end: () => Promise<void>;
  let count = 0;
  let database: string;
  const drivers: TaskDriver[] = [];

  beforeAll(async () => {
    ({ server, end } = await startServer({ settings: { fsync: 'on', synchronous_commit: 'on' } }));
  }, 60_000);
  afterAll(async () => {
    for (const it of drivers) await it.stop().catch(() => undefined);
    await end();
  });
  beforeEach(() => {
    database = `cut${++count}`;
  });

  async function run(offset: TaskDriver['stored'] = null): Promise<TaskDriver> {
    const driver = await new TaskDriver({ config: sourceConfig(server, database, CONFIG), offset }).start();
    drivers.push(driver);
    return driver;
  }

  /** Writes rows of rising numbers, one to four a transaction, until told to stop; returns how many the server has confirmed. */
  async function write(writer: number, isWanted: () => boolean): Promise<number> {
    let next = 0;
    while (isWanted()) {
      let client: Client | undefined;
      try {
        client = await openClient(server, database);
        // What was in doubt when the server went away is looked up.
        next = (await client.query<{ n: number }>('select coalesce(max(n) + 1, 0)::int as n from t where writer = $1', [writer])).rows[0]!.n;
        while (isWanted()) {
          const rows = 1 + (next % 4);
          await client.query('insert into t select $1, g from generate_series($2::int, $3::int) g', [writer, next, next + rows - 1]);
          next += rows;
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      } finally {
        await client?.end().catch(() => undefined);
      }
    }
    return next;
  }

  it(`nothing is lost and the order stays when the task dies ${KILLS} times and the server crashes under it`, async () => {
    const random = randomNumbers(SEED);
    const client = await createDatabase(server, database);
    await client.query('create table t (writer int, n int, primary key (writer, n))');
    await client.end();
    let driver = await run();
    await driver.poll();
    let isWriting = true;
    const work = [0, 1, 2].map((it) => write(it, () => isWriting));
    const seen = new Set<string>();
    const order: number[][] = [[], [], []];
    let repeats = 0;
    const note = (records: readonly SourceRecord[]): void => {
      for (const record of records) {
        const { after } = (renderRecord(record).value as { payload: { after: { writer: number; n: number } } }).payload;
        const key = `${after.writer}:${after.n}`;
        if (seen.has(key)) repeats += 1;
        else order[after.writer]!.push(after.n);
        seen.add(key);
      }
    };
    for (let kill = 0; kill < KILLS; kill++) {
      for (let polls = 1 + Math.floor(random() * 6); polls > 0; polls--) {
        const records = await driver.poll();
        note(records);
        const stored = random() < 0.7 ? records[Math.floor(random() * records.length)] : undefined;
        if (stored) driver.commit(stored);
      }
      if (kill % 5 === 4) {
        await server.kill();
        if (random() < 0.5) note(await driver.poll());
        await server.restart();
      }
      if (kill % 5 !== 3) {
        // No stop, no last word: the sessions are gone, and what was not stored is forgotten.
        driver.sever();
        driver = await run(driver.stored);
      }
    }
    isWriting = false;
    const written = await Promise.all(work);
    const check = await openClient(server, database);
    const { rows } = await check.query<{ total: number }>('select count(*)::int as total from t');
    await check.end();
    const deadline = Date.now() + 40_000;
    while (seen.size < rows[0]!.total && Date.now() < deadline) note(await driver.poll());
    expect(seen.size).toBe(rows[0]!.total);
    expect(seen.size).toBeGreaterThan(100);
    for (const it of [0, 1, 2]) expect(order[it]).toEqual(Array.from({ length: order[it]!.length }, (_, n) => n));
    for (const it of [0, 1, 2]) expect(order[it]!.length).toBeGreaterThanOrEqual(written[it]!);
    expect(repeats).toBeGreaterThan(0);
  }, 120_000);

  it('a slot that is dropped while the task runs is told, not made again in silence', async () => {
    const client = await createDatabase(server, database);
    await client.query('create table t (id int primary key)');
    const driver = await run();
    await driver.poll();
    await client.query('insert into t values (1)');
    const [record] = await driver.take(1);
    driver.commit(record!);
    await client.query(`do $$ begin
      perform pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = '${database}' and active;
      perform pg_drop_replication_slot('${database}'); end $$`);
    await client.query('insert into t values (2)');
    await expect(driver.until(() => false)).rejects.toThrow(/replication slot .* does not exist any more, so changes are missing/);
    expect((await client.query('select from pg_replication_slots where slot_name = $1', [database])).rowCount).toBe(0);
    await client.end();
  });

  it('a slot whose log is removed while the task cannot keep up is told', async () => {
    const client = await createDatabase(server, database);
    await client.query('create table t (id int primary key)');
    const driver = await run();
    await driver.poll();
    await client.query("alter system set max_slot_wal_keep_size = '1MB'");
    await client.query('select pg_reload_conf()');
    let failure: Error | undefined;
    const polling = driver.until(() => false, 60_000).catch((error: Error) => (failure = error));
    for (let i = 0; failure === undefined && i < 200; i++) {
      await client.query('insert into t values ($1)', [i]);
      await client.query("select pg_logical_emit_message(false, 'fill', 'x'), pg_switch_wal()");
      await client.query('checkpoint');
    }
    await polling;
    await client.query('alter system reset max_slot_wal_keep_size');
    await client.query('select pg_reload_conf()');
    await client.end();
    expect(failure?.message).toMatch(/is lost: the server has removed log that it still needed/);
  }, 90_000);

  it('tells how far it is behind', async () => {
    const client = await createDatabase(server, database);
    await client.query('create table t (id int primary key)');
    const driver = await run();
    expect(driver.task.lag()).toBeNull();
    await driver.poll();
    await client.query('insert into t values (1)');
    await driver.take(1);
    const lag = driver.task.lag();
    expect(lag?.milliseconds).toBeLessThan(10_000);
    expect(lag?.bytes).toBeGreaterThanOrEqual(0);
    await client.end();
  });
});
