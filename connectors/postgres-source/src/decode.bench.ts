import { Schema, type SourceRecord } from '@millrace/connect-api';
import { CountingWriter } from '@millrace/connect-testkit';
import { numericMapping } from './columns/encoders/decimals.js';
import { encodeInteger, encodeUtf8, writeEmptyText, writeZero } from './columns/encoders/encode.js';
import { zonedTimestampMapping } from './columns/encoders/times.js';
import { readSettings } from './config/source-settings.js';
import { SourceBlock } from './rows/source-block.js';
import { ChangeDecoder } from './streaming/change-decoder.js';
import { TablePlan } from './tables/table-plan.js';
import { writeUint64 } from './wire/lsn.js';

const text = { schema: Schema.of('string'), encode: encodeUtf8, whenNull: writeEmptyText };
const number = { schema: Schema.of('int64'), encode: encodeInteger, whenNull: writeZero };
const column = (name: string, mapping: typeof text) => ({ name, mapping, isOptional: name !== 'id', defaultValue: undefined, isIncluded: true, labels: undefined });
const plan = new TablePlan({
  name: { schema: 'public', table: 't' },
  names: { topic: 'bench.public.t', schema: 'bench.public.t', field: (it) => it },
  columns: [column('id', number), column('account', number), column('amount', numericMapping('precise', 12, 2)), column('note', text), column('at', zonedTimestampMapping(6))],
  key: ['id'],
});

function insert(fields: readonly string[]): Buffer {
  const parts = fields.map((it) => {
    const head = Buffer.from([0x74, 0, 0, 0, 0]);
    head.writeUInt32BE(Buffer.byteLength(it), 1);
    return Buffer.concat([head, Buffer.from(it)]);
  });
  return Buffer.concat([Buffer.from([0x49, 0, 0, 0, 1, 0x4e, 0, fields.length]), ...parts]);
}

function begin(xid: number): Buffer {
  const bytes = Buffer.alloc(21, 0);
  bytes[0] = 0x42;
  writeUint64(bytes, 9, 848_000_000_000_000 + xid);
  bytes.writeUInt32BE(xid, 17);
  return bytes;
}

/** Rows per second of one core: decoding, envelope and key, `rowsPerTransaction` rows at a time. */
export function decodeRate(rowsPerTransaction: number, rows = 1_000_000): { rowsPerSecond: number; microsPerRow: number } {
  const settings = readSettings({ 'database.hostname': 'h', 'database.user': 'u', 'database.dbname': 'd', 'topic.prefix': 'bench' });
  const decoder = new ChangeDecoder({ settings, source: new SourceBlock({ version: 'v', name: 'bench', database: 'd' }), partition: {}, headers: [], stored: undefined, ledger: undefined });
  decoder.setPlan(1, plan);
  const messages = Array.from({ length: 1000 }, (_, i) => insert([String(i), String(i % 1000), `${i}.50`, `note number ${i}`, '2026-11-21 08:04:10.123456+00']));
  const starts = messages.map((_, i) => begin(i));
  const commit = Buffer.from([0x43]);
  const writer = new CountingWriter();
  const records: SourceRecord[] = [];
  const cpu = process.cpuUsage();
  for (let i = 0; i < rows; i++) {
    const lsn = 3_000_000_000 + i * 100;
    if (i % rowsPerTransaction === 0) decoder.decode(starts[i % 1000]!, 0, lsn, records);
    if (i % 2048 === 0) decoder.tick();
    decoder.decode(messages[i % 1000]!, 0, lsn, records);
    if (i % rowsPerTransaction === rowsPerTransaction - 1) decoder.decode(commit, 0, lsn, records);
    if (records.length >= 2048) {
      for (const it of records) writer.take(it);
      records.length = 0;
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  return { rowsPerSecond: Math.round(rows / ((user + system) / 1e6)), microsPerRow: (user + system) / rows };
}

if (require.main === module) {
  for (const rowsPerTransaction of [1, 100, 10_000]) {
    decodeRate(rowsPerTransaction, 200_000);
    const { rowsPerSecond, microsPerRow } = decodeRate(rowsPerTransaction);
    process.stdout.write(`${rowsPerTransaction} rows a transaction: ${rowsPerSecond} rows/s of one core, ${microsPerRow.toFixed(2)} us a row\n`);
  }
}
