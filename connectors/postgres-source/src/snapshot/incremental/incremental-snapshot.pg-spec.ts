import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { OffsetMap, SourceRecord } from '@millrace/connect-api';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import type { Client } from 'pg';
import { createDatabase, openClient, sourceConfig, startServer } from '../../../test/database.js';
import { renderRecord } from '@millrace/connect-testkit';
import { TaskDriver } from '../../../test/task-driver.js';

type Row = Record<string, unknown>;
interface Event {
  readonly op: string;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly source: Record<string, unknown>;
}
interface Notice {
  readonly id: string;
  readonly aggregate_type: string;
  readonly type: string;
  readonly additional_data: Record<string, string>;
}

const SIGNAL_TABLE = 'create table signals (id varchar(64) primary key, type varchar(32) not null, data varchar(2048))';
const NOTICES = { 'notification.enabled.channels': 'sink', 'notification.sink.topic.name': 'notices' };

function payload<T>(record: SourceRecord): T {
  return (renderRecord(record).value as { payload: T }).payload;
}

function events(records: readonly SourceRecord[], table: string): Event[] {
  return records.filter((it) => it.value !== null && it.topic.endsWith(`.public.${table}`)).map((it) => payload<Event>(it));
}

function notices(records: readonly SourceRecord[]): Notice[] {
  return records.filter((it) => it.topic === 'notices').map((it) => payload<Notice>(it));
}

const hasCompleted = (records: readonly SourceRecord[]): boolean => notices(records).some((it) => it.type === 'COMPLETED');

