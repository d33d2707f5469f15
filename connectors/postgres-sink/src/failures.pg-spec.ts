import { decimalSchema, Decimal, RetriableError, Schema, type SinkRecord, Struct } from '@millrace/connect-api';
import { type SinkDatabase, SinkServer } from '../test/sink-database.js';
import { DebeziumTable, sinkRecord } from '../test/sink-driver.js';
import { PostgresSinkConnector } from './postgres-sink-connector.js';

let server: SinkServer;
beforeAll(async () => {
  server = await SinkServer.start({ auth: 'scram-sha-256', password: 'hunter2', settings: { deadlock_timeout: '20ms' } });
}, 60_000);
afterEach(() => server.endTest());
afterAll(() => server.stop());

const PASSWORD = { 'connection.password': 'hunter2' };
const int = Schema.of('int32');
const text = Schema.of('string', { optional: true });
const table = new DebeziumTable(['id'], { id: int, name: text });
const row = (id: number, name: string | null = `n${id}`): SinkRecord => table.change('c', { id, name });
const ids = async (database: SinkDatabase): Promise<number[]> => (await database.rows('t', 'id')).map((it) => Number(it[0]));

describe('rows that the database refuses', () => {
  const SET_UP = "CREATE TABLE t (id integer PRIMARY KEY, name varchar(5) NOT NULL CHECK (name <> 'no'))";
  const BAD: Record<number, string | null> = { 3: 'too long', 64: null, 65: 'no', 199: 'x\0y', 200: 'no' };
  const all = Array.from({ length: 250 }, (_, id) => row(id, id in BAD ? BAD[id]! : 'ok'));
  const good = Array.from({ length: 250 }, (_, id) => id).filter((id) => !(id in BAD));

  test.each([250, 5])('are reported, with where they are, and the others land (%i records)', async (count) => {
    const database = await server.database(SET_UP);
    const driver = database.driver(PASSWORD, 'all');
    const records = all.slice(0, count);
    await driver.put(...records);
    expect(await ids(database)).toEqual(good.filter((id) => id < count));
    const bad = records.filter((_, id) => id in BAD);
    expect(driver.errant.map((it) => it.record)).toEqual(bad);
    driver.errant.forEach(({ record, error }) => expect(error.message).toContain(`Record ${record.topic}-${record.partition}@${record.kafkaOffset}: `));
    const states = { 3: 'column name, SQLSTATE 22001', 64: 'column name, SQLSTATE 23502', 65: 'constraint t_name_check, SQLSTATE 23514', 199: 'column name, SQLSTATE 22021', 200: '23514' };
    Object.entries(states).slice(0, bad.length).forEach(([, wanted], i) => expect(driver.errant[i]?.error.message).toContain(wanted));
    // What the failed transaction had made is not counted on; the connection is the same.
    const connections = "SELECT pid FROM pg_stat_activity WHERE application_name = 'millrace-postgres-sink' AND datname = current_database()";
    const before = await database.query(connections);
    await driver.put(...Array.from({ length: count }, (_, id) => row(id, 'later')));
    expect(await database.query("SELECT count(*)::int AS n FROM t WHERE name = 'later'")).toEqual([{ n: count }]);
    expect(await database.query(connections)).toEqual(before);
  });

  test('where errors are not tolerated the put fails with that row, and nothing of it lands', async () => {
    const database = await server.database(SET_UP);
    await expect(database.driver(PASSWORD).put(...all)).rejects.toThrow(/^Record shop\.public\.t-0@\d+: value too long for type character varying\(5\) \(column name, SQLSTATE 22001\)$/);
    expect(await ids(database)).toEqual([]);
  });

  test('a value that is not the column\'s type names the column', async () => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name integer)');
    const driver = database.driver(PASSWORD, 'all');
    await driver.put(...Array.from({ length: 100 }, (_, id) => row(id, id === 50 ? 'many' : '1')));
    expect(driver.errant.map((it) => it.error.message)).toEqual([expect.stringContaining('"many" (column name, SQLSTATE 22P02)')]);
    expect(await ids(database)).toHaveLength(99);
  });

  test('a unique value that moves between rows within one put', async () => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name text UNIQUE)');
    const driver = database.driver(PASSWORD);
    await driver.put(row(1, 'a'), row(2, 'b'));
    await driver.put(row(1, 'spare'), row(2, 'a'), row(1, 'b'));
    expect(await database.rows()).toEqual([['1', 'b'], ['2', 'a']]);
  });

  test.each([4, 300])('a constraint that is deferred to the COMMIT: only the rows at fault are reported (%i others)', async (others) => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name text, parent integer REFERENCES t DEFERRABLE INITIALLY DEFERRED)');
    const tree = new DebeziumTable(['id'], { id: int, name: text, parent: Schema.of('int32', { optional: true }) });
    const node = (id: number, parent: number | null, name = 'x'): SinkRecord => tree.change('c', { id, name, parent });
    const filler = Array.from({ length: others }, (_, i) => node(1000 + i, i === 0 ? null : 1000));
    // 2 refers to 3, which comes later; 5 by 6 to it as well; 4 and 7 to nothing; 8 was bad and is good now.
    const records = [node(2, 3), node(4, 99), ...filler, node(5, 6), node(6, 3), node(3, null), node(7, 98), node(8, 97, 'bad'), node(8, 3, 'good')];
    const driver = database.driver(PASSWORD, 'all');
    await driver.put(...records);
    expect(driver.errant.map((it) => (it.error as Error).message)).toEqual([expect.stringContaining('constraint t_parent_fkey, SQLSTATE 23503'), expect.stringContaining('t_parent_fkey')]);
    expect(driver.errant.map((it) => records.indexOf(it.record))).toEqual([1, records.length - 3]);
    expect(await database.rows('t', 'id, parent, name')).toEqual(
      [['2', '3', 'x'], ['3', null, 'x'], ['5', '6', 'x'], ['6', '3', 'x'], ['8', '3', 'good'], ...filler.map((_, i) => [String(1000 + i), i === 0 ? null : '1000', 'x'])],
    );
    await expect(database.driver(PASSWORD).put(node(20, 2), node(21, 96))).rejects.toMatchObject({ code: 'CONNECT_DATA' });
    expect(await database.rows('t', 'id')).toHaveLength(5 + others);
  });

  test('rows that refer to each other over tables land in the order of the records', async () => {
    const database = await server.database('CREATE TABLE parent (id integer PRIMARY KEY, name text); CREATE TABLE child (id integer PRIMARY KEY REFERENCES parent, name text)');
    const parent = new DebeziumTable(['id'], { id: int, name: text }, 'parent');
    const child = new DebeziumTable(['id'], { id: int, name: text }, 'child');
    const driver = database.driver({ ...PASSWORD, 'collection.name.format': '${topic}' });
    await driver.put(parent.change('c', { id: 1, name: 'x' }));
    await driver.put(child.change('c', { id: 1, name: 'x' }), parent.change('c', { id: 2, name: 'x' }), child.change('c', { id: 2, name: 'x' }), ...Array.from({ length: 50 }, (_, i) => parent.change('c', { id: i + 10, name: 'x' })), child.change('c', { id: 59, name: 'x' }));
    expect(await database.rows('child', 'id')).toEqual([['1'], ['2'], ['59']]);
  });
});

