import fs from 'node:fs';
import path from 'node:path';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import type { Client } from 'pg';
import { createDatabase, sourceConfig, startServer, statementsOf } from '../test/database.js';
import { renderRecord, type RenderedRecord } from '../test/render.js';
import { TaskDriver } from '../test/task-driver.js';

/** What Debezium 3.6.0 wrote for the same two scripts, on the same version of PostgreSQL, by Java's JsonConverter. Clocks and positions are `*`. */
interface Recorded {
  readonly key: unknown;
  readonly row: unknown;
  readonly records: readonly { key: Json; value: Json; rowSchema?: unknown; headers?: Json }[];
}
type Json = Record<string, unknown> | null;

const folder = path.resolve(__dirname, '../test');
const read = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8');
const recorded = JSON.parse(read('debezium-3.6.0.json')) as Record<string, Recorded>;

/** Columns in which we differ on purpose; README.md says why. They are left out on both sides. */
const OUR_OWN: Readonly<Record<string, readonly string[]>> = {
  'ref.public.arrays': ['ad', 'ati'],
  'ref.public.times': ['d', 'tz', 'ts6', 'dts'],
  'ref.public.texts': ['nm', 'dt', 'e', 'de'],
  'ref.public.dropped_types': ['ab'],
  'ref.public.shapes': ['b', 'ls', 'pa', 'pao', 'pl', 'ci', 'li'],
};
/** Records from here on differ on purpose: no key of zeros is made up when the replica identity lacks the primary key. */
const COMPARED_RECORDS: Readonly<Record<string, number>> = { 'ref.public.index_identity': 3 };

describe('records compared with those of Debezium', () => {
  let server: EmbeddedPostgres;
  let end: () => Promise<void>;
  let client: Client;
  const ours = new Map<string, RenderedRecord[]>();

  beforeAll(async () => {
    ({ server, end } = await startServer());
    client = await createDatabase(server, 'ref');
    for (const statement of statementsOf(read('type-table.sql'))) await client.query(statement);
    const driver = await new TaskDriver({ config: sourceConfig(server, 'ref', { 'skipped.operations': 'none', 'poll.interval.ms': '40' }) }).start();
    const keep = async (): Promise<number> => {
      const records = await driver.poll();
      for (const it of records) ours.set(it.topic, [...(ours.get(it.topic) ?? []), renderRecord(it)]);
      return records.length;
    };
    const hasSentAll = async (): Promise<boolean> => {
      const { rows } = await client.query<{ sent: boolean | null }>('select bool_and(sent_lsn >= pg_current_wal_lsn()) as sent from pg_stat_replication');
      return rows[0]?.sent ?? false;
    };
    // The catalog must not run ahead of the stream: each statement is followed by all that it makes the server send.
    const drain = async (): Promise<void> => {
      while (!(await hasSentAll())) await keep();
      while ((await keep()) > 0);
    };
    while (!ours.has('ref.public.unique_key')) await keep();
    while ((await keep()) > 0);
    for (const statement of statementsOf(read('type-table-changes.sql'))) {
      await client.query(statement);
      await drain();
    }
    while ((ours.get('ref.public.cut')?.length ?? 0) < (recorded['ref.public.cut']?.records.length ?? 0)) await keep();
    await driver.stop();
  }, 120_000);
  afterAll(async () => {
    await client.end();
    await end();
  });

  it('are in the same topics', () => {
    expect([...ours.keys()].sort()).toEqual(Object.keys(recorded).sort());
  });

  it.each(Object.keys(recorded))('%s', (topic) => {
    const theirs = recorded[topic]!;
    const compared = COMPARED_RECORDS[topic] ?? theirs.records.length;
    if (COMPARED_RECORDS[topic] === undefined) expect(ours.get(topic)).toHaveLength(theirs.records.length);
    theirs.records.slice(0, compared).forEach((expected, index) => {
      const actual = ours.get(topic)![index]!;
      const own = OUR_OWN[topic] ?? [];
      expect(payload(actual.key)).toEqual(expected.key);
      expect(stripped(masked(payload(actual.value)), own)).toEqual(stripped(expected.value && shortened(expected.value), own));
      expect(Object.keys(actual.headers).filter((it) => it.startsWith('__debezium.context.'))).toHaveLength(topic === 'ref.message' ? 0 : 4);
      expect(Object.fromEntries(Object.entries(actual.headers).filter(([name]) => !name.startsWith('__debezium.context.')))).toEqual(expected.headers ?? {});
      if (expected.key !== null && index === theirs.records.length - 1) expect((actual.key as { schema: unknown }).schema).toEqual(theirs.key);
      const row = expected.value && 'after' in expected.value ? rowSchema(actual.value) : undefined;
      if (row) expect(strippedSchema(row, own)).toEqual(strippedSchema(expected.rowSchema ?? theirs.row, own));
    });
  });
});

function payload(part: unknown): Json {
  return part === null ? null : (part as { payload: Json }).payload;
}

function rowSchema(value: unknown): unknown {
  const { fields } = (value as { schema: { fields: Record<string, unknown>[] } }).schema;
  const { field, ...schema } = fields.find((it) => it.field === 'after')!;
  return field === undefined ? undefined : schema;
}

function strippedSchema(schema: unknown, names: readonly string[]): unknown {
  const struct = schema as { fields: { field: string }[] };
  return { ...struct, fields: struct.fields.filter((it) => !names.includes(it.field)) };
}

function stripped(value: Json, names: readonly string[]): Json {
  if (!value) return value;
  const without = (row: unknown): unknown => (row ? Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name))) : row);
  return 'after' in value ? { ...value, before: without(value.before), after: without(value.after) } : value;
}

const CLOCKS = ['ts_ms', 'ts_us', 'ts_ns'];

/** Clocks, positions and versions as `*`, as in the recording; long texts and lists as their length. */
function masked(value: Json): Json {
  if (!value) return value;
  const source = value.source as Record<string, unknown>;
  const star = (it: Record<string, unknown>, names: readonly string[]): Record<string, unknown> => Object.fromEntries(Object.entries(it).map(([name, item]) => [name, names.includes(name) && item !== null ? '*' : item]));
  return shortened({ ...star(value, CLOCKS), source: star(source, [...CLOCKS, 'version', 'txId', 'lsn', 'sequence']) }) as Json;
}

function shortened(value: Record<string, unknown>): Record<string, unknown> {
  return short(value) as Record<string, unknown>;
}

function short(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 300 ? `…${value.length}` : value;
  if (Array.isArray(value)) return value.length > 100 ? [`…${value.length}`] : value.map(short);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, short(item)]));
  return value;
}
