import fc from 'fast-check';
import { Decimal, decimalSchema, Schema, Struct, type SinkRecord, type Value } from '@millrace/connect-api';
import { SinkServer } from '../test/sink-database.js';
import { BytesStruct, DebeziumTable, sinkRecord } from '../test/sink-driver.js';

let server: SinkServer;
beforeAll(async () => {
  server = await SinkServer.start();
}, 60_000);
afterEach(() => server.endTest());
afterAll(() => server.stop());

const int = Schema.of('int32');
const text = Schema.of('string', { optional: true });
const people = new DebeziumTable(['id'], { id: int, name: text, note: text });
const many = (count: number, name: (id: number) => string): SinkRecord[] => Array.from({ length: count }, (_, id) => people.change('c', { id, name: name(id), note: 'n' }));

test.each([3, 300])('upsert, update, delete, tombstone, with %i rows of others beside them', async (count) => {
  const database = await server.database();
  const driver = database.driver();
  await driver.put(...many(count, (id) => `first ${id}`));
  await driver.put(people.change('u', { id: 0, name: 'second', note: null }), ...many(count, (id) => `again ${id}`).slice(1), people.delete({ id: 1, name: 'x', note: null }), people.tombstone({ id: 1 }), people.tombstone({ id: 12345 }));
  const rows = await database.rows();
  expect(rows.slice(0, 2)).toEqual([['0', 'second', null], ['2', 'again 2', 'n']]);
  expect(rows).toHaveLength(count - 1);
});

test('records of bytes are written as records of values', async () => {
  const database = await server.database();
  const row = Schema.struct({ id: Schema.of('int64'), name: text, price: decimalSchema(2, { optional: true }) }, { name: 'x.Value' });
  const key = Schema.struct({ id: Schema.of('int64') }, { name: 'x.Key' });
  const ascii = (value: string): Buffer => Buffer.from(value);
  const lazy = (id: string, name: string, price: string): SinkRecord =>
    sinkRecord({
      keySchema: key, key: new BytesStruct(key, (writer) => writer.integerText(ascii(id), 0, id.length)), valueSchema: row,
      value: new BytesStruct(row, (writer) => {
        writer.integerText(ascii(id), 0, id.length);
        writer.utf8(ascii(name), 0, Buffer.byteLength(name));
        writer.decimalText(ascii(price), 0, price.length);
      }),
    });
  await database.driver().put(lazy('9223372036854775807', 'tab\té\\', '-12.50'), ...Array.from({ length: 50 }, (_, i) => lazy(String(i), 'x', '1.00')));
  await database.driver().put(lazy('7', 'new', '2.00'));
  const rows = await database.rows();
  expect(rows).toHaveLength(51);
  expect([rows[7], rows[50]]).toEqual([['7', 'new', '2.00'], ['9223372036854775807', 'tab\té\\', '-12.50']]);
});

