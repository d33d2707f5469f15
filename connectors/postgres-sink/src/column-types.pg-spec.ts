import { DATE_NAME, Decimal, decimalSchema, Schema, type SchemaOptions, Struct, TIME_NAME, TIMESTAMP_NAME, type Value } from '@millrace/connect-api';
import { type SinkDatabase, SinkServer } from '../test/sink-database.js';
import { DebeziumTable } from '../test/sink-driver.js';

let server: SinkServer;
beforeAll(async () => {
  server = await SinkServer.start();
}, 60_000);
afterEach(() => server.endTest());
afterAll(() => server.stop());

const optional = { optional: true } as const;
const named = (type: 'int32' | 'int64' | 'string' | 'bytes', name: string, more: SchemaOptions = {}): Schema => Schema.of(type, { ...optional, name, ...more });
const source = (type: string, length?: number): SchemaOptions => ({ parameters: { '__debezium.source.column.type': type, ...(length === undefined ? {} : { '__debezium.source.column.length': String(length) }) } });
const text = (more: SchemaOptions = {}): Schema => Schema.of('string', { ...optional, ...more });

const VARIABLE = Schema.struct({ scale: Schema.of('int32'), value: Schema.of('bytes') }, { ...optional, name: 'io.debezium.data.VariableScaleDecimal' });
const variable = (decimal: string): Struct => {
  const it = Decimal.parse(decimal);
  return new Struct(VARIABLE, { scale: it.scale, value: it.toBytes() });
};
const POINT = Schema.struct({ x: Schema.of('double'), y: Schema.of('double'), wkb: Schema.of('bytes', optional), srid: Schema.of('int32', optional) }, { ...optional, name: 'io.debezium.data.geometry.Point' });
const CENTER = Schema.struct({ x: Schema.of('double'), y: Schema.of('double') }, { name: 'io.debezium.data.geometry.Point' });
const CIRCLE = Schema.struct({ center: CENTER, radius: Schema.of('double') }, { ...optional, name: 'io.debezium.data.geometry.Circle' });
const LINE = Schema.struct({ a: Schema.of('double'), b: Schema.of('double'), c: Schema.of('double') }, { ...optional, name: 'io.debezium.data.geometry.Line' });
const geometry = (native?: string): Schema =>
  Schema.struct({ wkb: Schema.of('bytes'), srid: Schema.of('int32', optional), extensions: Schema.map(Schema.of('string'), Schema.of('string', optional), optional) }, { ...optional, name: 'io.debezium.data.geometry.Geometry', ...(native === undefined ? {} : source(native)) });

function lineString(points: readonly (readonly [number, number])[], polygon = false): Uint8Array {
  const body = Buffer.alloc(4 + points.length * 16);
  body.writeUInt32LE(points.length, 0);
  points.forEach(([x, y], i) => {
    body.writeDoubleLE(x, 4 + i * 16);
    body.writeDoubleLE(y, 12 + i * 16);
  });
  return Buffer.concat([Buffer.from(polygon ? '010300000001000000' : '0102000000', 'hex'), body]);
}
const shape = (native: string, wkb: Uint8Array, closed?: boolean): Struct => new Struct(geometry(native), { wkb, ...(closed === undefined ? {} : { extensions: new Map<Value, Value>([['closed', String(closed)]]) }) });

interface Case {
  readonly label: string;
  readonly schema: Schema;
  /** The column that is made. */
  readonly type: string;
  /** Values and what PostgreSQL shows of them. */
  readonly values: readonly (readonly [Value, string])[];
}

