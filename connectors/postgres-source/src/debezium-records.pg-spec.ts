import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import type { Client } from 'pg';
import { createDatabase, startServer, statementsOf } from '../test/database.js';
import { differences, lineOf, withoutEmptyTransactions, type Line } from '../test/judge/compare.js';
import { DebeziumProcess } from '../test/judge/debezium-process.js';
import { DEVIATIONS } from '../test/judge/deviations.js';
import { isSignalTable, OurTasks } from '../test/judge/our-tasks.js';
import { judgedConfig, PROFILES } from '../test/judge/profiles.js';

const folder = path.resolve(__dirname, '../test/judge');
const RECORDING = path.join(folder, 'debezium-3.6.0.json.gz');
/** Set: Debezium runs beside us on the same database, and what it writes is compared, positions too, and kept. */
const isRecording = process.env.RECORD_DEBEZIUM === '1';

const QUIET_MS = 800;

type Recording = Record<string, Line[]>;

describe('records compared with those of Debezium', () => {
  let server: EmbeddedPostgres;
  let end: () => Promise<void>;
  let client: Client;
  const ours: Recording = {};
  let theirs: Recording = {};
  const used = new Map<string, number>();
  let statementCount = 0;
  let debezium: DebeziumProcess | undefined;

  beforeAll(async () => {
    ({ server, end } = await startServer({ settings: { max_replication_slots: '100', max_wal_senders: '100', max_connections: '300' } }));
    client = await createDatabase(server, 'ref');
    for (const statement of script('setup.sql')) await client.query(statement);
    await client.query('create publication judge for all tables');
    await client.query('create publication judge_roots for all tables with (publish_via_partition_root = true)');
    const connection = { 'database.hostname': server.host, 'database.port': String(server.port), 'database.user': server.user, 'database.password': 'x', 'database.dbname': 'ref' };
    const tasks = new OurTasks();
    await tasks.start(PROFILES, connection);
    debezium = isRecording ? DebeziumProcess.start() : undefined;
    await debezium?.tell({ start: Object.fromEntries(PROFILES.map((it) => [it.name, { ...judgedConfig(it, 'theirs'), ...connection }])) });
    const wanted = tasks.size + (debezium ? PROFILES.length : 0);
    await tasks.until(async () => {
      if (debezium?.failure) throw debezium.failure;
      return (await client.query("select from pg_replication_slots where active and slot_type = 'logical' and not temporary")).rowCount === wanted;
    });
    const drain = async (marker: number): Promise<void> => {
      await client.query('insert into judge.marker values ($1)', [marker]);
      await Promise.all([tasks.drain(marker), debezium?.tell({ drain: marker })]);
    };
    await drain(0);
    for (const statement of script('changes.sql')) {
      statementCount += 1;
      await client.query(statement);
      await drain(statementCount);
      if (debezium?.failure) {
        console.warn(`Debezium stops at: ${statement}: ${debezium.failure.message}`);
        debezium.failure = undefined;
      }
    }
    for (const statement of script('signals.sql')) {
      await client.query(statement);
      await Promise.all([tasks.quiet(QUIET_MS), debezium?.tell({ quiet: QUIET_MS })]);
    }
    await tasks.stop();
    for (const it of tasks.records) (ours[it.profile] ??= []).push(lineOf(it, isRecording));
    if (debezium) {
      await debezium.stop();
      const recorded: Recording = {};
      for (const it of debezium.records.filter(({ topic }) => !isSignalTable(topic))) {
        (theirs[it.profile] ??= []).push(lineOf(it, true));
        (recorded[it.profile] ??= []).push(lineOf(it, false));
      }
      fs.writeFileSync(RECORDING, pack(recorded));
    } else theirs = unpack(fs.readFileSync(RECORDING));
  }, 600_000);
  afterAll(async () => {
    debezium?.kill();
    await client.end();
    await end();
  });

  it('are of at least 300 statements', () => expect(statementCount).toBeGreaterThanOrEqual(300));

  it.each(PROFILES.map((it) => it.name))('%s', (profile) => {
    expect(theirs[profile]!.length).toBeGreaterThan(10);
    const shown = isRecording ? (it: readonly Line[]): readonly Line[] => it : withoutEmptyTransactions;
    const found = differences(profile, shown(ours[profile] ?? []), shown(theirs[profile]!), used);
    if (process.env.JUDGE_REPORT) fs.appendFileSync(process.env.JUDGE_REPORT, found.map((it) => `${profile} ${it}\n`).join(''));
    expect(found.slice(0, 20)).toEqual([]);
  });

  it('differ where the README says so, and each of its lines is needed', () => {
    expect(DEVIATIONS.map((it) => it.name).filter((it) => !used.has(it))).toEqual([]);
  });
});

function script(name: string): string[] {
  return statementsOf(fs.readFileSync(path.join(folder, name), 'utf8'));
}

/** Schemas are kept once; each long text of a value as it is. */
function pack(recording: Recording): Buffer {
  const schemas: string[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (schema: string | null): number | null => {
    if (schema === null) return null;
    if (!numbers.has(schema)) numbers.set(schema, schemas.push(schema) - 1);
    return numbers.get(schema)!;
  };
  const profiles = Object.fromEntries(Object.entries(recording).map(([name, lines]) => [name, lines.map((it) => [it.topic, it.key, numberOf(it.keySchema), it.value, numberOf(it.valueSchema), it.headers])]));
  return zlib.gzipSync(JSON.stringify({ profiles, schemas }), { level: 9 });
}

function unpack(bytes: Buffer): Recording {
  const { profiles, schemas } = JSON.parse(zlib.gunzipSync(bytes).toString('utf8')) as { profiles: Record<string, [string, string | null, number | null, string | null, number | null, Line['headers']][]>; schemas: string[] };
  const schemaOf = (number: number | null): string | null => (number === null ? null : schemas[number]!);
  return Object.fromEntries(
    Object.entries(profiles).map(([name, lines]) => [name, lines.map(([topic, key, keySchema, value, valueSchema, headers]) => ({ topic, key, keySchema: schemaOf(keySchema), value, valueSchema: schemaOf(valueSchema), headers }))]),
  );
}
