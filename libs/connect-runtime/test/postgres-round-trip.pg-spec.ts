import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ConnectLogger, Converter, SinkRecord, SinkTask, SourceRecord, SourceTask } from '@millrace/connect-api';
import { plugin as postgresSink } from '@millrace/connector-postgres-sink';
import { postgresSource } from '@millrace/connector-postgres-source';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { Client } from 'pg';
import { JsonConverter } from '../src/converters/json/json-converter.js';

/** A column of the type table: its SQL type, and literals to store (SQL text). */
interface Sample {
  readonly type: string;
  readonly values: readonly string[];
  /** What an automatically made column is compared as, of both sides; absent: the target's text, read as the source's type. */
  /** What of the value the topic's form keeps; absent: all. */
  readonly kept?: string;
  readonly compare?: { readonly source: string; readonly target: string };
}

/** Geometry arrives as well-known binary where there is no PostGIS and the type's name is not told. */
const BINARY = { source: '(? IS NULL)', target: '(? IS NULL)' };

const SAMPLES: Readonly<Record<string, Sample>> = {
  bool: { type: 'boolean', values: ['true', 'false'] },
  int2: { type: 'smallint', values: ['-32768', '32767', '0'] },
  int4: { type: 'integer', values: ['-2147483648', '2147483647'] },
  int8: { type: 'bigint', values: ['-9223372036854775808', '9223372036854775807', '-9007199254740993'] },
  oid: { type: 'oid', values: ['0', '4294967295'] },
  float4: { type: 'real', values: ["'NaN'", "'Infinity'", "'-Infinity'", '3.14', "'1e-45'", "'3.4028235e38'", "'-0'"] },
  float8: { type: 'double precision', values: ["'NaN'", "'Infinity'", "'-Infinity'", '2.718281828459045', "'5e-324'", "'1.7976931348623157e308'", "'-0'", '0.1'] },
  numeric_free: { type: 'numeric', values: ['123456789012345678901234567890.123456789', '0.000', '-1200', '1e-30', '1e40'], kept: 'trim_scale(?::numeric)' },
  numeric_fixed: { type: 'numeric(7,2)', values: ['12345.67', '-0.01', '0', '99999.99'] },
  numeric_whole: { type: 'numeric(20,0)', values: ['12345678901234567890', '-1'] },
  numeric_wide: { type: 'numeric(50,10)', values: ['1234567890123456789012345678901234567890.0123456789'] },
  money: { type: 'money', values: ["'1234.56'", "'-0.99'", "'92233720368547758.07'"], compare: { source: '?::numeric', target: '?::numeric' } },
  char5: { type: 'char(5)', values: ["'ab'", "''", "'日本語x'"] },
  varchar: { type: 'varchar(20)', values: ["'v'", "''", "'😀 é'"] },
  plain: { type: 'text', values: ["E'tab\\t nl\\n cr\\r bs\\\\ bsb\\b ff\\f vt\\x0b \" '' nul? é 日本 😀'", "''", "'\\N'", "'NULL'", "'\\.'"] },
  name: { type: 'name', values: ["'a_name'"] },
  citext: { type: 'citext', values: ["'CiText'"], compare: { source: '?::text', target: '?::text' } },
  json: { type: 'json', values: ['\'{"a" : 1, "a": [1.50, null, "\\u00e9"]}\'', "'null'", '\'"x"\''], compare: { source: '?::text', target: '?::text' } },
  jsonb: { type: 'jsonb', values: ['\'{"b": [1, 2.50, null, 1e400]}\'', "'null'", "'[]'"] },
  xml: { type: 'xml', values: ["'<a>b &amp; c</a>'"], compare: { source: '?::text', target: '?::text' } },
  uuid: { type: 'uuid', values: ["'6f2b9b0a-1c2d-4e3f-8a9b-0c1d2e3f4a5b'"] },
  ltree: { type: 'ltree', values: ["'a.b.c'", "''"] },
  tsvector: { type: 'tsvector', values: ["'a:1A fat:2B,4C cat:5'", "$$'quo''te' 'back\\\\slash'$$"] },
  mood: { type: 'mood', values: ["'happy'", "'it''s, \"ok\"'"] },
  positive: { type: 'positive', values: ['5'] },
  date: { type: 'date', values: ["'2020-02-29'", "'0044-03-15 BC'", "'infinity'", "'-infinity'", "'5874897-12-31'", "'0001-01-01'"] },
  time: { type: 'time', values: ["'13:51:30.123456'", "'24:00:00'", "'00:00:00'"] },
  time3: { type: 'time(3)', values: ["'13:51:30.123'", "'24:00:00'"] },
  timetz: { type: 'timetz', values: ["'13:51:30.123456+00'", "'00:00:00+00'"] },
  timestamp: { type: 'timestamp', values: ["'2016-11-04 13:51:30.123456'", "'0044-03-15 12:00:00 BC'", "'infinity'", "'-infinity'", "'294247-01-10 04:00:24'", "'1969-12-31 23:59:59.999999'"] },
  timestamp3: { type: 'timestamp(3)', values: ["'2016-11-04 13:51:30.123'", "'9999-12-31 23:59:59.999'", "'infinity'", "'-infinity'"] },
  timestamptz: { type: 'timestamptz', values: ["'2016-11-04 13:51:30.123456+02'", "'0044-03-15 12:00:00+00 BC'", "'infinity'", "'-infinity'", "'10000-01-01 00:00:00+00'"] },
  timestamptz3: { type: 'timestamptz(3)', values: ["'2016-11-04 13:51:30.120+00'"] },
  interval: { type: 'interval', values: ["'1 year 2 mons 3 days 04:05:06.789'", "'-1 year -2 mons +3 days -04:05:06.5'", "'-00:00:00.001'", "'0'"] },
  bit1: { type: 'bit(1)', values: ["B'1'", "B'0'"], compare: { source: "(? = B'1')::text", target: '?::text' } },
  bit5: { type: 'bit(5)', values: ["B'10101'", "B'00000'"] },
  bit24: { type: 'bit(24)', values: ["B'000000010000001010000001'"] },
  varbit: { type: 'varbit(33)', values: ["B'101'", "B'111111111111111111111111111111111'"], kept: "ltrim(?::text, '0')" },
  bytea: { type: 'bytea', values: ["'\\xdeadbeef00'", "''", "'\\x5c090a'"] },
  inet: { type: 'inet', values: ["'10.1.2.3/24'", "'::1'"] },
  cidr: { type: 'cidr', values: ["'10.1.0.0/16'", "'2001:db8::/32'"] },
  macaddr: { type: 'macaddr', values: ["'08:00:2b:01:02:03'"] },
  macaddr8: { type: 'macaddr8', values: ["'08:00:2b:01:02:03:04:05'"] },
  int4range: { type: 'int4range', values: ["'[1,5)'", "'empty'", "'(,)'"] },
  int8range: { type: 'int8range', values: ["'[1,9223372036854775806]'"] },
  numrange: { type: 'numrange', values: ["'[1.5,2.5]'"] },
  tsrange: { type: 'tsrange', values: ["'[2020-01-01 00:00,2020-01-02 00:00)'"] },
  tstzrange: { type: 'tstzrange', values: ["'[2020-01-01 00:00+02,)'"] },
  daterange: { type: 'daterange', values: ["'[2020-01-01,2020-02-01)'", "'(,infinity)'"] },
  point: { type: 'point', values: ["'(1.5,-2)'", "'(1e300,-0)'"] },
  box: { type: 'box', values: ["'(3,4),(1,2)'"], compare: BINARY },
  lseg: { type: 'lseg', values: ["'[(0,0),(1,1)]'"], compare: BINARY },
  path_closed: { type: 'path', values: ["'((0,0),(1,1),(2,0))'", "'[(0,0),(1,1),(2,0)]'"], compare: BINARY },
  polygon: { type: 'polygon', values: ["'((0,0),(1,1),(2,0))'"], compare: BINARY },
  circle: { type: 'circle', values: ["'<(1,2),3.5>'"] },
  line: { type: 'line', values: ["'{1,-1,0}'"] },
  hstore: { type: 'hstore', values: ["'key1=>val1, \"key 2\"=>\"va\\\"l 2\", k3=>NULL, zz=>\"\"'", "''"], compare: { source: 'hstore_to_jsonb(?)', target: '?::text::jsonb' } },
  int2s: { type: 'smallint[]', values: ["'{1,null,-3}'", "'{}'"] },
  int4s: { type: 'integer[]', values: ["'{1,2}'"] },
  int8s: { type: 'bigint[]', values: ["'{9223372036854775807,null}'"] },
  texts: { type: 'text[]', values: ["array['a','b \"q\"', null, 'NULL', '', 'c,d', E'back\\\\slash', '{x}', ' s ', '😀']", "'{}'"] },
  varchars: { type: 'varchar(5)[]', values: ["'{abc,de}'"] },
  numerics: { type: 'numeric(6,2)[]', values: ["'{1.00,2.50,null}'"] },
  numerics_free: { type: 'numeric[]', values: ["'{1.0,NULL,100}'"], kept: '(SELECT array_agg(trim_scale(item)) FROM unnest(?::numeric[]) AS item)' },
  float4s: { type: 'real[]', values: ["'{1.5,NaN,Infinity}'"] },
  float8s: { type: 'float8[]', values: ["'{1e100,-Infinity,null}'"] },
  bools: { type: 'boolean[]', values: ["'{t,f,null}'"] },
  dates: { type: 'date[]', values: ["'{2020-01-01,0044-03-15 BC}'"] },
  times: { type: 'time[]', values: ["'{13:51:30.5,24:00}'"] },
  timestamps: { type: 'timestamp[]', values: ["'{2020-01-01 00:00:00.5}'"] },
  timestamptzs: { type: 'timestamptz[]', values: ["'{2020-01-01 00:00:00.5+00,infinity}'"] },
  uuids: { type: 'uuid[]', values: ["'{6f2b9b0a-1c2d-4e3f-8a9b-0c1d2e3f4a5b}'"] },
  jsons: { type: 'jsonb[]', values: ["array['{\"a\": 1}'::jsonb, 'null']"] },
  byteas: { type: 'bytea[]', values: ["array['\\xdead'::bytea, '']"] },
  inets: { type: 'inet[]', values: ["'{10.0.0.1}'"] },
  ranges: { type: 'int4range[]', values: ["array['[1,2)'::int4range, 'empty']"] },
  moods: { type: 'mood[]', values: ["'{sad,happy}'"] },
  citexts: { type: 'citext[]', values: ["'{CiT}'"] },
};