describe('where the key comes from', () => {
  const valueSchema = Schema.struct({ a: int, b: text }, { name: 'flat' });
  const flat = (a: number, b: string | null, more: Partial<Parameters<typeof sinkRecord>[0]> = {}): SinkRecord => sinkRecord({ topic: 'flat', valueSchema, value: new Struct(valueSchema, { a, b }), ...more });

  test('nowhere: rows are added', async () => {
    const database = await server.database();
    const driver = database.driver({ 'insert.mode': 'insert', 'primary.key.mode': 'none', 'delete.enabled': 'false' });
    await driver.put(flat(1, 'x'), flat(1, 'x'));
    await driver.put(...Array.from({ length: 100 }, () => flat(1, 'x')), sinkRecord({ topic: 'flat' }));
    expect(await database.query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 102 }]);
  });

  test('a field of the value', async () => {
    const database = await server.database();
    const driver = database.driver({ 'primary.key.mode': 'record_value', 'primary.key.fields': 'b', 'collection.name.format': '${topic}' });
    await driver.put(flat(1, 'x'), flat(2, 'y'), flat(3, 'x'));
    expect(await database.rows('flat')).toEqual([['x', '3'], ['y', '2']]);
    const table = new DebeziumTable(['id'], { id: int, name: text }, 'flat2');
    const by = database.driver({ 'primary.key.mode': 'record_value', 'primary.key.fields': 'id', 'collection.name.format': '${topic}' });
    await by.put(table.change('c', { id: 1, name: 'a' }), table.change('c', { id: 2, name: 'b' }), table.delete({ id: 1, name: 'a' }), table.tombstone({ id: 2 }));
    expect(await database.rows('flat2')).toEqual([['2', 'b']]);
  });

  test('a key that is one value, the empty text included', async () => {
    const database = await server.database();
    const driver = database.driver({ 'primary.key.fields': 'k' });
    const keyed = (key: string | null, a: number): SinkRecord => flat(a, 'x', { keySchema: Schema.of('string'), key });
    await driver.put(keyed('one', 1), keyed('', 2), keyed('one', 3), sinkRecord({ topic: 'flat', keySchema: Schema.of('string'), key: '' }), keyed('', 4));
    expect(await database.rows()).toEqual([['', '4', 'x'], ['one', '3', 'x']]);
    await expect(driver.put(keyed(null, 1))).rejects.toThrow('has no key');
  });

  test('headers', async () => {
    const database = await server.database();
    const driver = database.driver({ 'primary.key.mode': 'record_header', 'primary.key.fields': 'h' });
    const headed = (h: number, a: number): SinkRecord => flat(a, 'x', { headers: [{ key: 'other', schema: null, value: null }, { key: 'h', schema: int, value: h }] });
    await driver.put(headed(1, 1), headed(2, 2), headed(1, 3));
    expect(await database.rows()).toEqual([['1', '3', 'x'], ['2', '2', 'x']]);
    await expect(driver.put(flat(1, 'x'))).rejects.toThrow('no header h');
  });

  test('topic, partition and offset', async () => {
    const database = await server.database();
    const driver = database.driver({ 'primary.key.mode': 'kafka', 'delete.enabled': 'false' });
    const records = [flat(1, 'x', { partition: 3, offset: 7 }), flat(2, 'y', { partition: 3, offset: 8 })];
    await driver.put(...records);
    await driver.put(...records);
    expect(await database.rows('t', '__connect_offset, __connect_topic, __connect_partition, a, b')).toEqual([['7', 'flat', '3', '1', 'x'], ['8', 'flat', '3', '2', 'y']]);
  });

  test('some fields of the key', async () => {
    const database = await server.database();
    const wide = new DebeziumTable(['id', 'version'], { id: int, version: int, name: text });
    const driver = database.driver({ 'primary.key.fields': 'id' });
    await driver.put(wide.change('c', { id: 1, version: 1, name: 'a' }), wide.change('c', { id: 1, version: 2, name: 'b' }));
    expect(await database.rows()).toEqual([['1', '2', 'b']]);
  });
});

test.each([2, 100])('update changes what is there and adds nothing (%i rows)', async (count) => {
  const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name text, note text); INSERT INTO t SELECT i, \'old\', \'old\' FROM generate_series(0, 1000, 2) i');
  const driver = database.driver({ 'insert.mode': 'update' });
  await driver.put(...many(count, () => 'new'));
  expect(await database.query("SELECT count(*)::int AS n, count(*) FILTER (WHERE name = 'new')::int AS changed FROM t")).toEqual([{ n: 501, changed: count / 2 }]);
  await driver.put(people.delete({ id: 0 }), people.change('u', { id: 0, name: 'back', note: null }));
  expect(await database.query('SELECT count(*)::int AS n FROM t WHERE id = 0')).toEqual([{ n: 0 }]);
});

