import { Decimal, decimalSchema, DATE_NAME, Schema, type SinkRecord, Struct, TIMESTAMP_NAME, type Value } from '@millrace/connect-api';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { record } from '../../test/sink-driver.js';
import { Csv } from './csv.js';
import { JsonLines } from './json-lines.js';
import { Raw } from './raw.js';

const INNER = Schema.struct({ x: Schema.of('int64'), y: Schema.of('string', { optional: true }) }, { optional: true });
const ROW = Schema.struct({
  id: Schema.of('int64'), name: Schema.of('string', { optional: true }), price: decimalSchema(2), day: Schema.of('int32', { name: DATE_NAME }), at: Schema.of('int64', { name: TIMESTAMP_NAME }),
  raw: Schema.of('bytes'), list: Schema.array(Schema.of('double')), tags: Schema.map(Schema.of('string'), INNER), pairs: Schema.map(Schema.of('int32'), Schema.array(Schema.of('boolean'))), inner: INNER,
});
const VALUE = new Struct(ROW, {
  id: 9007199254740993n, name: null, price: Decimal.parse('-12.50'), day: new Date(Date.UTC(2026, 0, 2)), at: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)), raw: Uint8Array.of(1, 2, 255),
  list: [1.5, NaN], tags: new Map([['a', new Struct(INNER, { x: 1n, y: 'ü"\n' })], ['b', null]]), pairs: new Map([[1, [true, false]], [2, []]]), inner: null,
});
const TEXT = '{"id":9007199254740993,"name":null,"price":"-12.50","day":"2026-01-02","at":"2026-01-02T03:04:05.006Z","raw":"AQL/","list":[1.5,"NaN"],'
  + '"tags":{"a":{"x":1,"y":"ü\\"\\n"},"b":null},"pairs":[[1,[true,false]],[2,[]]],"inner":null}';

function row(value: Value, valueSchema: Schema | null, more: Partial<SinkRecord> = {}): SinkRecord {
  return record(7, value, { valueSchema, ...more });
}

test('JSON: a line a value; decimals, bytes and times are texts, a map with other keys than texts is an array of pairs', () => {
  expect(new JsonLines(['value']).encode(row(VALUE, ROW)).content).toBe(`${TEXT}\n`);
});

test('JSON of several parts of a record', () => {
  const it = row('v', Schema.of('string'), { key: 5n, keySchema: Schema.of('int64'), headers: [{ key: 'h', schema: Schema.of('string'), value: 'x' }] });
  expect(new JsonLines(['topic', 'partition', 'offset', 'timestamp', 'key', 'value', 'headers']).encode(it).content)
    .toBe('{"topic":"t","partition":0,"offset":7,"timestamp":"2023-11-14T22:13:27.000Z","key":5,"value":"v","headers":[{"key":"h","value":"x"}]}\n');
});

test('CSV: header, CRLF, quotes; null is empty, an empty text is quoted; parts are JSON', () => {
  const csv = new Csv({ fields: ['offset', 'value'], columns: ['id', 'name', 'tags', 'missing'], hasHeader: true, delimiter: ',' });
  const { content, shape } = csv.encode(row(VALUE, ROW));
  expect(csv.head(shape) + String(content)).toBe('offset,id,name,tags,missing\r\n7,9007199254740993,,"{""a"":{""x"":1,""y"":""ü\\""\\n""},""b"":null}",\r\n');
});

test('CSV is what csv-parse reads back, whatever is in the cells', () => {
  const cells = fc.array(fc.string({ unit: fc.constantFrom('a', 'ä', '"', ',', ';', '\n', '\r', ' ', '\t') }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(cells, fc.constantFrom(',', ';', '\t'), (texts, delimiter) => {
      const csv = new Csv({ fields: ['value'], columns: [], hasHeader: false, delimiter });
      const { content } = csv.encode(row(new Map(texts.map((it, i) => [`c${i}`, it])), null));
      expect(parse(String(content), { delimiter, record_delimiter: '\r\n' })).toEqual([texts]);
    }),
  );
});

test('raw: text and bytes as they are; what has parts is refused', () => {
  expect(new Raw('\n').encode(row('ä', Schema.of('string'))).content).toBe('ä\n');
  expect([...(new Raw('').encode(row(Uint8Array.of(1, 255), Schema.of('bytes'))).content as Uint8Array)]).toEqual([1, 255]);
  expect(() => new Raw('\n').encode(row(VALUE, ROW))).toThrow(/texts and bytes/);
});