const SET_UP = `CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
  CREATE TYPE mood AS ENUM ('sad', 'happy', 'it''s, "ok"'); CREATE DOMAIN positive AS integer CHECK (value > 0);`;
const columns = Object.entries(SAMPLES).map(([name, sample]) => ({ name, ...sample }));
const TABLE = `(id integer PRIMARY KEY, ${columns.map((it) => `"${it.name}" ${it.type}`).join(', ')})`;
const rowCount = Math.max(...columns.map((it) => it.values.length));
/** Every value of every type, and a row of nulls. */
const rowsSql = (base: number): string[] => [
  ...Array.from({ length: rowCount }, (_, i) => `INSERT INTO source VALUES (${base + i}, ${columns.map((it) => it.values[i] ?? it.values[0] ?? 'NULL').join(', ')})`),
  `INSERT INTO source (id) VALUES (${base + rowCount})`,
];

const quiet = (): void => undefined;
const LOGGER: ConnectLogger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

let server: EmbeddedPostgres;
let folder: string;
let client: Client;
let source: SourceTask;
const sinks: { readonly table: string; readonly task: SinkTask }[] = [];
const stopping = new AbortController();

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-round-trip-'));
  fs.chmodSync(folder, 0o755);
  server = await EmbeddedPostgres.start({ folder: path.join(folder, 'pg'), settings: { fsync: 'off' } });
  client = new Client(server.connection('postgres'));
  await client.connect();
  await client.query(`SET TimeZone TO 'UTC'; ${SET_UP} CREATE TABLE source ${TABLE}; CREATE TABLE same ${TABLE}`);
  for (const sql of rowsSql(0)) await client.query(sql);
  source = postgresSource.task();
  await source.start({
    connectorName: 'source', taskId: 0, logger: LOGGER, signal: stopping.signal, offset: () => Promise.resolve(null), offsets: (partitions) => Promise.resolve(partitions.map(() => null)),
    followTopic: () => Promise.resolve({ stop: () => Promise.resolve() }),
    config: {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', 'plugin.name': 'pgoutput', 'database.hostname': server.host, 'database.port': String(server.port), 'database.user': server.user, 'database.password': 'x',
      'database.dbname': 'postgres', 'topic.prefix': 'trip', 'slot.name': 'trip', 'publication.name': 'trip', 'table.include.list': 'public.source', 'interval.handling.mode': 'string', 'poll.interval.ms': '20',
    },
  });
  for (const table of ['made', 'same']) {
    const task = postgresSink.task();
    await task.start({
      connectorName: table, taskId: 0, logger: LOGGER, signal: stopping.signal, errantRecordReporter: { report: (_, error) => Promise.reject(error) }, assignment: () => [], ownsAssignment: () => true, seek: quiet, pause: quiet, resume: quiet, requestCommit: quiet,
      config: {
        'connection.url': `jdbc:postgresql://${server.host}:${server.port}/postgres?sslmode=disable`, 'connection.username': server.user, 'insert.mode': 'upsert', 'delete.enabled': 'true', 'primary.key.mode': 'record_key', 'schema.evolution': table === 'made' ? 'basic' : 'none',
        'collection.name.format': table,
      },
    });
    sinks.push({ table, task });
  }
}, 60_000);