test('insert with a key: a deletion makes room, a second insert of the key is an error', async () => {
  const database = await server.database();
  const driver = database.driver({ 'insert.mode': 'insert' }, 'all');
  await driver.put(people.change('c', { id: 1, name: 'a', note: null }), people.delete({ id: 1 }), people.change('c', { id: 1, name: 'b', note: null }));
  await driver.put(people.delete({ id: 1 }), people.change('c', { id: 1, name: 'c', note: null }), people.change('c', { id: 1, name: 'd', note: null }), people.change('c', { id: 2, name: 'e', note: null }));
  expect(await database.rows()).toEqual([['1', 'c', null], ['2', 'e', null]]);
  expect(driver.errant.map((it) => it.error.message)).toEqual([expect.stringContaining('23505')]);
});

test('truncate empties the table; what came before it in the put is gone, what comes after stays', async () => {
  const database = await server.database();
  const driver = database.driver();
  await driver.put(...many(100, () => 'x'));
  await driver.put(people.change('c', { id: 500, name: 'before', note: null }), people.truncate(), people.change('c', { id: 501, name: 'after', note: null }));
  expect(await database.rows()).toEqual([['501', 'after', null]]);
  const off = database.driver({ 'truncate.enabled': 'false', 'delete.enabled': 'false' });
  await off.put(people.truncate(), people.delete({ id: 501 }), people.tombstone({ id: 501 }));
  expect(await database.rows()).toEqual([['501', 'after', null]]);
});

describe('a value that the source did not send (unchanged TOAST)', () => {
  const GONE = '__debezium_unavailable_value';
  const wide = new DebeziumTable(['id'], { id: int, name: text, big: Schema.of('string'), blob: Schema.of('bytes', { optional: true }), list: Schema.array(text, { optional: true }) });
  const row = (id: number, name: string, big: string, blob: string, list: string): Record<string, Value> => ({ id, name, big, blob: Buffer.from(blob), list: [list] });

  test.each([1, 60])('is left as it is (%i rows)', async (count) => {
    const database = await server.database();
    const driver = database.driver();
    await driver.put(...Array.from({ length: count }, (_, id) => wide.change('c', row(id, 'a', 'big', 'blob', 'item'))));
    await driver.put(...Array.from({ length: count }, (_, id) => wide.change('u', row(id, 'b', GONE, GONE, GONE))));
    expect(await database.rows('t', 'id, name, big, encode(blob, \'escape\'), list')).toEqual(Array.from({ length: count }, (_, id) => [String(id), 'b', 'big', 'blob', '{item}']));
  });

  test('is taken from earlier changes in the same put', async () => {
    const database = await server.database();
    const driver = database.driver();
    await driver.put(wide.change('c', row(1, 'a', 'big', 'blob', 'x')), wide.change('u', row(1, 'b', GONE, 'blob2', GONE)), wide.change('u', row(1, 'c', 'big3', GONE, GONE)), wide.delete({ id: 2 }), wide.change('c', row(2, 'z', 'big', GONE, 'y')));
    expect(await database.rows('t', 'id, name, big, encode(blob, \'escape\'), list')).toEqual([['1', 'c', 'big3', 'blob2', '{x}'], ['2', 'z', 'big', null, '{y}']]);
  });
});