describe('records that cannot be rows', () => {
  test.each([
    ['a value without a schema', sinkRecord({ keySchema: int, key: 1, value: new Map([['id', 1n]]) }), 'no schema'],
    ['a value that is no struct', sinkRecord({ keySchema: int, key: 1, valueSchema: text, value: 'x' }), 'not a struct'],
    ['a record without a key', { ...row(1), keySchema: null, key: null }, 'has no key'],
    ['a key without a schema', { ...row(1), keySchema: null }, 'key has no schema'],
    ['a single key without a name for it', { ...row(1), keySchema: int, key: 1 }, 'primary.key.fields must name'],
    ['a required field that is null', sinkRecord({ keySchema: table.keySchema, key: new Struct(table.keySchema, { id: 1 }), valueSchema: Schema.struct({ id: int, name: Schema.of('string') }), value: new Struct(Schema.struct({ id: int, name: Schema.of('string') }), { id: 1 }) }), 'null for a required'],
    ['text where the schema says number', sinkRecord({ keySchema: table.keySchema, key: new Struct(table.keySchema, { id: 1 }), valueSchema: Schema.struct({ id: int, name: int }), value: new Struct(Schema.struct({ id: int, name: int }), { id: 1, name: 'x' }) }), 'a string for a int32'],
  ])('%s', async (_, record, reason) => {
    const database = await server.database();
    const driver = database.driver(PASSWORD, 'all');
    await driver.put(row(10), record, row(11));
    expect(driver.errant.map((it) => it.record)).toEqual([record]);
    expect(driver.errant[0]?.error).toMatchObject({ code: 'CONNECT_DATA', message: expect.stringContaining(reason) as string });
    expect(await ids(database)).toEqual([10, 11]);
    await expect(database.driver(PASSWORD).put(record)).rejects.toMatchObject({ code: 'CONNECT_DATA' });
  });
});