const HUGE = '123456789012345678901234567890.123456789';
const CASES: readonly Case[] = [
  { label: 'boolean', schema: Schema.of('boolean', optional), type: 'boolean', values: [[true, 'true'], [false, 'false']] },
  { label: 'int8', schema: Schema.of('int8', optional), type: 'smallint', values: [[-128, '-128']] },
  { label: 'smallint', schema: Schema.of('int16', optional), type: 'smallint', values: [[32767, '32767']] },
  { label: 'integer', schema: Schema.of('int32', optional), type: 'integer', values: [[-2147483648, '-2147483648']] },
  { label: 'bigint', schema: Schema.of('int64', optional), type: 'bigint', values: [[9223372036854775807n, '9223372036854775807'], [-9223372036854775808n, '-9223372036854775808']] },
  { label: 'oid, as the source tells it', schema: Schema.of('int64', { ...optional, ...source('OID') }), type: 'oid', values: [[4294967295n, '4294967295']] },
  { label: 'real', schema: Schema.of('float', optional), type: 'real', values: [[1.5, '1.5'], [NaN, 'NaN'], [-Infinity, '-Infinity']] },
  { label: 'double', schema: Schema.of('double', optional), type: 'double precision', values: [[1e300, '1e+300'], [-0, '-0'], [0.1, '0.1'], [Infinity, 'Infinity']] },
  { label: 'text', schema: text(), type: 'text', values: [['', ''], ['\\N', '\\N'], ['a\tb\nc\rd\\e"f', 'a\tb\nc\rd\\e"f'], ['žluťoučký 🐎', 'žluťoučký 🐎'], ['\u0001\b\f\v', '\u0001\b\f\v']] },
  { label: 'varchar, as the source tells it', schema: text(source('VARCHAR', 10)), type: 'character varying(10)', values: [['ten chars.', 'ten chars.']] },
  { label: 'char, as the source tells it', schema: text(source('BPCHAR', 4)), type: 'character(4)', values: [['ab', 'ab']] },
  { label: 'numeric(12,2)', schema: decimalSchema(2, { ...optional, precision: 12 }), type: 'numeric(12,2)', values: [[Decimal.parse('-1234567890.12'), '-1234567890.12'], [Decimal.parse('0.00'), '0.00'], [Decimal.parse('-0.05'), '-0.05']] },
  { label: 'numeric(40,10)', schema: decimalSchema(10, { ...optional, precision: 40 }), type: 'numeric(40,10)', values: [[Decimal.parse('123456789012345678901234567890.0123456789'), '123456789012345678901234567890.0123456789']] },
  { label: 'money', schema: decimalSchema(2, optional), type: 'numeric(38,2)', values: [[Decimal.parse('92233720368547758.07'), '92233720368547758.07']] },
  { label: 'numeric', schema: VARIABLE, type: 'numeric', values: [[variable(HUGE), HUGE], [variable('-0.1'), '-0.1'], [variable('0'), '0'], [variable('1e3'), '1000']] },
  { label: 'date', schema: named('int32', 'io.debezium.time.Date'), type: 'date', values: [[0, '1970-01-01'], [20_778, '2026-11-21'], [-719_529, '0002-12-31 BC'], [-719_528, '0001-01-01 BC'], [11_016, '2000-02-29'], [2_145_042_905, '5874897-12-31'], [2_147_483_647, 'infinity'], [-2_147_483_648, '-infinity'], [-2_147_472_692, 'infinity'], [-2_147_472_691, '-infinity']] },
  { label: 'time(3)', schema: named('int32', 'io.debezium.time.Time'), type: 'time(6) without time zone', values: [[86_400_000, '24:00:00'], [45_296_789, '12:34:56.789'], [0, '00:00:00']] },
  { label: 'time', schema: named('int64', 'io.debezium.time.MicroTime'), type: 'time(6) without time zone', values: [[86_399_999_999n, '23:59:59.999999'], [86_400_000_000n, '24:00:00']] },
  { label: 'timestamp(3)', schema: named('int64', 'io.debezium.time.Timestamp'), type: 'timestamp(6) without time zone', values: [[1_700_000_000_123n, '2023-11-14 22:13:20.123'], [-1n, '1969-12-31 23:59:59.999'], [9_223_372_036_825_200n, 'infinity'], [-9_223_372_036_832_400n, '-infinity']] },
  { label: 'timestamp(3), as the source tells it', schema: named('int64', 'io.debezium.time.Timestamp', source('TIMESTAMP', 3)), type: 'timestamp(3) without time zone', values: [[1_700_000_000_123n, '2023-11-14 22:13:20.123']] },
  { label: 'timestamp', schema: named('int64', 'io.debezium.time.MicroTimestamp'), type: 'timestamp(6) without time zone', values: [[1_700_000_000_123_456n, '2023-11-14 22:13:20.123456'], [-62_135_596_800_000_001n, '0001-12-31 23:59:59.999999 BC'], [253_402_300_800_000_000n, '10000-01-01 00:00:00'], [9_223_372_036_825_200_000n, 'infinity'], [-9_223_372_036_832_400_000n, '-infinity']] },
  { label: 'nanoseconds', schema: named('int64', 'io.debezium.time.NanoTimestamp'), type: 'timestamp(6) without time zone', values: [[1_700_000_000_123_456_000n, '2023-11-14 22:13:20.123456'], [-1_000n, '1969-12-31 23:59:59.999999']] },
  { label: 'timestamptz', schema: named('string', 'io.debezium.time.ZonedTimestamp'), type: 'timestamp(6) with time zone', values: [['2023-11-14T22:13:20.123456Z', '2023-11-14 22:13:20.123456+00'], ['2023-11-14T22:13:20+02:00', '2023-11-14 20:13:20+00'], ['infinity', 'infinity'], ['-infinity', '-infinity'], ['+12345-01-02T00:00:00Z', '12345-01-02 00:00:00+00'], ['-0043-03-15T12:00:00Z', '0044-03-15 12:00:00+00 BC'], ['+294247-01-10T04:00:25.200000Z', 'infinity']] },
  { label: 'timetz', schema: named('string', 'io.debezium.time.ZonedTime'), type: 'time(6) with time zone', values: [['12:34:56.789Z', '12:34:56.789+00'], ['24:00:00Z', '24:00:00+00']] },
  { label: 'interval', schema: named('int64', 'io.debezium.time.MicroDuration'), type: 'interval', values: [[1_000_001n, '00:00:01.000001'], [-90_000_000n, '-00:01:30'], [2_629_800_000_000n, '730:30:00']] },
  { label: 'interval as text', schema: named('string', 'io.debezium.time.Interval'), type: 'interval', values: [['P1Y2M3DT4H5M6.789S', '1 year 2 mons 3 days 04:05:06.789'], ['P0Y-1M0DT0H0M0S', '-1 mons']] },
  { label: 'Connect date', schema: named('int32', DATE_NAME), type: 'date', values: [[new Date('2026-11-21T00:00:00Z'), '2026-11-21']] },
  { label: 'Connect time', schema: named('int32', TIME_NAME), type: 'time(6) without time zone', values: [[new Date(45_296_789), '12:34:56.789']] },
  { label: 'Connect timestamp', schema: named('int64', TIMESTAMP_NAME), type: 'timestamp(6) without time zone', values: [[new Date('2026-11-21T01:02:03.004Z'), '2026-11-21 01:02:03.004']] },
  { label: 'bytea', schema: Schema.of('bytes', optional), type: 'bytea', values: [[Uint8Array.of(), '\\x'], [Uint8Array.of(0, 1, 0x5c, 0x0a, 0xff), '\\x00015c0aff']] },
  { label: 'bit(10)', schema: named('bytes', 'io.debezium.data.Bits', { parameters: { length: '10' } }), type: 'bit(10)', values: [[Uint8Array.of(0b00000101, 0b10), '1000000101']] },
  { label: 'varbit', schema: named('bytes', 'io.debezium.data.Bits', { parameters: { length: '2147483647' } }), type: 'bit varying', values: [[Uint8Array.of(0b00000101), '101']] },
  { label: 'json', schema: named('string', 'io.debezium.data.Json'), type: 'json', values: [['{"a": [1, "x\\n"]}', '{"a": [1, "x\\n"]}']] },
  { label: 'jsonb, as the source tells it', schema: named('string', 'io.debezium.data.Json', source('JSONB')), type: 'jsonb', values: [['{"b":1,"a":2}', '{"a": 2, "b": 1}']] },
  { label: 'hstore as JSON', schema: named('string', 'io.debezium.data.Json', source('HSTORE')), type: 'hstore', values: [['{"k \\"q\\"":"v\\\\", "n":null}', '"n"=>NULL, "k \\"q\\""=>"v\\\\"']] },
  { label: 'hstore as a map', schema: Schema.map(Schema.of('string'), Schema.of('string', optional), optional), type: 'hstore', values: [[new Map<Value, Value>([['a', 'x,y'], ['b', null]]), '"a"=>"x,y", "b"=>NULL']] },
  { label: 'map of numbers', schema: Schema.map(Schema.of('string'), Schema.of('int32'), optional), type: 'json', values: [[new Map<Value, Value>([['a', 1], ['b"', 2]]), '{"a":1,"b\\"":2}']] },
  { label: 'uuid', schema: named('string', 'io.debezium.data.Uuid'), type: 'uuid', values: [['6f9619ff-8b86-d011-b42d-00c04fc964ff', '6f9619ff-8b86-d011-b42d-00c04fc964ff']] },
  { label: 'enum', schema: named('string', 'io.debezium.data.Enum', { parameters: { allowed: 'a,b' } }), type: 'text', values: [['b', 'b']] },
  { label: 'xml', schema: named('string', 'io.debezium.data.Xml'), type: 'xml', values: [['<a>&amp;</a>', '<a>&amp;</a>']] },
  { label: 'ltree', schema: named('string', 'io.debezium.data.Ltree'), type: 'ltree', values: [['Top.Science', 'Top.Science']] },
  { label: 'tsvector', schema: named('string', 'io.debezium.data.Tsvector'), type: 'tsvector', values: [["'fat':2 'rat':3", "'fat':2 'rat':3"]] },
  { label: 'inet without its type', schema: text(), type: 'text', values: [['10.0.0.1/8', '10.0.0.1/8']] },
  ...(['inet', 'cidr', 'macaddr', 'macaddr8', 'int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange', 'citext'] as const).map((type): Case => {
    const sample: Record<typeof type, string> = {
      inet: '10.0.0.1/8', cidr: '10.0.0.0/8', macaddr: '08:00:2b:01:02:03', macaddr8: '08:00:2b:01:02:03:04:05', int4range: '[1,5)', int8range: '[1,)', numrange: '(1.5,2.5]',
      tsrange: '["2020-01-01 00:00:00","2021-01-01 00:00:00")', tstzrange: '["2020-01-01 00:00:00+00",infinity)', daterange: '[2020-01-01,2020-02-01)', citext: 'MiXed',
    };
    return { label: `${type}, as the source tells it`, schema: text(source(type.toUpperCase())), type, values: [[sample[type], sample[type]]] };
  }),
  { label: 'point', schema: POINT, type: 'point', values: [[new Struct(POINT, { x: 1.5, y: -2 }), '(1.5,-2)']] },
  { label: 'circle', schema: CIRCLE, type: 'circle', values: [[new Struct(CIRCLE, { center: new Struct(CENTER, { x: 1, y: 2 }), radius: 3.5 }), '<(1,2),3.5>']] },
  { label: 'line', schema: LINE, type: 'line', values: [[new Struct(LINE, { a: 1, b: -1, c: 0.5 }), '{1,-1,0.5}']] },
  { label: 'box', schema: geometry('BOX'), type: 'box', values: [[shape('BOX', lineString([[0, 0], [0, 1], [2, 1], [2, 0], [0, 0]], true)), '(2,1),(0,0)']] },
  { label: 'lseg', schema: geometry('LSEG'), type: 'lseg', values: [[shape('LSEG', lineString([[0, 0], [1, 1]])), '[(0,0),(1,1)]']] },
  { label: 'path', schema: geometry('PATH'), type: 'path', values: [[shape('PATH', lineString([[0, 0], [1, 1], [2, 0]]), true), '((0,0),(1,1),(2,0))'], [shape('PATH', lineString([[0, 0], [1, 1]]), false), '[(0,0),(1,1)]']] },
  { label: 'polygon', schema: geometry('POLYGON'), type: 'polygon', values: [[shape('POLYGON', lineString([[0, 0], [1, 1], [2, 0], [0, 0]], true)), '((0,0),(1,1),(2,0))']] },
  { label: 'geometry without PostGIS', schema: geometry(), type: 'bytea', values: [[new Struct(geometry(), { wkb: lineString([[0, 0], [1, 1]]) }), `\\x${Buffer.from(lineString([[0, 0], [1, 1]])).toString('hex')}`]] },
  { label: 'int[]', schema: Schema.array(Schema.of('int32', optional), optional), type: 'integer[]', values: [[[1, null, -3], '{1,NULL,-3}'], [[], '{}']] },
  { label: 'text[]', schema: Schema.array(text(), optional), type: 'text[]', values: [[['a', '', 'NULL', null, 'q"\\,{}\t\n'], '{a,"","NULL",NULL,"q\\"\\\\,{}\t\n"}']] },
  { label: 'bytea[]', schema: Schema.array(Schema.of('bytes', optional), optional), type: 'bytea[]', values: [[[Uint8Array.of(1, 2), null], '{"\\\\x0102",NULL}']] },
  { label: 'numeric[]', schema: Schema.array(VARIABLE, optional), type: 'numeric[]', values: [[[variable('1.50'), variable('-2')], '{1.50,-2}']] },
  { label: 'timestamptz[]', schema: Schema.array(named('string', 'io.debezium.time.ZonedTimestamp'), optional), type: 'timestamp(6) with time zone[]', values: [[['2020-01-01T00:00:00Z', null], '{"2020-01-01 00:00:00+00",NULL}']] },
  { label: 'timestamp[]', schema: Schema.array(named('int64', 'io.debezium.time.MicroTimestamp'), optional), type: 'timestamp(6) without time zone[]', values: [[[0n], '{"1970-01-01 00:00:00"}']] },
  { label: 'json[]', schema: Schema.array(named('string', 'io.debezium.data.Json'), optional), type: 'json[]', values: [[['{"a": 1}'], '{"{\\"a\\": 1}"}']] },
  { label: 'inet[], as the source tells it', schema: Schema.array(text(), { ...optional, ...source('_INET') }), type: 'inet[]', values: [[['10.0.0.1'], '{10.0.0.1}']] },
  { label: 'vector without pgvector', schema: Schema.array(Schema.of('double'), { ...optional, name: 'io.debezium.data.DoubleVector' }), type: 'double precision[]', values: [[[1.5, 2], '{1.5,2}']] },
  { label: 'halfvec without pgvector', schema: Schema.array(Schema.of('float'), { ...optional, name: 'io.debezium.data.FloatVector' }), type: 'real[]', values: [[[1.5, 2], '{1.5,2}']] },
  { label: 'an unknown struct', schema: STRUCT(), type: 'jsonb', values: [[new Struct(STRUCT(), { n: 1, s: 'x"', list: [true, false], d: Decimal.parse('0.5') }), '{"d": 0.5, "n": 1, "s": "x\\"", "list": [true, false]}']] },
];