describe('tables that change', () => {
  test('a new field is a new column; a field that is gone leaves its column', async () => {
    const database = await server.database();
    const driver = database.driver();
    const wider = new DebeziumTable(['id'], { id: int, name: text, added: Schema.of('int64', { optional: true }), 'Odd "name"': text });
    await driver.put(people.change('c', { id: 1, name: 'a', note: 'kept' }), wider.change('u', { id: 1, name: 'b', added: 5n, 'Odd "name"': 'odd' }), people.change('u', { id: 1, name: 'c', note: 'changed' }));
    expect(await database.types()).toEqual({ id: 'integer', name: 'text', note: 'text', added: 'bigint', 'odd "name"': 'text' });
    expect(await database.rows()).toEqual([['1', 'c', 'changed', '5', 'odd']]);
  });

  test('with quote.identifiers names keep their case, in a schema too', async () => {
    const database = await server.database('CREATE SCHEMA "Sales"');
    const table = new DebeziumTable(['Id'], { Id: int, 'a"b': text, 'A"B': text });
    await database.driver({ 'quote.identifiers': 'true', 'collection.name.format': 'Sales.My "T"' }).put(table.change('c', { Id: 1, 'a"b': 'x', 'A"B': 'y' }));
    expect(await database.types('"Sales"."My ""T"""')).toEqual({ Id: 'integer', 'a"b': 'text', 'A"B': 'text' });
    expect(await database.rows('"Sales"."My ""T"""')).toEqual([['1', 'x', 'y']]);
    await expect(database.driver().put(table.change('c', { Id: 1, 'a"b': 'x', 'A"B': 'y' }))).rejects.toThrow('have the same column');
  });

  test('a column that is too narrow for a later schema is widened, for another task too', async () => {
    const varchar = (length: number): Schema => Schema.of('string', { optional: true, parameters: { '__debezium.source.column.type': 'VARCHAR', '__debezium.source.column.length': String(length) } });
    const price = (precision: number, scale: number): Schema => decimalSchema(scale, { precision, optional: true });
    const narrow = new DebeziumTable(['id'], { id: int, n: Schema.of('int16', { optional: true }), f: Schema.of('float', { optional: true }), price: price(4, 1), code: varchar(3) });
    const wide = new DebeziumTable(['id'], { id: Schema.of('int64'), n: Schema.of('int32', { optional: true }), f: Schema.of('double', { optional: true }), price: price(5, 3), code: varchar(6) });
    const database = await server.database();
    const [driver, other] = [database.driver(), database.driver()];
    await Promise.all([driver, other].map((it, i) => it.put(narrow.change('c', { id: i, n: 1, f: 0.5, price: Decimal.parse('123.4'), code: 'abc' }))));
    expect(await database.types()).toEqual({ id: 'integer', n: 'smallint', f: 'real', price: 'numeric(4,1)', code: 'character varying(3)' });
    const row = (id: bigint): SinkRecord => wide.change('c', { id, n: 2147483647, f: 1e300, price: Decimal.parse('12.345'), code: 'abcdef' });
    await driver.put(row(9007199254740993n), narrow.change('c', { id: 2, n: 2, f: 0.5, price: Decimal.parse('999.9'), code: 'x' }));
    expect(await database.types()).toEqual({ id: 'bigint', n: 'integer', f: 'double precision', price: 'numeric(6,3)', code: 'character varying(6)' });
    // Its statements were prepared for the narrow columns, and its table is what it was.
    await other.put(row(5n));
    await other.put(narrow.change('u', { id: 0, n: 3, f: 0.5, price: Decimal.parse('1.0'), code: 'y' }), ...Array.from({ length: 50 }, (_, i) => row(BigInt(100 + i))));
    expect((await database.rows()).slice(0, 4)).toEqual([['0', '3', '0.5', '1.000', 'y'], ['1', '1', '0.5', '123.400', 'abc'], ['2', '2', '0.5', '999.900', 'x'], ['5', '2147483647', '1e+300', '12.345', 'abcdef']]);
    expect((await database.rows()).at(-1)?.[0]).toBe('9007199254740993');
  });

  test('a column that a view needs stays as it is, and takes what fits', async () => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, n smallint); CREATE VIEW v AS SELECT n FROM t');
    const table = new DebeziumTable(['id'], { id: int, n: int });
    const driver = database.driver({}, 'all');
    await driver.put(table.change('c', { id: 1, n: 5 }), table.change('c', { id: 2, n: 70000 }));
    expect(await database.rows()).toEqual([['1', '5']]);
    expect(driver.errant.map((it) => it.error.message)).toEqual([expect.stringContaining('22003')]);
    expect(driver.warnings).toEqual(['A column cannot be made wider: it takes what fits']);
  });

  test('without evolution no column is widened', async () => {
    const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, n smallint)');
    const table = new DebeziumTable(['id'], { id: int, n: int });
    for (const evolution of ['none', 'validate-only']) await database.driver({ 'schema.evolution': evolution }).put(table.change('c', { id: 1, n: 5 }));
    expect(await database.types()).toEqual({ id: 'integer', n: 'smallint' });
    await expect(database.driver({ 'schema.evolution': 'validate-only', 'collection.name.format': 'x' }).put(table.change('c', { id: 1, n: 5 }))).rejects.toThrow('does not exist');
  });

  test('topics.to.tables.mapping goes before the format', async () => {
    const database = await server.database('CREATE SCHEMA s');
    const orders = new DebeziumTable(['id'], { id: int }, 'shop.public.orders');
    await database.driver({ 'topics.to.tables.mapping': 'shop.public.orders:s.placed, b:c' }).put(orders.change('c', { id: 1 }), people.change('c', { id: 2, name: 'a', note: null }));
    expect([await database.rows('s.placed'), await database.rows('t', 'id')]).toEqual([[['1']], [['2']]]);
  });

  test('a table that was dropped is made again; a column that was dropped, too', async () => {
    const database = await server.database();
    const driver = database.driver();
    await driver.put(people.change('c', { id: 1, name: 'a', note: 'x' }));
    await database.query('DROP TABLE t');
    await driver.put(people.change('c', { id: 2, name: 'b', note: 'y' }));
    await database.query('ALTER TABLE t DROP COLUMN note');
    await driver.put(...many(100, () => 'x'));
    await database.query('ALTER TABLE t ALTER COLUMN name TYPE varchar(20)');
    await driver.put(...many(100, () => 'y'));
    expect((await database.rows())[2]).toEqual(['2', 'y', 'n']);
  });

  test('without evolution a missing table or column is an error that names it', async () => {
    const database = await server.database();
    await expect(database.driver({ 'schema.evolution': 'none' }).put(people.change('c', { id: 1, name: 'a', note: null }))).rejects.toThrow('The table "t" does not exist');
    await database.query('CREATE TABLE t (id integer PRIMARY KEY, name text)');
    await expect(database.driver({ 'schema.evolution': 'none' }).put(people.change('c', { id: 1, name: 'a', note: null }))).rejects.toThrow('has no column note');
    await database.driver({ 'schema.evolution': 'none', 'field.exclude.list': 'note' }).put(people.change('c', { id: 1, name: 'a', note: null }));
    await database.query('ALTER TABLE t DROP CONSTRAINT t_pkey');
    await expect(database.driver({ 'field.exclude.list': 'note' }).put(people.change('c', { id: 1, name: 'a', note: null }))).rejects.toThrow('no primary key or unique index on (id)');
  });

  test('two tasks that make the same table at once', async () => {
    const database = await server.database();
    const tasks = Array.from({ length: 4 }, () => database.driver());
    await Promise.all(tasks.map((task, i) => task.put(people.change('c', { id: i, name: 'a', note: null }))));
    expect(await database.rows()).toHaveLength(4);
  });
});

