import type { OffsetMap, SourceRecord } from '@millrace/connect-api';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import type { Client } from 'pg';
import { createDatabase, openClient, sourceConfig, startServer } from '../test/database.js';
import { renderRecord } from '@millrace/connect-testkit';
import { TaskDriver } from '../test/task-driver.js';

type Row = Record<string, unknown>;
interface Event {
  readonly op: string;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly source: Record<string, unknown>;
}

function eventOf(record: SourceRecord): Event {
  return (renderRecord(record).value as { payload: Event }).payload;
}

/** Asks again and again until it is so. Throws at the deadline. */
async function eventually(isSo: () => boolean | Promise<boolean>, complaint: string, deadlineMs = 10_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${complaint} after ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('PostgresSourceTask', () => {
  let server: EmbeddedPostgres;
  let end: () => Promise<void>;
  const clients: Client[] = [];
  const drivers: TaskDriver[] = [];
  let database: string;
  let count = 0;

  beforeAll(async () => {
    ({ server, end } = await startServer({ settings: { max_replication_slots: '50', max_wal_senders: '50' } }));
  }, 60_000);
  afterAll(() => end());

  beforeEach(() => {
    database = `db${++count}`;
  });
  afterEach(async () => {
    for (const driver of drivers.splice(0)) await driver.stop().catch(() => undefined);
    for (const client of clients.splice(0)) await client.end().catch(() => undefined);
  });

  async function prepare(...statements: string[]): Promise<Client> {
    const client = await createDatabase(server, database);
    clients.push(client);
    for (const it of statements) await client.query(it);
    return client;
  }

  async function run(more: Record<string, string> = {}, offset: OffsetMap | null = null): Promise<TaskDriver> {
    const driver = await new TaskDriver({ config: sourceConfig(server, database, more), offset }).start();
    drivers.push(driver);
    return driver;
  }

  async function slot(client: Client): Promise<{ confirmed: number; active: boolean } | undefined> {
    const { rows } = await client.query<{ confirmed: string; active: boolean }>("select (confirmed_flush_lsn - '0/0')::text as confirmed, active from pg_replication_slots where slot_name = $1", [database]);
    return rows[0] && { confirmed: Number(rows[0].confirmed), active: rows[0].active };
  }

  /** Until the slot is free, as it is when the session of a stopped task has ended. */
  async function slotFree(client: Client): Promise<void> {
    await eventually(async () => !(await slot(client))?.active, 'the slot stays in use');
  }

  async function slotNames(client: Client, name: string): Promise<string[]> {
    return (await client.query<{ slot_name: string }>('select slot_name from pg_replication_slots where slot_name = $1', [name])).rows.map((it) => it.slot_name);
  }

  /** A role that may read, but owns nothing. */
  async function role(client: Client, attributes: string): Promise<Record<string, string>> {
    const name = `reader_${database}`;
    await client.query(`create role ${name} login ${attributes}`);
    await client.query(`grant select on all tables in schema public to ${name}`);
    return { 'database.user': name, 'publication.autocreate.mode': 'disabled' };
  }

  /** Runs a task until its first record is stored and the slot is free again. */
  async function storedOffset(client: Client): Promise<OffsetMap> {
    const driver = await run();
    const [record] = await driver.take(1);
    driver.commit(record!);
    await driver.stop();
    await slotFree(client);
    return driver.stored!;
  }

  /** The server throws log away that the idle slot still needs. */
  async function loseSlot(client: Client): Promise<void> {
    await client.query("alter system set max_slot_wal_keep_size = '1MB'");
    await client.query('select pg_reload_conf()');
    try {
      await eventually(async () => {
        for (let i = 0; i < 3; i++) {
          await client.query("select pg_logical_emit_message(false, 'fill', 'x')");
          await client.query('select pg_switch_wal()');
        }
        await client.query('checkpoint');
        const { rows } = await client.query<{ wal_status: string }>('select wal_status from pg_replication_slots where slot_name = $1', [database]);
        return rows[0]?.wal_status === 'lost';
      }, 'the slot is not lost');
    } finally {
      await client.query('alter system reset max_slot_wal_keep_size');
      await client.query('select pg_reload_conf()');
    }
  }

  it('reads tables by several connections as of one moment: every row, tables marked each for itself, one last record', async () => {
    const tables = Array.from({ length: 6 }, (_, i) => `t${i}`);
    const client = await prepare(...tables.map((it, i) => `create table ${it} as select g as id, 'x' as note from generate_series(1, ${i === 5 ? 0 : 300 * (i + 1)}) g`));
    const [writer] = [await openClient(server, database)];
    clients.push(writer);
    const driver = await run({ 'snapshot.max.threads': '3', 'max.batch.size': '100' });
    const first = await driver.take(1);
    const { rows } = await client.query<{ sessions: number }>("select count(*)::int as sessions from pg_stat_activity where datname = current_database() and query like 'COPY%'");
    expect(rows[0]?.sessions).toBeGreaterThan(1);
    for (const it of tables) await writer.query(`insert into ${it} values (100000, 'later')`);
    const rest = await driver.until((records) => records.some((it) => it.sourceOffset.snapshot_completed === true));
    const events = [...first, ...rest].map((record) => ({ table: record.topic.split('.').pop() ?? '', event: eventOf(record) })).filter((it) => it.event.op === 'r');
    const sizes = tables.map((table) => new Set(events.filter((it) => it.table === table).map((it) => it.event.after?.id)).size);
    expect([sizes, events.length]).toEqual([[300, 600, 900, 1200, 1500, 0], 4500]);
    const marks = events.map((it) => it.event.source.snapshot);
    expect([marks.filter((it) => it === 'first').length, marks.at(-1), marks.filter((it) => it === 'last').length]).toEqual([1, 'last', 1]);
    for (const table of tables.slice(0, 5)) {
      const own = events.filter((it) => it.table === table).map((it) => it.event.source.snapshot);
      expect([/^first/.test(String(own[0])), /^last/.test(String(own.at(-1))), own.filter((it) => it === 'true').length]).toEqual([true, true, own.length - 2]);
    }
    const later = await driver.until((records) => records.length >= 6);
    expect(later.map((it) => eventOf(it)).map((it) => [it.op, it.after?.id])).toEqual(tables.map(() => ['c', 100000]));
  });

  it('reads a consistent snapshot while others write, and goes on exactly behind it', async () => {
    const client = await prepare('create table accounts (id int primary key, balance int not null)', 'insert into accounts select g, 100 from generate_series(1, 500) g');
    const writers = await Promise.all([1, 2].map(() => openClient(server, database)));
    clients.push(...writers);
    let isWriting = true;
    let moves = 0;
    const work = writers.map(async (writer, seed) => {
      for (let i = 0; isWriting; i++, moves++) {
        const [from, to] = [((i * 7 + seed * 13) % 500) + 1, ((i * 11 + seed * 29) % 500) + 1];
        await writer.query('with move as (select $1::int as a, $2::int as b) update accounts set balance = balance + case when id = (select a from move) then -1 else 1 end where id in ((select a from move), (select b from move)) and (select a <> b from move)', [from, to]);
      }
    });
    await eventually(() => moves >= 50, 'the writers do not write');
    const driver = await run();
    const state = new Map<unknown, number>();
    const apply = (records: readonly SourceRecord[]): void => {
      for (const { after } of records.map(eventOf)) if (after) state.set(after.id, after.balance as number);
    };
    const snapshot = await driver.take(500);
    apply(snapshot.slice(0, 500));
    const snapshotEvents = snapshot.slice(0, 500).map(eventOf);
    expect(snapshotEvents.every((it) => it.op === 'r')).toBe(true);
    expect([...state.values()].reduce((a, b) => a + b)).toBe(500 * 100);
    expect(snapshotEvents.map((it) => it.source.snapshot)).toEqual(['first', ...new Array<string>(498).fill('true'), 'last']);
    expect(snapshot[498]?.sourceOffset).toMatchObject({ snapshot: 'INITIAL', snapshot_completed: false });
    expect(snapshot[499]?.sourceOffset).toMatchObject({ snapshot: 'INITIAL', snapshot_completed: true, last_snapshot_record: true });
    apply(snapshot.slice(500));
    isWriting = false;
    await Promise.all(work);
    await client.query('insert into accounts values (0, 0)');
    await driver.until((records) => {
      apply(records);
      return state.has(0);
    });
    const { rows } = await client.query<{ id: number; balance: number }>('select id, balance from accounts');
    expect(new Map(rows.map((it) => [it.id, it.balance]))).toEqual(state);
  });

  it('begins an interrupted snapshot anew, with what was written since', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t select generate_series(1, 5000)');
    const first = await run({ 'max.batch.size': '100' });
    const [seen] = await first.take(300);
    first.commit(seen!);
    await first.stop();
    await client.query('insert into t values (5001)');
    await client.query('delete from t where id = 1');
    const second = await run({}, first.stored);
    const records = await second.take(5000);
    await client.query('insert into t values (5002)');
    records.push(...(await second.take(1)));
    const events = records.map(eventOf);
    expect(events.slice(0, 5000).every((it) => it.op === 'r')).toBe(true);
    expect(events.map((it) => it.after?.id).sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 5001 }, (_, i) => i + 2));
    const { rows } = await client.query('select slot_name from pg_replication_slots where slot_name like $1', [`${database}%`]);
    expect(rows).toHaveLength(1);
  });

  it('resumes from any stored offset without a gap or a repeat, in order', async () => {
    const client = await prepare('create table t (id int primary key, v text)', "insert into t select g, 'a' from generate_series(1, 3) g");
    const config = { 'snapshot.mode': 'no_data' };
    const first = await run(config);
    await first.poll();
    await client.query("insert into t select g, 'b' from generate_series(10, 14) g");
    await client.query("begin; update t set v = 'c' where id < 12; update t set id = id + 100 where id = 10; delete from t where id = 11; commit");
    // The rows of one COPY share a position in the log.
    await client.query("copy t (id) from program 'seq 30 33'");
    // This transaction begins before another one, and commits after it.
    const late = await openClient(server, database);
    clients.push(late);
    await late.query("begin; insert into t values (50, 'late')");
    await client.query("insert into t values (51, 'early')");
    await late.query("insert into t values (52, 'late'); commit");
    await client.query("insert into t values (20, 'd'), (21, 'd')");
    const all = await first.until((records) => records.some((it) => eventKey(it).includes('"id":21')));
    const wanted = all.map(eventKey);
    const offsets = all.map((it) => structuredClone(it.sourceOffset));
    await first.stop();
    for (let i = 0; i < all.length; i++) {
      await slotFree(client);
      const again = await run(config, offsets[i]);
      const rest = await again.until((records) => records.some((it) => eventKey(it).includes('"id":21')) || i === all.length - 1, 10_000);
      await again.stop();
      const keys = rest.map(eventKey);
      // A change that is several records is sent whole again when only a part of it was stored.
      const from = wanted.length - keys.length;
      expect(keys).toEqual(wanted.slice(from));
      expect(from).toBeLessThanOrEqual(i + 1);
      expect(from).toBeGreaterThanOrEqual(i - 1);
    }
  });

  it('keeps the position of the slot behind what is durable, and moves it when the database is quiet', async () => {
    const client = await prepare('create table t (id int primary key)', 'create table other (id int)');
    const driver = await run({ 'snapshot.mode': 'no_data', 'table.include.list': 'public\\.t' });
    await driver.poll();
    const before = (await slot(client))!.confirmed;
    await client.query('insert into t values (1)');
    const [record] = await driver.take(1);
    await client.query('insert into other select generate_series(1, 100)');
    await driver.poll();
    await driver.poll();
    expect((await slot(client))!.confirmed).toBe(before);
    driver.commit(record!);
    await driver.until(() => driver.task.offsetsWithoutRecords() !== null);
    await client.query('insert into other select generate_series(1, 100)');
    const end = Number((await client.query<{ lsn: string }>("select (pg_current_wal_lsn() - '0/0')::text as lsn")).rows[0]!.lsn);
    const deadline = Date.now() + 15_000;
    while ((await slot(client))!.confirmed < end && Date.now() < deadline) {
      await driver.poll();
      driver.commitQuiet();
    }
    expect((await slot(client))!.confirmed).toBeGreaterThanOrEqual(end);
    await client.query('insert into t values (2)');
    const [next] = await driver.take(1);
    driver.commit(next!);
    await driver.stop();
    await slotFree(client);
    const again = await run({ 'snapshot.mode': 'no_data', 'table.include.list': 'public\\.t' }, driver.stored);
    await client.query('insert into t values (3)');
    expect((await again.take(1)).map((it) => eventOf(it).after)).toEqual([{ id: 3 }]);
  });

  it('survives a crash of the server', async () => {
    const client = await prepare('create table t (id int primary key)');
    const driver = await run({ 'snapshot.mode': 'no_data' });
    await driver.poll();
    await client.query('insert into t select generate_series(1, 100)');
    const records = await driver.take(50);
    await server.kill();
    records.push(...(await driver.poll()));
    await server.restart();
    const after = await openClient(server, database);
    clients.push(after);
    await after.query('insert into t select generate_series(101, 200)');
    records.push(...(await driver.take(200 - records.length)));
    expect(driver.retried.length).toBeGreaterThan(0);
    expect(records.map((it) => eventOf(it).after?.id)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  }, 40_000);

  it('loses nothing and keeps the order while its sessions are cut and it is started again', async () => {
    const client = await prepare('create table t (writer int, n int, v text, primary key (writer, n))');
    const config = { 'snapshot.mode': 'no_data', 'slot.retry.delay.ms': '200', 'slot.max.retries': '100' };
    let driver = await run(config);
    await driver.poll();
    const transactions = 150;
    const writers = await Promise.all([0, 1, 2].map(() => openClient(server, database)));
    clients.push(...writers);
    const work = writers.map(async (writer, w) => {
      for (let i = 0, n = 0; i < transactions; i++) {
        await writer.query('begin');
        for (let rows = 1 + ((i * 7 + w) % 5); rows > 0; rows--) await writer.query('insert into t values ($1, $2, $3)', [w, n++, 'x']);
        await writer.query('commit');
      }
    });
    const seen = new Map<string, number>();
    const order: { writer: number; n: number }[] = [];
    let repeats = 0;
    const note = (records: readonly SourceRecord[]): void => {
      for (const record of records) {
        const { after } = eventOf(record);
        const key = `${String(after?.writer)}:${String(after?.n)}`;
        if (seen.has(key)) repeats += 1;
        else order.push({ writer: Number(after?.writer), n: Number(after?.n) });
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
    };
    let isWriting = true;
    void Promise.all(work).then(() => (isWriting = false));
    for (let round = 0; isWriting || round < 12; round++) {
      for (let i = 0; i < 3; i++) {
        const records = await driver.poll();
        note(records);
        // Not always the last record: what was sent behind it must come again.
        const stored = records[Math.floor(records.length * (round % 3) * 0.4)];
        if (stored) driver.commit(stored);
      }
      if (round % 2 === 0) await client.query('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active', [database]);
      else {
        await driver.stop();
        driver = await run(config, driver.stored);
      }
    }
    const { rows } = await client.query<{ total: number }>('select count(*)::int as total from t');
    await driver.until((records) => {
      note(records.splice(0));
      return seen.size === rows[0]!.total;
    });
    expect(repeats).toBeGreaterThan(0);
    for (const w of [0, 1, 2]) expect(order.filter((it) => it.writer === w).map((it) => it.n)).toEqual(Array.from({ length: [...seen.keys()].filter((it) => it.startsWith(`${w}:`)).length }, (_, i) => i));
  }, 60_000);

  it('refuses to go on when the slot has gone, and takes a snapshot instead if it may', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const first = await run();
    const [record] = await first.take(1);
    first.commit(record!);
    await first.stop();
    await slotFree(client);
    await client.query('select pg_drop_replication_slot($1)', [database]);
    await client.query('insert into t values (2)');
    const refused = await run({}, first.stored);
    await expect(refused.poll()).rejects.toMatchObject({ code: 'CONNECT_ERROR', message: expect.stringMatching(/replication slot .* does not exist any more/) as string });
    const renewed = await run({ 'snapshot.mode': 'when_needed' }, first.stored);
    expect((await renewed.take(2)).map((it) => eventOf(it))).toMatchObject([{ op: 'r', after: { id: 1 } }, { op: 'r', after: { id: 2 } }]);
  });

  it('takes a new snapshot, if it may, where the slot was moved past what is stored, and goes on with that slot', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const stored = await storedOffset(client);
    await client.query('insert into t values (2)');
    await client.query('select pg_replication_slot_advance($1, pg_current_wal_lsn())', [database]);
    const renewed = await run({ 'snapshot.mode': 'when_needed' }, stored);
    expect((await renewed.take(2)).map((it) => eventOf(it))).toMatchObject([{ op: 'r', after: { id: 1 } }, { op: 'r', after: { id: 2 } }]);
    await renewed.poll();
    await client.query('insert into t values (3)');
    expect((await renewed.take(1)).map(eventOf)).toMatchObject([{ op: 'c', after: { id: 3 } }]);
  });

  it('takes no snapshot while another session moves the slot on', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const stored = await storedOffset(client);
    const other = await run({ 'snapshot.mode': 'no_data' }, stored);
    await other.poll();
    await client.query('insert into t values (2)');
    const [record] = await other.take(1);
    other.commit(record!);
    const before = (await slot(client))!.confirmed;
    await client.query('insert into t values (3)');
    other.commit((await other.take(1))[0]!);
    await eventually(async () => (await slot(client))!.confirmed > before, 'the slot does not move');
    const task = await run({ 'snapshot.mode': 'when_needed', 'slot.max.retries': '0' }, stored);
    await expect(task.poll()).rejects.toThrow(/stays in use by another session: .* moves it on/);
  });

  it.each(['when_needed', 'always'])('leaves the slot of another database alone (snapshot.mode=%s)', async (mode) => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const stored = await storedOffset(client);
    const foreign = `${database}_foreign`;
    const other = await createDatabase(server, foreign);
    clients.push(other);
    await other.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [foreign]);
    const task = await run({ 'snapshot.mode': mode, 'slot.name': foreign }, stored);
    await expect(task.poll()).rejects.toThrow(new RegExp(`slot ${foreign} belongs to the database ${foreign}, not to ${database}`));
    expect(await slotNames(client, foreign)).toEqual([foreign]);
  });

  it('does not take a question that the server refuses for a lost position', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const stored = await storedOffset(client);
    const reader = await role(client, 'replication');
    await client.query('revoke execute on function pg_catalog.pg_current_wal_lsn() from public');
    const task = await run({ ...reader, 'snapshot.mode': 'when_needed' }, stored);
    await expect(task.poll()).rejects.toThrow(/permission denied for function pg_current_wal_lsn/);
    expect(await slotNames(client, database)).toEqual([database]);
  });

  it.each([true, false])('replaces a slot that the server has lost, once (with a stored position: %s)', async (isStored) => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const stored = await storedOffset(client);
    await loseSlot(client);
    const refused = await run({ 'snapshot.mode': 'initial' }, stored);
    await expect(refused.poll()).rejects.toThrow(/is lost: the server has removed log/);
    const task = await run({ 'snapshot.mode': 'when_needed' }, isStored ? stored : null);
    expect((await task.take(1)).map(eventOf)).toMatchObject([{ op: 'r', after: { id: 1 } }]);
    await task.poll();
    await client.query('insert into t values (2)');
    expect((await task.take(1)).map(eventOf)).toMatchObject([{ op: 'c', after: { id: 2 } }]);
  }, 30_000);

  it('fails where a lost slot cannot be dropped: a snapshot would follow the other without end', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const stored = await storedOffset(client);
    await loseSlot(client);
    const task = await run({ ...(await role(client, '')), 'snapshot.mode': 'when_needed' }, stored);
    await expect(task.poll()).rejects.toMatchObject({ code: 'CONNECT_ERROR', message: expect.stringMatching(/slot .* is lost, and could not be dropped.*permission denied/) as string });
    expect(await slotNames(client, database)).toEqual([database]);
  }, 30_000);

  it('refuses to go on when the slot was moved past what is stored', async () => {
    const client = await prepare('create table t (id int primary key)');
    const first = await run({ 'snapshot.mode': 'no_data' });
    await first.poll();
    await client.query('insert into t values (1)');
    const [record] = await first.take(1);
    first.commit(record!);
    await first.stop();
    await slotFree(client);
    await client.query('insert into t values (2)');
    await client.query('select pg_replication_slot_advance($1, pg_current_wal_lsn())', [database]);
    const refused = await run({ 'snapshot.mode': 'no_data' }, first.stored);
    await expect(refused.poll()).rejects.toThrow(/has been moved on to .*changes in between may be missing/);
    const trusting = await run({ 'snapshot.mode': 'no_data', 'offset.mismatch.strategy': 'trust_slot' }, first.stored);
    await trusting.poll();
    await client.query('insert into t values (3)');
    expect((await trusting.take(1)).map((it) => eventOf(it).after)).toEqual([{ id: 3 }]);
  });

  it('waits for a slot that is in use, and gives up in the end', async () => {
    const client = await prepare('create table t (id int primary key)');
    const config = { 'snapshot.mode': 'no_data' };
    const holder = await run(config);
    await holder.poll();
    const waiting = await run({ ...config, 'slot.max.retries': '50', 'slot.retry.delay.ms': '100' });
    await waiting.poll();
    expect(waiting.retried.map((it) => it.message).join()).toMatch(/slot is in use/);
    await holder.stop();
    await waiting.poll();
    await client.query('insert into t values (1)');
    expect(await waiting.take(1)).toHaveLength(1);
    const hopeless = await run({ ...config, 'slot.max.retries': '0' });
    await expect(hopeless.poll()).rejects.toThrow(/stays in use by another session/);
  });

  it('captures what the lists name, with the keys and columns that they say', async () => {
    const client = await prepare('create schema s', 'create table s.kept (id int primary key, a int, b text, secret text)', 'create table s.left (id int primary key)', 'create table public.also_left (id int)', "insert into s.kept values (1, 2, 'x', 'y')");
    const driver = await run({
      'table.include.list': 'S\\.ke.*', 'column.exclude.list': 's\\.kept\\.(secret|id)', 'message.key.columns': 's\\.kept:b,a', 'publication.autocreate.mode': 'filtered', 'tombstones.on.delete': 'false', 'extended.headers.enabled': 'false',
      'heartbeat.interval.ms': '1', 'heartbeat.action.query': 'insert into public.also_left values (1)',
    });
    const [read] = await driver.take(1);
    expect(renderRecord(read!)).toMatchObject({ topic: `${database}.s.kept`, key: { payload: { a: 2, b: 'x' } }, value: { payload: { after: { a: 2, b: 'x' } } }, headers: {} });
    await driver.poll();
    await client.query('insert into s.left values (1)');
    await client.query('delete from s.kept');
    const later = await driver.until((records) => records.some((it) => it.topic.endsWith('s.kept')) && records.filter((it) => it.topic.startsWith('__debezium-heartbeat')).length >= 2);
    expect(new Set(later.map((it) => it.topic))).toEqual(new Set([`${database}.s.kept`, `__debezium-heartbeat.${database}`]));
    expect(later.filter((it) => it.topic.endsWith('s.kept')).map((it) => it.value && eventOf(it).op)).toEqual(['d']);
    expect(Number((await client.query<{ n: string }>('select count(*) as n from also_left')).rows[0]!.n)).toBeGreaterThan(0);
  });

  it('shows partitions as their root, and sets replica identities, when told to', async () => {
    const client = await prepare('create table parted (id int primary key) partition by range (id)', 'create table leaf partition of parted for values from (0) to (10)', 'create table whole (id int primary key, v text)', "insert into whole values (1, 'a')");
    const driver = await run({ 'snapshot.mode': 'no_data', 'table.include.list': 'public\\.(parted|whole)', 'publication.autocreate.mode': 'filtered', 'publish.via.partition.root': 'true', 'replica.identity.autoset.values': 'public\\.whole:FULL' });
    await driver.poll();
    await client.query('insert into parted values (5)');
    await client.query("update whole set v = 'b'");
    const records = await driver.take(2);
    expect(records.map((it) => [it.topic, eventOf(it).before, eventOf(it).after])).toEqual([
      [`${database}.public.parted`, null, { id: 5 }],
      [`${database}.public.whole`, { id: 1, v: 'a' }, { id: 1, v: 'b' }],
    ]);
  });

  it('reads once and then rests in mode initial_only, without a slot', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const driver = await run({ 'snapshot.mode': 'initial_only' });
    expect(await driver.take(1)).toHaveLength(1);
    await client.query('insert into t values (2)');
    expect([...(await driver.poll()), ...(await driver.poll())]).toEqual([]);
    expect(await slot(client)).toBeUndefined();
  });

  it('does what the settings of mode configuration_based say, and locks the tables when told to', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t values (1)');
    const mode = { 'snapshot.mode': 'configuration_based', 'snapshot.locking.mode': 'shared', 'snapshot.lock.timeout.ms': '100' };
    const data = { ...mode, 'snapshot.mode.configuration.based.snapshot.data': 'true' };
    const reading = await run(data);
    const [read] = await reading.take(1);
    expect([...(await reading.poll()), ...(await reading.poll())]).toEqual([]);
    expect(await slot(client)).toBeUndefined();
    const both = await run({ ...data, 'snapshot.mode.configuration.based.start.stream': 'true' }, read!.sourceOffset);
    expect((await both.take(1)).map((it) => eventOf(it).op)).toEqual(['r']);
    await both.poll();
    await client.query('insert into t values (2)');
    expect((await both.take(1)).map((it) => eventOf(it).op)).toEqual(['c']);
    const locker = await openClient(server, database);
    clients.push(locker);
    await locker.query('begin; lock table t in access exclusive mode');
    const locked = await run(data);
    await locked.poll();
    expect(locked.retried.map((it) => it.message).join()).toMatch(/lock timeout/);
    await locker.query('commit');
    expect((await locked.take(2)).map((it) => eventOf(it).op)).toEqual(['r', 'r']);
  });

  it('leaves the slot behind when it stops, unless told to drop it', async () => {
    const client = await prepare('create table t (id int primary key)');
    const keeping = await run({ 'snapshot.mode': 'no_data' });
    await keeping.poll();
    await keeping.stop();
    await slotFree(client);
    expect(await slot(client)).toBeDefined();
    const dropping = await run({ 'snapshot.mode': 'no_data', 'slot.drop.on.stop': 'true' });
    await dropping.poll();
    await dropping.stop();
    expect(await slot(client)).toBeUndefined();
  });

  function eventKey(record: SourceRecord): string {
    const { key, value } = renderRecord(record);
    const event = (value as { payload: Event } | null)?.payload;
    return JSON.stringify([key && (key as { payload: unknown }).payload, event && [event.op, event.before, event.after, event.source.lsn]]);
  }
});