afterAll(async () => {
  stopping.abort();
  await source.stop();
  for (const { task } of sinks) await task.stop();
  await client.end();
  await server.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

function converter(isKey: boolean): Converter {
  const made = new JsonConverter();
  made.configure({ 'schemas.enable': 'true' }, isKey);
  return made;
}
const writers = { key: converter(true), value: converter(false) };
const readers = { key: converter(true), value: converter(false) };

/** As the record comes out of a topic. */
function throughTopic(record: SourceRecord, offset: number): SinkRecord {
  const { topic } = record;
  const keyBytes = Uint8Array.from(writers.key.fromConnectData(topic, record.keySchema, record.key) ?? []);
  const written = writers.value.fromConnectData(topic, record.valueSchema, record.value);
  const key = readers.key.toConnectData(topic, keyBytes);
  const value = readers.value.toConnectData(topic, written && Uint8Array.from(written));
  return {
    topic, partition: 0, kafkaOffset: offset, keySchema: key.schema, key: key.value, valueSchema: value.schema, value: value.value, timestampMs: 0, timestampType: 'CreateTime', headers: [],
    originalTopic: topic, originalPartition: 0, originalKafkaOffset: offset,
  };
}

let offset = 0;
/** Takes so many records to both tables, `size` a put. */
async function carry(count: number, size: number): Promise<void> {
  let carried = 0;
  while (carried < count) {
    const records = (await source.poll()).filter((it) => it.topic === 'trip.public.source');
    carried += records.length;
    for (let start = 0; start < records.length; start += size) {
      for (const { task } of sinks) await task.put(records.slice(start, start + size).map((it, i) => throughTopic(it, offset + i)));
      offset += size;
    }
  }
}

/** Columns whose values differ, with both. */
async function differences(table: string): Promise<unknown[]> {
  const { rows: types } = await client.query<{ name: string; type: string }>("SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", [table]);
  const found: unknown[] = [];
  for (const { name, type, compare, kept } of columns) {
    const own = types.find((it) => it.name === name)?.type;
    if (own === undefined) {
      found.push({ name, problem: 'there is no such column' });
      continue;
    }
    const readAs = kept !== undefined ? { source: kept, target: kept } : table === 'same' || !compare ? { source: '?::text', target: table === 'same' ? '?::text' : `?::text::${type}::text` } : compare;
    const [left, right] = [readAs.source.replaceAll('?', `s."${name}"`), readAs.target.replaceAll('?', `t."${name}"`)];
    const { rows } = await client
      .query<object>(`SELECT DISTINCT '${name}' AS name, '${own}' AS made_as, (${left})::text AS source, (${right})::text AS target FROM source s FULL JOIN ${table} t USING (id) WHERE (${left})::text IS DISTINCT FROM (${right})::text ORDER BY 3`)
      .catch((error: unknown) => ({ rows: [{ name, own, error: String(error) }] }));
    found.push(...rows);
  }
  return found;
}

describe.each([1, 100])('PostgreSQL to a topic and back, %i records a put', (size) => {
  const base = size * 1000;

  test('rows of a snapshot and of changes are equal by value', async () => {
    // The first time the snapshot comes before them.
    if (offset === 0) await carry(rowCount + 1, size);
    for (const sql of rowsSql(base)) await client.query(sql);
    await carry(rowCount + 1, size);
    const { rows } = await client.query<{ made: number; same: number; source: number }>('SELECT (SELECT count(*)::int FROM source) AS source, (SELECT count(*)::int FROM made) AS made, (SELECT count(*)::int FROM same) AS same');
    expect(rows[0]).toEqual({ source: rows[0]?.source, made: rows[0]?.source, same: rows[0]?.source });
    expect({ same: await differences('same'), made: await differences('made') }).toEqual({ same: [], made: [] });
  });

  test('changed to other values and to nulls, and deleted', async () => {
    const swap = columns.map((it) => `"${it.name}" = o."${it.name}"`).join(', ');
    await client.query(`UPDATE source s SET ${swap} FROM source o WHERE s.id >= ${base} AND s.id < ${base + rowCount} AND o.id = CASE WHEN s.id = ${base} THEN ${base + rowCount} ELSE s.id - 1 END`);
    await client.query(`DELETE FROM source WHERE id = ${base + rowCount}`);
    await carry(rowCount + 2, size);
    expect({ same: await differences('same'), made: await differences('made') }).toEqual({ same: [], made: [] });
  });
});