test('tables by topic and by source, and what is no row is passed over', async () => {
  const database = await server.database('CREATE SCHEMA public2');
  const orders = new DebeziumTable(['id'], { id: int }, 'shop.public.orders');
  await database.driver({ 'collection.name.format': '${topic}' }).put(orders.change('c', { id: 1 }), people.change('c', { id: 1, name: 'a', note: null }));
  await database.driver({ 'collection.name.format': '${source.schema}2.${source.table}_x' }).put(orders.change('c', { id: 1 }), people.change('c', { id: 2, name: 'a', note: null }), orders.change('c', { id: 3 }));
  expect([await database.rows('shop_public_orders'), await database.rows('shop_public_t', 'id'), await database.rows('public2.orders_x'), await database.rows('public2.t_x', 'id')]).toEqual([[['1']], [['1']], [['1'], ['3']], [['2']]]);
  const change = Schema.struct({ ddl: text }, { name: 'io.debezium.connector.mysql.SchemaChangeValue' });
  const message = Schema.struct({ op: Schema.of('string'), message: Schema.struct({ prefix: text }, { optional: true }) }, { name: 'io.debezium.connector.postgresql.MessageValue.Envelope' });
  const driver = database.driver({ 'collection.name.format': 'none' });
  await driver.put(sinkRecord({ valueSchema: change, value: new Struct(change, { ddl: 'x' }) }), sinkRecord({ valueSchema: message, value: new Struct(message, { op: 'm' }) }), people.tombstone({ id: 1 }));
  expect(await database.query("SELECT to_regclass('none') AS found")).toEqual([{ found: null }]);
});

