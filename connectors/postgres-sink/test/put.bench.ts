/**
 * Rows a second that a task writes, and how long a put of one row takes, against a server of its own.
 * `node test/put.bench.js [rows] [rows of a put]` after compiling it; prints one JSON line a figure.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decimalSchema, Schema, type SinkRecord, type ValueWriter } from '@millrace/connect-api';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { BytesStruct, SinkDriver, sinkRecord } from './sink-driver.js';

const KEY = Schema.struct({ id: Schema.of('int64') }, { name: 'b.Key' });
const ROW = Schema.struct(
  {
    id: Schema.of('int64'), account: Schema.of('int32', { optional: true }), amount: decimalSchema(2, { precision: 12, optional: true }), note: Schema.of('string', { optional: true }),
    at: Schema.of('string', { optional: true, name: 'io.debezium.time.ZonedTimestamp' }),
  },
  { name: 'b.Value', optional: true },
);
const ENVELOPE = Schema.struct([['before', ROW], ['after', ROW], ['op', Schema.of('string')]], { name: 'b.Envelope' });

function text(writer: ValueWriter, value: string): void {
  const bytes = Buffer.from(value);
  writer.utf8(bytes, 0, bytes.length);
}

function record(id: number, note: string, offset: number): SinkRecord {
  const ids = Buffer.from(String(id));
  const amount = Buffer.from(`${id}.01`);
  const notes = Buffer.from(`${note} ${id}`);
  const at = Buffer.from('2026-11-21T08:00:00.123456Z');
  const key = new BytesStruct(KEY, (writer) => writer.integerText(ids, 0, ids.length));
  const after = new BytesStruct(ROW, (writer) => {
    writer.integerText(ids, 0, ids.length);
    writer.integer(id % 1000);
    writer.decimalText(amount, 0, amount.length);
    writer.utf8(notes, 0, notes.length);
    writer.utf8(at, 0, at.length);
  });
  const value = new BytesStruct(ENVELOPE, (writer) => {
    writer.null();
    after.visit(writer);
    text(writer, 'c');
  });
  return sinkRecord({ topic: 'b', keySchema: KEY, key, valueSchema: ENVELOPE, value, offset });
}

/** Processor time in microseconds that the server's processes have used; on a busy machine it says more than the clock. Linux only. */
function serverCpuUs(postmaster: number | undefined): number {
  const TICK_US = 10_000;
  let ticks = 0;
  for (const pid of process.platform === 'linux' ? readdirSync('/proc').filter((it) => /^\d+$/.test(it)) : []) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
      if (Number(stat[1]) === postmaster) ticks += Number(stat[11]) + Number(stat[12]);
    } catch {
      continue;
    }
  }
  return ticks * TICK_US;
}

let postmaster: number | undefined;

async function measure(label: string, rows: number, perPut: number, driver: SinkDriver, make: (id: number) => SinkRecord): Promise<void> {
  const puts: SinkRecord[][] = [];
  for (let start = 0; start < rows; start += perPut) puts.push(Array.from({ length: Math.min(perPut, rows - start) }, (_, i) => make(start + i)));
  const serverCpu = serverCpuUs(postmaster);
  const cpu = process.cpuUsage();
  const begin = process.hrtime.bigint();
  for (const put of puts) await driver.put(...put);
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({ label, rows, perPut, rows_per_s: Math.round(rows / seconds), node_us_per_row: +((used.user + used.system) / rows).toFixed(2), server_us_per_row: +((serverCpuUs(postmaster) - serverCpu) / rows).toFixed(2), ms_per_put: +((seconds * 1000) / puts.length).toFixed(3) }));
}

async function main(): Promise<void> {
  const rows = Number(process.argv[2] ?? 200_000);
  const perPut = Number(process.argv[3] ?? 2000);
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-sink-bench-'));
  const server = await EmbeddedPostgres.start({ folder });
  postmaster = server.pid;
  const config = { 'connection.url': `jdbc:postgresql://${server.host}:${server.port}/postgres?sslmode=disable`, 'connection.username': server.user, 'schema.evolution': 'basic', 'primary.key.mode': 'record_key', 'delete.enabled': 'true' };
  try {
    const upsert = new SinkDriver({ ...config, 'insert.mode': 'upsert', 'collection.name.format': 'u' });
    await upsert.put(record(-1, 'warm', 0));
    for (const round of ['fresh keys', 'existing keys', 'existing keys again']) await measure(`upsert ${round}`, rows, perPut, upsert, (id) => record(id, round, id));
    await measure('delete', rows, perPut, upsert, (id) => sinkRecord({ topic: 'b', keySchema: KEY, key: record(id, '', id).key }));
    for (const size of [1, 4, 8, 16, 32, 64, 200]) await measure(`upsert in puts of ${size}`, Math.min(size * 300, 20_000), size, upsert, (id) => record(id, 'small', id));
    await upsert.stop();
    const append = new SinkDriver({ ...config, 'insert.mode': 'insert', 'primary.key.mode': 'none', 'delete.enabled': 'false', 'collection.name.format': 'a' });
    await measure('append', rows, perPut, append, (id) => record(id, 'x', id));
    await append.stop();
    const once = new SinkDriver({ ...config, 'insert.mode': 'upsert', 'collection.name.format': 'o', 'exactly.once': 'true' });
    let offset = 0;
    for (const round of ['fresh keys', 'existing keys']) await measure(`upsert exactly once, ${round}`, rows, perPut, once, (id) => record(id, round, offset++));
    for (const size of [1, 16, 200]) await measure(`upsert exactly once in puts of ${size}`, Math.min(size * 300, 20_000), size, once, (id) => record(id, 'small', offset++));
    await once.stop();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