describe('incremental snapshots', () => {
  let server: EmbeddedPostgres;
  let end: () => Promise<void>;
  let database: string;
  let count = 0;
  const clients: Client[] = [];
  const drivers: TaskDriver[] = [];

  beforeAll(async () => {
    ({ server, end } = await startServer({ settings: { max_replication_slots: '50', max_wal_senders: '50' } }));
  }, 60_000);
  afterAll(() => end());
  beforeEach(() => {
    database = `inc${++count}`;
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
    const driver = await new TaskDriver({ config: sourceConfig(server, database, { 'snapshot.mode': 'no_data', ...NOTICES, ...more }), offset }).start();
    drivers.push(driver);
    // The slot is there from now on.
    if (!offset) await driver.poll();
    return driver;
  }

  async function slotFree(client: Client): Promise<void> {
    while (((await client.query('select from pg_replication_slots where slot_name = $1 and active', [database])).rowCount ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  const ALL_WAYS: readonly (readonly [string, Record<string, string>])[] = [
    ['positions of the log (read.only)', { 'read.only': 'true', 'signal.data.collection': 'public.signals' }],
    ['positions of the log (no signal table)', {}],
    ['rows in the signal table', { 'signal.data.collection': 'public.signals' }],
    ['rows that are deleted from the signal table', { 'signal.data.collection': 'public.signals', 'incremental.snapshot.watermarking.strategy': 'insert_delete' }],
  ];

  it.each(ALL_WAYS)('read every row while others write, and end at the state of the table: windows by %s', async (_way, settings) => {
    const client = await prepare(SIGNAL_TABLE, 'create table t (a int, b text, v int, primary key (a, b))', "insert into t select g / 7, 'k' || g, 0 from generate_series(1, 2000) g");
    const driver = await run({ ...settings, 'incremental.snapshot.chunk.size': '90' });
    const writer = await openClient(server, database);
    clients.push(writer);
    let isWriting = true;
    let writes = 0;
    const work = (async () => {
      for (let i = 0; isWriting; i++, writes++) {
        const key = `k${((i * 37) % 2100) + 1}`;
        if (i % 5 === 0) await writer.query('delete from t where b = $1', [key]);
        else if (i % 5 === 1) await writer.query('insert into t values (1, $1, $2)', [`n${i}`, i]);
        else await writer.query('update t set v = $2 where b = $1', [key, i]);
      }
    })();
    driver.task.onSignal({ id: 'x', type: 'execute-snapshot', data: { 'data-collections': ['public.t'] } });
    const records = await driver.until(hasCompleted, 30_000);
    isWriting = false;
    await work;
    await client.query("insert into t values (-1, 'end', 0)");
    records.push(...(await driver.until((it) => events(it, 't').some(({ after }) => after?.b === 'end'), 30_000)));
    const state = new Map<unknown, unknown>();
    for (const { op, before, after } of events(records, 't')) {
      if (op === 'd') state.delete(before?.b);
      else state.set(after?.b, after?.v);
    }
    const { rows } = await client.query<{ b: string; v: number }>('select b, v from t');
    expect(writes).toBeGreaterThan(20);
    expect(new Map([...state].sort())).toEqual(new Map(rows.map((it) => [it.b, it.v] as const).sort()));
    const read = events(records, 't').filter((it) => it.op === 'r');
    expect(read.length).toBeGreaterThan(1000);
    expect(new Set(read.map((it) => it.source.snapshot))).toEqual(new Set(['incremental']));
    expect(new Set(read.map((it) => it.after?.b)).size).toBe(read.length);
    const { rowCount } = await client.query('select from signals');
    if (settings['signal.data.collection'] === undefined || settings['read.only'] || settings['incremental.snapshot.watermarking.strategy']) expect(rowCount).toBe(0);
    else expect(rowCount).toBeGreaterThan(10);
  }, 60_000);

  it('go on behind the last row that is stored, by the members that Debezium keeps in offsets', async () => {
    const client = await prepare('create table t (id bigint primary key)', 'insert into t select generate_series(1, 50)');
    const settings = { 'incremental.snapshot.chunk.size': '10' };
    const first = await run(settings);
    first.task.onSignal({ id: 'mine', type: 'execute-snapshot', data: { 'data-collections': ['public.t'] } });
    const head = await first.until((records) => events(records, 't').length >= 20);
    const rows = head.filter((it) => it.topic.endsWith('.t'));
    first.commit(rows[16]!);
    expect(first.stored).toMatchObject({ incremental_snapshot_correlation_id: 'mine', incremental_snapshot_collections: '[{"incremental_snapshot_collections_id":"public.t","incremental_snapshot_collections_additional_condition":null,"incremental_snapshot_collections_surrogate_key":null}]' });
    expect(first.stored!.incremental_snapshot_primary_key).toMatch(/^aced0005.*0011$/);
    await first.stop();
    await slotFree(client);
    const second = await run(settings, first.stored);
    const rest = await second.until(hasCompleted);
    expect(events(rest, 't').map((it) => it.after?.id)).toEqual(Array.from({ length: 33 }, (_, i) => i + 18));
    expect(rest.at(-1)?.sourceOffset).not.toHaveProperty('incremental_snapshot_collections');
  });

  it('survive a lost connection, without a row less', async () => {
    const client = await prepare('create table t (id int primary key)', 'insert into t select generate_series(1, 300)');
    const driver = await run({ 'incremental.snapshot.chunk.size': '20' });
    driver.task.onSignal({ id: 'x', type: 'execute-snapshot', data: { 'data-collections': ['public.t'] } });
    const records = await driver.until((it) => events(it, 't').length >= 60);
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = $1', [database]);
    records.push(...(await driver.until(hasCompleted)));
    expect(driver.retried.length).toBeGreaterThan(0);
    expect([...new Set(events(records, 't').map((it) => it.after?.id))]).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
  });

  it('leave tables out that they cannot read, each with its reason, and read the others', async () => {
    await prepare('create table no_key (a int)', 'create table nothing (id int primary key)', 'create table t (id int primary key, v int)', 'insert into t values (1, 1), (2, 2)', 'insert into no_key values (1), (2)');
    const driver = await run();
    driver.task.onSignal({ id: 'x', type: 'execute-snapshot', data: { 'data-collections': ['public.no_key', 'public.nothing', 'public.gone', 'public.t'], 'additional-conditions': [{ 'data-collection': 'public.t', filter: 'v = 2' }] } });
    const records = await driver.until(hasCompleted);
    expect(notices(records).filter((it) => it.type === 'TABLE_SCAN_COMPLETED').map((it) => [it.id, it.additional_data.scanned_collection, it.additional_data.status])).toEqual([
      ['x', 'public.no_key', 'NO_PRIMARY_KEY'],
      ['x', 'public.nothing', 'EMPTY'],
      ['x', 'public.gone', 'UNKNOWN_SCHEMA'],
      ['x', 'public.t', 'SUCCEEDED'],
    ]);
    expect(events(records, 't').map((it) => it.after)).toEqual([{ id: 2, v: 2 }]);
    driver.task.onSignal({ id: 'y', type: 'execute-snapshot', data: { 'data-collections': ['public.no_key'], 'surrogate-key': 'a' } });
    expect(events(await driver.until(hasCompleted), 'no_key').map((it) => it.after)).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('by a nullable surrogate key read the rows without it too, last', async () => {
    await prepare('create table t (id int primary key, k int)', 'insert into t select g, case when g % 3 > 0 then g end from generate_series(1, 20) g');
    const driver = await run({ 'incremental.snapshot.chunk.size': '1000' });
    driver.task.onSignal({ id: 'x', type: 'execute-snapshot', data: { 'data-collections': ['public.t'], 'surrogate-key': 'k' } });
    expect(events(await driver.until(hasCompleted), 't')).toHaveLength(20);
  });

  it('pause, resume and stop', async () => {
    await prepare('create table t (id int primary key)', 'create table u (id int primary key)', 'insert into t select generate_series(1, 100)', 'insert into u select generate_series(1, 5)');
    const driver = await run({ 'incremental.snapshot.chunk.size': '10' });
    const signal = (type: string, data: unknown = null): void => void driver.task.onSignal({ id: type, type, data });
    signal('execute-snapshot', { 'data-collections': ['public.t', 'public.u'] });
    const records = await driver.until((it) => events(it, 't').length >= 10);
    signal('pause-snapshot');
    records.push(...(await driver.until((it) => notices(it).some(({ type }) => type === 'PAUSED'))));
    for (let i = 0; i < 5; i++) records.push(...(await driver.poll()));
    const paused = events(records, 't').length;
    for (let i = 0; i < 3; i++) records.push(...(await driver.poll()));
    expect(events(records, 't')).toHaveLength(paused);
    expect(paused).toBeLessThan(100);
    signal('resume-snapshot');
    records.push(...(await driver.until((it) => events(it, 't').length >= 10)));
    signal('stop-snapshot', { 'data-collections': ['public.t'] });
    records.push(...(await driver.until(hasCompleted)));
    expect(events(records, 't').length).toBeLessThan(100);
    expect(events(records, 'u')).toHaveLength(5);
    expect(notices(records).map((it) => it.type).filter((it) => it !== 'IN_PROGRESS')).toEqual(['STARTED', 'PAUSED', 'RESUMED', 'ABORTED', 'TABLE_SCAN_COMPLETED', 'COMPLETED']);
  });

  it('are asked for by rows of the signal table, a file, a topic and the runtime', async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'signals-')), 'signals.txt');
    const client = await prepare(SIGNAL_TABLE, 'create table t (id int primary key)', 'insert into t values (1)');
    const driver = await run({ 'signal.data.collection': 'public.signals', 'signal.enabled.channels': 'source,file,kafka', 'signal.file': file, 'signal.poll.interval.ms': '1', 'signal.consumer.security.protocol': 'SSL' });
    const data = { 'data-collections': ['public.t'] };
    const idOf = async (): Promise<string> => notices(await driver.until(hasCompleted))[0]!.id;
    await client.query('insert into signals values ($1, $2, $3)', ['by-row', 'execute-snapshot', JSON.stringify(data)]);
    expect(await idOf()).toBe('by-row');
    fs.writeFileSync(file, `no json\n\n${JSON.stringify({ id: 'by-file', type: 'execute-snapshot', data })}\n`);
    expect(await idOf()).toBe('by-file');
    expect(fs.readFileSync(file, 'utf8')).toBe('');
    const [followed] = driver.followed;
    expect(followed).toMatchObject({ topic: `${database}-signal`, groupId: `kafka-signal-${database}`, startAt: 'latest', settings: { 'security.protocol': 'SSL' } });
    for (const key of ['another', database]) await followed!.onRecord({ partition: 0, offset: 0, key: Buffer.from(key), value: Buffer.from(JSON.stringify({ id: `by-topic-${key}`, type: 'execute-snapshot', data })), timestampMs: 0 });
    expect(await idOf()).toBe(`by-topic-${database}`);
    driver.task.onSignal({ id: 'by-rest', type: 'execute-snapshot', data });
    expect(await idOf()).toBe('by-rest');
    expect(() => driver.task.onSignal({ id: 'z', type: 'execute-snapshot', data: {} })).toThrow(/needs data-collections/);
    expect(() => driver.task.onSignal({ id: 'z', type: 'dance', data: {} })).toThrow(/signal type dance is not known/);
  });

  it('that are blocking read the tables while streaming rests, and miss nothing', async () => {
    const client = await prepare('create table t (id int primary key, v int)', 'create table u (id int primary key)', 'insert into t select g, g from generate_series(1, 10) g', 'insert into u values (1)');
    const driver = await run();
    await client.query('insert into t values (11, 11)');
    const records = await driver.until((it) => events(it, 't').length === 1);
    driver.task.onSignal({ id: 'x', type: 'execute-snapshot', data: { type: 'BLOCKING', 'data-collections': ['public.t', 'public.u'], 'additional-conditions': [{ 'data-collection': 'public.t', filter: 'select * from public.t where v > 8 order by v' }] } });
    await client.query('insert into t values (12, 12)');
    records.push(...(await driver.until((it) => hasCompleted(it) && events(it, 't').some(({ op, after }) => op === 'c' && after?.id === 12))));
    expect(events(records, 't').filter((it) => it.op === 'r').map((it) => it.after?.id)).toEqual(expect.arrayContaining([9, 10, 11]));
    expect(events(records, 'u').map((it) => it.op)).toEqual(['r']);
    expect(notices(records).map((it) => it.type)).toEqual(['STARTED', 'IN_PROGRESS', 'TABLE_SCAN_COMPLETED', 'IN_PROGRESS', 'TABLE_SCAN_COMPLETED', 'COMPLETED']);
  });
});
