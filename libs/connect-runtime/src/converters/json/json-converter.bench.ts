import { LazyStruct, Schema, type ValueWriter } from '@millrace/connect-api';
import { JsonConverter } from './json-converter.js';

const int32 = Schema.of('int32');
const text = Schema.of('string', { optional: true });
const int64 = Schema.of('int64', { optional: true });
const row = Schema.struct([['id', int32], ['first_name', text], ['last_name', text], ['email', text], ['age', Schema.of('int32', { optional: true })], ['balance', int64], ['active', Schema.of('boolean', { optional: true })], ['created', int64], ['note', text], ['city', text]], { name: 'server.public.t.Value', optional: true });
const source = Schema.struct(
  [['version', Schema.of('string')], ['connector', Schema.of('string')], ['name', Schema.of('string')], ['ts_ms', Schema.of('int64')], ['snapshot', text], ['db', Schema.of('string')], ['sequence', text], ['ts_us', int64], ['ts_ns', int64], ['schema', Schema.of('string')], ['table', Schema.of('string')], ['txId', int64], ['lsn', int64], ['xmin', int64]],
  { name: 'io.debezium.connector.postgresql.Source' },
);
const envelope = Schema.struct([['before', row], ['after', row], ['source', source], ['op', Schema.of('string')], ['ts_ms', int64], ['ts_us', int64], ['ts_ns', int64]], { name: 'server.public.t.Envelope', version: 2 });
const fields = Buffer.from('123456Annabelle Kowalskianna.kowalski@example.org421234567890a note about nothingWarsaw');

class Row extends LazyStruct {
  readonly schema = envelope;
  id = 0;
  visit(out: ValueWriter): void {
    if (!out.beginStruct(envelope)) return;
    out.null();
    if (out.beginStruct(row)) {
      out.integerText(fields, 0, 6);
      out.utf8(fields, 6, 15);
      out.utf8(fields, 16, 24);
      out.utf8(fields, 24, 49);
      out.integerText(fields, 49, 51);
      out.integerText(fields, 51, 61);
      out.boolean(true);
      out.integer(1763700000123456);
      out.utf8(fields, 61, 81);
      out.utf8(fields, 81, 87);
      out.endStruct();
    }
    if (out.beginStruct(source)) {
      out.string('3.6.0.Final');
      out.string('postgresql');
      out.string('server');
      out.integer(1763700000123);
      out.string('false');
      out.string('postgres');
      out.string('["24023128","24023128"]');
      out.integer(1763700000123456);
      out.long(1763700000123456789n);
      out.string('public');
      out.string('t');
      out.integer(555 + this.id);
      out.integer(24023128);
      out.null();
      out.endStruct();
    }
    out.string('c');
    out.integer(1763700000124);
    out.integer(1763700000124456);
    out.long(1763700000124456789n);
    out.endStruct();
  }
}

class Columns implements ValueWriter {
  total = 0;
  depth = 0;
  null(): void { this.total++; }
  boolean(): void { this.total++; }
  integer(): void { this.total++; }
  long(): void { this.total++; }
  integerText(_b: Uint8Array, s: number, e: number): void { this.total += e - s; }
  float(): void { this.total++; }
  string(): void { this.total++; }
  utf8(_b: Uint8Array, s: number, e: number): void { this.total += e - s; }
  bytes(): void { this.total++; }
  decimalText(): void { this.total++; }
  decimal(): void { this.total++; }
  date(): void { this.total++; }
  beginStruct(schema: Schema): boolean { return schema !== source; }
  endStruct(): void { this.total++; }
  beginArray(): void { this.total++; }
  endArray(): void { this.total++; }
  beginMap(): void { this.total++; }
  endMap(): void { this.total++; }
}

/** CPU time since: other processes do not count. */
function cpuNs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) * 1000;
}

const converter = new JsonConverter();
converter.configure({}, false);
const record = new Row();
const sample = Uint8Array.from(converter.fromConnectData('t', envelope, record) ?? []);
console.log(`record: ${sample.length} bytes, payload ${sample.length - Buffer.from(sample).indexOf('"payload":')} bytes`);
for (let round = 0; round < 5; round++) {
  const count = 300_000;
  let started = process.cpuUsage();
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    record.id = i;
    bytes += converter.fromConnectData('t', envelope, record)?.length ?? 0;
  }
  const write = cpuNs(started) / count;
  started = process.cpuUsage();
  const columns = new Columns();
  for (let i = 0; i < count; i++) {
    const { value } = converter.toConnectData('t', sample);
    (value as LazyStruct).visit(columns);
  }
  const read = cpuNs(started) / count;
  console.log(`write ${write.toFixed(0)} ns, read and visit ${read.toFixed(0)} ns (${bytes + columns.total})`);
}