function STRUCT(): Schema {
  return Schema.struct({ n: Schema.of('int32'), s: text(), list: Schema.array(Schema.of('boolean'), optional), d: decimalSchema(1, optional) }, { ...optional, name: 'example.Thing' });
}

async function shown(database: SinkDatabase, table: string): Promise<(string | null)[]> {
  return (await database.rows(table, 'id, v::text')).map((it) => it[1] ?? null);
}

test('each type: the column that is made, and each value in it, by one row and by COPY', async () => {
  const database = await server.database('CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext');
  const driver = database.driver({ 'collection.name.format': '${topic}' });
  const seen: Record<string, unknown> = {};
  const expected: Record<string, unknown> = {};
  for (const [index, { label, schema, type, values }] of CASES.entries()) {
    const table = new DebeziumTable(['id'], { id: Schema.of('int32'), v: schema }, `t${index}`);
    const all = [...values.map((it) => it[0]), null];
    await driver.put(...all.map((v, id) => table.change('c', { id, v })));
    // Enough rows for COPY, the interesting ones among them.
    await driver.put(...Array.from({ length: 40 }, (_, i) => table.change('r', { id: 1000 + i, v: all[i % all.length] ?? null })));
    const text = await shown(database, `t${index}`);
    const want = [...values.map((it) => it[1]), null];
    expected[label] = { type, rows: [...want, ...Array.from({ length: 40 }, (_, i) => want[i % want.length])] };
    seen[label] = { type: (await database.types(`t${index}`))['v'], rows: text };
  }
  expect(seen).toEqual(expected);
}, 120_000);