describe('a server that goes away', () => {
  test('restarts under load: nothing is lost or doubled', async () => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name text); CREATE TABLE audit (id integer)');
    const driver = database.driver({ ...PASSWORD, 'flush.max.retries': '200' });
    let restarted: Promise<void> | undefined;
    for (let i = 0; i < 60; i++) {
      const put = driver.put(...Array.from({ length: i % 3 === 0 ? 5 : 500 }, (_, k) => row(i * 500 + k)));
      if (i === 25) {
        // While that put is under way.
        restarted = server.server.kill().then(() => server.server.restart());
      }
      await put;
    }
    await restarted;
    expect(driver.warnings).toContain('The transaction failed and is tried again');
    const check = await server.client(database.name);
    const { rows } = await check.query<{ n: number; wrong: number }>("SELECT count(*)::int AS n, count(*) FILTER (WHERE name <> 'n' || id)::int AS wrong FROM t");
    expect(rows).toEqual([{ n: 20 * 5 + 40 * 500, wrong: 0 }]);
  }, 60_000);

  test('a connection that is cut is opened again', async () => {
    const database = await server.database();
    const driver = database.driver(PASSWORD);
    await driver.put(row(1));
    await database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace-postgres-sink' AND datname = current_database()");
    await driver.put(row(2));
    await database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace-postgres-sink' AND datname = current_database()");
    await driver.put(...Array.from({ length: 100 }, (_, id) => row(id)));
    expect(await ids(database)).toHaveLength(100);
  });

  test('when it stays away the batch is given back to be tried again', async () => {
    const database = await server.database();
    const driver = database.driver({ ...PASSWORD, 'connection.url': 'jdbc:postgresql://127.0.0.1:1/x', 'flush.max.retries': '1', 'flush.retry.delay.ms': '1' });
    await expect(driver.put(row(1))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE', retryAfterMs: 1 });
  });

  test('two tasks that write the same rows in other orders both come through', async () => {
    const database = await server.database('CREATE TABLE a (id integer PRIMARY KEY, name text); CREATE TABLE b (id integer PRIMARY KEY, name text)');
    const tables = ['a', 'b'].map((topic) => new DebeziumTable(['id'], { id: int, name: text }, topic));
    const records = (first: number, name: string): SinkRecord[] => [0, 1].flatMap((i) => Array.from({ length: 200 }, (_, id) => tables[(first + i) % 2]!.change('c', { id, name })));
    const drivers = [0, 1].map(() => database.driver({ ...PASSWORD, 'collection.name.format': '${topic}', 'flush.max.retries': '20' }));
    for (let i = 0; i < 15; i++) await Promise.all(drivers.map((driver, task) => driver.put(...records(task, `${i} ${task}`))));
    expect([await database.rows('a'), await database.rows('b')].map((it) => it.length)).toEqual([200, 200]);
  }, 60_000);

  test('the task can be stopped while it waits', async () => {
    const database = await server.database();
    const driver = database.driver({ ...PASSWORD, 'connection.url': 'jdbc:postgresql://127.0.0.1:1/x', 'flush.retry.delay.ms': '3600000' });
    const put = expect(driver.put(row(1))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE' });
    await new Promise((resolve) => setImmediate(resolve));
    await driver.stop();
    await put;
  });
});

