import fc from 'fast-check';
import { DATE_NAME, Decimal, decimalSchema, TIME_NAME, TIMESTAMP_NAME } from './decimal.js';
import { type JsonForm, JsonWriter } from './json-writer.js';
import { LazyStruct } from './lazy-struct.js';
import { Schema } from './schema.js';
import { Struct } from './struct.js';
import type { Value } from './value.js';
import type { ValueWriter } from './value-writer.js';

const READABLE: JsonForm = { decimals: 'text', times: 'iso', maps: 'pairs' };
const NUMERIC: JsonForm = { decimals: 'numeric', times: 'numeric', maps: 'object' };
const INNER = Schema.struct({ x: Schema.of('int64'), y: Schema.of('string', { optional: true }) }, { optional: true });
const ROW = Schema.struct({
  id: Schema.of('int64'), name: Schema.of('string', { optional: true }), price: decimalSchema(2), day: Schema.of('int32', { name: DATE_NAME }), time: Schema.of('int32', { name: TIME_NAME }), at: Schema.of('int64', { name: TIMESTAMP_NAME }),
  raw: Schema.of('bytes'), list: Schema.array(Schema.of('double')), tags: Schema.map(Schema.of('string'), INNER), pairs: Schema.map(Schema.of('int32'), Schema.array(Schema.of('boolean'))), inner: INNER,
});
const at = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
const VALUE = new Struct(ROW, {
  id: 9007199254740993n, name: null, price: Decimal.parse('-12.50'), day: new Date(Date.UTC(2026, 0, 2)), time: new Date(3_723_004), at, raw: Uint8Array.of(1, 2, 255),
  list: [1.5, NaN], tags: new Map([['a', new Struct(INNER, { x: 1n, y: 'ü"\n' })], ['b', null]]), pairs: new Map([[1, [true, false]], [2, []]]), inner: null,
});

class Lazy extends LazyStruct {
  constructor(
    readonly schema: Schema,
    private readonly write: (writer: ValueWriter) => void,
  ) {
    super();
  }
  visit(writer: ValueWriter): void {
    if (!writer.beginStruct(this.schema)) return;
    this.write(writer);
    writer.endStruct();
  }
}

describe('JsonWriter', () => {
  it('writes what people read: decimals and times as texts, maps with keys of other types as pairs', () => {
    expect(new JsonWriter(READABLE).textOf(ROW, VALUE)).toBe(
      '{"id":9007199254740993,"name":null,"price":"-12.50","day":"2026-01-02","time":"01:02:03.004","at":"2026-01-02T03:04:05.006Z","raw":"AQL/","list":[1.5,"NaN"],'
        + '"tags":{"a":{"x":1,"y":"ü\\"\\n"},"b":null},"pairs":[[1,[true,false]],[2,[]]],"inner":null}',
    );
  });

  it('writes what programs count with: decimals as numbers with every digit, times as their schemas count, all maps as objects', () => {
    expect(new JsonWriter(NUMERIC).textOf(ROW, VALUE)).toBe(
      '{"id":9007199254740993,"name":null,"price":-12.50,"day":20455,"time":3723004,"at":1767323045006,"raw":"AQL/","list":[1.5,"NaN"],"tags":{"a":{"x":1,"y":"ü\\"\\n"},"b":null},"pairs":{"1":[true,false],"2":[]},"inner":null}',
    );
    expect(JSON.parse(new JsonWriter({ ...NUMERIC, decimals: 'base64' }).textOf(ROW, VALUE))).toMatchObject({ price: '+x4=' });
  });

  it('writes a lazy struct from its bytes as it writes the struct', () => {
    const [escaped, plain, long] = [Buffer.from('Zü"rich'), Buffer.from('plain'), Buffer.from('ü'.repeat(5000))];
    const schema = Schema.struct({ a: Schema.of('string'), b: Schema.of('string'), c: Schema.of('string'), n: Schema.of('int64'), d: decimalSchema(2), e: decimalSchema(1), m: Schema.map(Schema.of('int64'), Schema.of('double')) });
    const lazy = new Lazy(schema, (writer) => {
      for (const it of [escaped, plain, long]) writer.utf8(it, 0, it.length);
      writer.integerText(Buffer.from('x123'), 1, 4);
      writer.decimalText(Buffer.from('-1.50'), 0, 5);
      writer.decimal(Uint8Array.of(15), 1);
      writer.beginMap(schema.field('m')!.schema, 1);
      writer.integerText(Buffer.from('7'), 0, 1);
      writer.float(-Infinity);
      writer.endMap();
    });
    for (const form of [READABLE, NUMERIC, { ...NUMERIC, decimals: 'base64' as const }]) {
      const writer = new JsonWriter(form);
      expect(writer.textOf(schema, lazy)).toBe(writer.textOf(schema, lazy.toStruct()));
      expect(Buffer.from(writer.bytesOf(null, lazy)).toString('utf8')).toBe(writer.textOf(schema, lazy));
    }
  });

  it('writes values without a schema as JSON.parse reads them back', () => {
    const json = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, fc.constant(null), fc.boolean(), fc.string({ unit: 'binary' }), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 })),
    })).value;
    const asConnect = (it: unknown): Value => {
      if (Array.isArray(it)) return it.map(asConnect);
      if (typeof it === 'object' && it !== null) return new Map(Object.entries(it).map(([key, value]) => [key, asConnect(value)]));
      return Number.isSafeInteger(it) && !Object.is(it, -0) ? BigInt(it as number) : (it as Value);
    };
    const writer = new JsonWriter(READABLE);
    fc.assert(fc.property(json, (value) => expect(JSON.parse(writer.textOf(null, asConnect(value)))).toEqual(JSON.parse(JSON.stringify(value)))));
  });

  it('refuses what JSON cannot hold, and is as good as new behind it', () => {
    const writer = new JsonWriter(READABLE);
    let deep: Value = 'x';
    for (let i = 0; i < 1001; i++) deep = [deep];
    for (const bad of [new Map([[null, 1n]]), new Map([[['a'], 1n]]), ['kept', new Date(NaN)], deep]) expect(() => writer.textOf(null, bad)).toThrow(expect.objectContaining({ code: 'CONNECT_DATA' }));
    expect(() => writer.textOf(ROW, new Struct(ROW, { id: 1n }))).toThrow(expect.objectContaining({ code: 'CONNECT_DATA' }));
    expect(writer.textOf(null, new Map<Value, Value>([[true, new Map([[2n, at]])]]))).toBe('{"true":{"2":"2026-01-02T03:04:05.006Z"}}');
  });
});