test('without extensions their types become ones that keep the value', async () => {
  const database = await server.database();
  const table = new DebeziumTable(['id'], {
    id: Schema.of('int32'), l: named('string', 'io.debezium.data.Ltree'), h: Schema.map(Schema.of('string'), Schema.of('string', optional), optional), c: text(source('CITEXT')), j: named('string', 'io.debezium.data.Json', source('HSTORE')),
  });
  await database.driver().put(table.change('c', { id: 1, l: 'Top.A', h: new Map<Value, Value>([['a', 'b']]), c: 'Mixed', j: '{"a":"b"}' }));
  expect(await database.types()).toEqual({ id: 'integer', l: 'text', h: 'json', c: 'text', j: 'json' });
  expect(await database.rows()).toEqual([['1', 'Top.A', '{"a":"b"}', 'Mixed', '{"a":"b"}']]);
});

test('a table that is there already keeps its types, and values are brought into them', async () => {
  const database = await server.database(`
    CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN posint AS integer CHECK (VALUE > 0);
    CREATE TABLE t (id bigint PRIMARY KEY, int_as_text text, flag_as_int integer, flag_as_bit bit(1), dec_as_int integer, at_as_local timestamp, at_as_date date, micros_as_int bigint, local_as_tz timestamptz, mood mood, pos posint,
                    money money, json_as_hstore hstore, tags varchar(5)[], geo polygon, made integer GENERATED ALWAYS AS (1 + 1) STORED, seq integer GENERATED ALWAYS AS IDENTITY, extra text DEFAULT 'kept')`);
  const table = new DebeziumTable(['id'], {
    id: Schema.of('int32'), int_as_text: Schema.of('int64', optional), flag_as_int: Schema.of('boolean', optional), flag_as_bit: Schema.of('boolean', optional), dec_as_int: decimalSchema(2, optional),
    at_as_local: named('string', 'io.debezium.time.ZonedTimestamp'), at_as_date: named('string', 'io.debezium.time.ZonedTimestamp'), micros_as_int: named('int64', 'io.debezium.time.MicroTimestamp'), local_as_tz: named('int64', 'io.debezium.time.Timestamp'),
    mood: named('string', 'io.debezium.data.Enum'), pos: Schema.of('int16', optional), money: decimalSchema(2, optional), json_as_hstore: named('string', 'io.debezium.data.Json'), tags: Schema.array(text(), optional), geo: geometry(), made: Schema.of('int32', optional), seq: Schema.of('int32', optional),
  });
  const row = (id: number): Record<string, Value> => ({
    id, int_as_text: 5n, flag_as_int: true, flag_as_bit: true, dec_as_int: Decimal.parse('7.00'), at_as_local: '2020-06-01T12:00:00Z', at_as_date: '2020-06-01T23:30:00Z', micros_as_int: 123n, local_as_tz: 0n, mood: 'ok', pos: 3, money: Decimal.parse('1234.50'),
    json_as_hstore: '{"a":"b"}', tags: ['x', 'y'], geo: new Struct(geometry(), { wkb: lineString([[0, 0], [1, 1], [2, 0], [0, 0]], true) }), made: 9, seq: 70 + id,
  });
  // Session times are two hours ahead of UTC in June there, one in January.
  const driver = database.driver({ 'use.time.zone': 'Europe/Berlin' });
  await driver.put(table.change('c', row(0)));
  await driver.put(...Array.from({ length: 40 }, (_, i) => table.change('c', row(i))));
  const all = await database.rows('t', "id, int_as_text, flag_as_int, flag_as_bit, dec_as_int, at_as_local, at_as_date, micros_as_int, local_as_tz AT TIME ZONE 'UTC', mood, pos, money::numeric, json_as_hstore, tags, geo, made, seq, extra");
  expect(all).toHaveLength(40);
  all.forEach((it, id) => expect(it).toEqual([String(id), '5', '1', '1', '7', '2020-06-01 14:00:00', '2020-06-02', '123', '1969-12-31 23:00:00', 'ok', '3', '1234.50', '"a"=>"b"', '{x,y}', '((0,0),(1,1),(2,0))', '2', String(70 + id), 'kept']));
});

test('defaults of the schema become defaults of the column', async () => {
  const database = await server.database();
  const table = new DebeziumTable(['id'], {
    id: Schema.of('int32', { default: 0 }), name: Schema.of('string', { default: "it's \\ new" }), day: Schema.of('int32', { name: 'io.debezium.time.Date', default: 1 }), price: Schema.of('bytes', { name: 'org.apache.kafka.connect.data.Decimal', parameters: { scale: '2' }, default: Decimal.parse('1.25') }), flag: Schema.of('boolean', { default: true }),
  });
  await database.driver().put(table.change('c', { id: 1 }));
  await database.query('INSERT INTO t (id) VALUES (2)');
  expect(await database.rows()).toEqual([['1', "it's \\ new", '1970-01-02', '1.25', 't'], ['2', "it's \\ new", '1970-01-02', '1.25', 't']]);
});