/** What a put must leave: each operation applied by itself. */
interface Operation {
  readonly kind: 'write' | 'partial' | 'delete' | 'truncate' | 'tombstone' | 'narrow';
  readonly id: number;
  readonly name: string;
}

function applied(state: Map<number, [string | null, string | null]>, { kind, id, name }: Operation): void {
  if (kind === 'truncate') state.clear();
  else if (kind === 'delete' || kind === 'tombstone') state.delete(id);
  else if (kind === 'write') state.set(id, [name, name]);
  else if (kind === 'partial') state.set(id, [name, state.get(id)?.[1] ?? null]);
  else state.set(id, [state.get(id)?.[0] ?? null, name]);
}

const narrow = new DebeziumTable(['id'], { id: int, note: text });

function operationRecord({ kind, id, name }: Operation): SinkRecord {
  if (kind === 'write') return people.change('u', { id, name, note: name });
  if (kind === 'partial') return people.change('u', { id, name, note: '__debezium_unavailable_value' });
  if (kind === 'narrow') return narrow.change('u', { id, note: name });
  return kind === 'truncate' ? people.truncate() : kind === 'delete' ? people.delete({ id }) : people.tombstone({ id });
}

// Puts of one row, of more than prepared statements take, and of several parts of a pipeline.
test.each([
  { most: 120, puts: 4, runs: 50 },
  { most: 1800, puts: 2, runs: 8 },
])('any mix of up to $most operations a put leaves what they leave one by one', async ({ most, puts, runs }) => {
  const kinds = fc.constantFrom<Operation['kind']>('write', 'write', 'write', 'partial', 'partial', 'narrow', 'delete', 'delete', 'tombstone');
  const operation = fc.record({
    kind: fc.oneof({ weight: most, arbitrary: kinds }, { weight: 2, arbitrary: fc.constant<Operation['kind']>('truncate') }), id: fc.integer({ min: 0, max: most / 4 }), name: fc.string({ maxLength: 3 }).filter((it) => !it.includes('\0')),
  });
  const database = await server.database('CREATE TABLE t (id integer PRIMARY KEY, name text, note text)');
  const driver = database.driver();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(operation, { minLength: most > 1000 ? 1000 : 1, maxLength: most, size: 'max' }), { minLength: 1, maxLength: puts }), async (all) => {
      await database.query('TRUNCATE t');
      const state = new Map<number, [string | null, string | null]>();
      for (const put of all) {
        put.forEach((it) => applied(state, it));
        await driver.put(...put.map(operationRecord));
        expect(await database.rows()).toEqual([...state].sort(([a], [b]) => a - b).map(([id, [name, note]]) => [String(id), name, note]));
      }
    }),
    { numRuns: runs, endOnFailure: most > 1000 },
  );
  // No batch was refused and then written in the slow way, which would have come to the same.
  expect(driver.details).toEqual([]);
}, 120_000);

test('a decimal key in two notations is the same row', async () => {
  const database = await server.database();
  const priced = new DebeziumTable(['id'], { id: Schema.struct({ scale: int, value: Schema.of('bytes') }, { name: 'io.debezium.data.VariableScaleDecimal' }), name: text });
  const id = (value: string): Struct => new Struct(Schema.struct({ scale: int, value: Schema.of('bytes') }, { name: 'io.debezium.data.VariableScaleDecimal' }), { scale: Decimal.parse(value).scale, value: Decimal.parse(value).toBytes() });
  await database.driver().put(...Array.from({ length: 40 }, (_, i) => priced.change('c', { id: id(`${i}.0`), name: 'a' })), priced.change('u', { id: id('1.00'), name: 'b' }));
  expect((await database.rows('t', 'id::integer, name')).slice(0, 2)).toEqual([['0', 'a'], ['1', 'b']]);
});