describe('validate', () => {
  const connector = new PostgresSinkConnector();
  const errors = async (config: Record<string, string>): Promise<Record<string, string[]>> => {
    const values = await connector.validate(config);
    expect(JSON.stringify(values)).not.toMatch(/hunter2|wrong-secret/);
    return Object.fromEntries(values.filter((it) => it.errors.length > 0).map((it) => [it.name, it.errors]));
  };

  test('each fault at its key, and no secret in it', async () => {
    const database = await server.database();
    const config = database.config(PASSWORD);
    expect(await errors(config)).toEqual({});
    expect(await errors({ ...config, 'connection.password': 'wrong-secret' })).toEqual({ 'connection.password': [expect.stringContaining('refused the password of user postgres')] });
    expect(await errors({ ...config, 'connection.username': 'nobody' })).toEqual({ 'connection.password': [expect.stringContaining('nobody')] });
    expect(await errors({ ...config, 'connection.url': `jdbc:postgresql://127.0.0.1:${server.server.port}/missing` })).toEqual({ 'connection.url': [expect.stringContaining('no database missing')] });
    expect(await errors({ ...config, 'connection.url': 'jdbc:postgresql://127.0.0.1:1/x' })).toEqual({ 'connection.url': [expect.stringContaining('Cannot connect to 127.0.0.1:1')] });
    expect(await errors({ ...config, 'use.time.zone': 'Moon/Base' })).toEqual({ 'use.time.zone': [expect.stringContaining('Moon/Base')] });
    expect(Object.keys(await errors({ ...config, 'connection.url': `jdbc:postgresql://127.0.0.1:${server.server.port}/${database.name}?sslmode=require` }))).toEqual(['connection.url']);
  });

  test('several hosts: the first that answers, prefer falls back to no TLS', async () => {
    const database = await server.database();
    const url = `jdbc:postgresql://127.0.0.1:1,127.0.0.1:${server.server.port}/${database.name}?targetServerType=primary`;
    expect(await errors(database.config({ ...PASSWORD, 'connection.url': url }))).toEqual({});
    await database.driver({ ...PASSWORD, 'connection.url': url }).put(row(1));
    expect(await ids(database)).toEqual([1]);
  });

  test('the password may be in the URL', async () => {
    const database = await server.database();
    const { 'connection.username': _, ...config } = database.config();
    expect(await errors({ ...config, 'connection.url': `postgres://postgres:hunter2@127.0.0.1:${server.server.port}/${database.name}` })).toEqual({});
  });
});

test('a value that does not fit its numeric column is at fault by itself', async () => {
  const database = await server.database();
  const priced = new DebeziumTable(['id'], { id: int, price: decimalSchema(2, { precision: 5, optional: true }) });
  const driver = database.driver(PASSWORD, 'all');
  await driver.put(...Array.from({ length: 60 }, (_, id) => priced.change('c', { id, price: Decimal.parse(id === 30 ? '123456.00' : '1.00') })));
  expect(driver.errant.map((it) => it.error.message)).toEqual([expect.stringContaining('column price, SQLSTATE 22003')]);
  expect(await ids(database)).toHaveLength(59);
});

describe('a task whose partitions may be another\u2019s', () => {
  test.each([5, 2000])('rolls back what it was about to commit, and writes it once they are its own (%i records)', async (count) => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name text)');
    const driver = database.driver(PASSWORD);
    await driver.put(row(0));
    const records = Array.from({ length: count }, (_, id) => row(id, 'late'));
    // Lost while the put is under way.
    let asked = 0;
    driver.ownsAssignment = () => asked++ === 0;
    await expect(driver.put(...records)).rejects.toThrow(RetriableError);
    expect(asked).toBe(2);
    expect(await database.rows()).toEqual([['0', 'n0']]);
    // Lost before: not even a transaction.
    driver.ownsAssignment = () => false;
    await expect(driver.put(...records)).rejects.toThrow(RetriableError);
    driver.ownsAssignment = () => true;
    await driver.put(...records);
    expect(await ids(database)).toHaveLength(count);
  });

  test('also when rows are looked at one by one', async () => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name varchar(5))');
    const driver = database.driver(PASSWORD, 'all');
    let asked = 0;
    driver.ownsAssignment = () => asked++ < 2;
    await expect(driver.put(row(1), row(2, 'too long'), row(3))).rejects.toThrow(RetriableError);
    expect(await ids(database)).toEqual([]);
  });
});
