import { JsonConverter } from '../../../libs/connect-runtime/src/converters/json/json-converter.js';
import { decimalSchema, Decimal, Schema, type SinkRecord, Struct, type Value } from '@millrace/connect-api';
import { SinkServer } from '../test/sink-database.js';
import { DebeziumTable, sinkRecord } from '../test/sink-driver.js';

let server: SinkServer;
beforeAll(async () => {
  server = await SinkServer.start();
}, 60_000);
afterEach(() => server.endTest());
afterAll(() => server.stop());

const optional = { optional: true } as const;
const VARIABLE = Schema.struct({ scale: Schema.of('int32'), value: Schema.of('bytes') }, { ...optional, name: 'io.debezium.data.VariableScaleDecimal' });
const table = new DebeziumTable(['id'], {
  id: Schema.of('int64'), flag: Schema.of('boolean', optional), price: decimalSchema(2, { ...optional, precision: 30 }), any: VARIABLE, ratio: Schema.of('double', optional), note: Schema.of('string', optional), raw: Schema.of('bytes', optional),
  at: Schema.of('int64', { ...optional, name: 'io.debezium.time.MicroTimestamp' }), list: Schema.array(Schema.of('string', optional), optional), map: Schema.map(Schema.of('string'), Schema.of('int32'), optional),
});

function throughJson(record: SinkRecord, converters: { readonly key: JsonConverter; readonly value: JsonConverter }): SinkRecord {
  const key = converters.key.fromConnectData(record.topic, record.keySchema, record.key);
  const value = converters.value.fromConnectData(record.topic, record.valueSchema, record.value);
  const readKey = converters.key.toConnectData(record.topic, key && Uint8Array.from(key));
  const readValue = converters.value.toConnectData(record.topic, value && Uint8Array.from(value));
  return sinkRecord({ topic: record.topic, keySchema: readKey.schema, key: readKey.value, valueSchema: readValue.schema, value: readValue.value });
}

test('records that come as JSON land as the same records of values', async () => {
  const database = await server.database();
  const converters = { key: new JsonConverter(), value: new JsonConverter() };
  converters.key.configure({}, true);
  converters.value.configure({}, false);
  const row = (id: bigint): Record<string, Value> => ({
    id, flag: id % 2n === 0n, price: new Decimal(id * -101n, 2), any: new Struct(VARIABLE, { scale: 3, value: new Decimal(id * 7n, 3).toBytes() }), ratio: Number(id) / 3, note: `"é\\ ${id}\n\t`, raw: Buffer.from(`raw ${id}`),
    at: 1_700_000_000_000_000n + id, list: ['a', null, `"${id}"`], map: new Map<Value, Value>([['k', Number(id % 1000n)]]),
  });
  const ids = [1n, 2n, 9_007_199_254_740_993n, ...Array.from({ length: 60 }, (_, i) => BigInt(i + 10))];
  const records = [...ids.map((id) => table.change('c', row(id))), table.change('u', { ...row(1n), note: null, list: [] }), table.delete(row(2n)), table.tombstone(row(2n)), table.change('u', { ...row(10n), note: '__debezium_unavailable_value' })];
  await database.driver({ 'collection.name.format': 'by_value' }).put(...records);
  await database.driver({ 'collection.name.format': 'by_json' }).put(...records.map((it) => throughJson(it, converters)));
  const [first, second] = [await database.rows('by_value'), await database.rows('by_json')];
  expect(second).toEqual(first);
  expect(second).toHaveLength(62);
  expect(second[0]).toEqual(['1', 'f', '-1.01', '0.007', '0.3333333333333333', null, '\\x7261772031', '2023-11-14 22:13:20.000001', '{}', '{"k":1}']);
  expect(await database.types('by_json')).toEqual(await database.types('by_value'));
});
