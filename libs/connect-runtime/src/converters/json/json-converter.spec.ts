import fc from 'fast-check';
import { Decimal, decimalSchema, LazyStruct, Schema, Struct, type Value, type ValueWriter } from '@millrace/connect-api';
import { samples } from '../../../test/json-samples.js';
import { JsonConverter } from './json-converter.js';

function converter(config: Record<string, string> = {}): JsonConverter {
  const made = new JsonConverter();
  made.configure(config, false);
  return made;
}

function write(made: JsonConverter, schema: Schema | null, value: Value): string {
  return Buffer.from(made.fromConnectData('t', schema, value) ?? []).toString('utf8');
}

function read(made: JsonConverter, text: string): { schema: Schema | null; value: Value } {
  return made.toConnectData('t', Buffer.from(text, 'utf8'));
}

const row = Schema.struct(
  [
    ['id', Schema.of('int64')],
    ['name', Schema.of('string', { optional: true, default: 'none' })],
    ['amount', decimalSchema(2, { optional: true, precision: 10 })],
  ],
  { name: 'shop.Row', optional: true, version: 3, doc: 'a row' },
);

describe('JsonConverter', () => {
  it('writes the envelope that Java writes', () => {
    const made = converter();
    const value = new Struct(row, { id: 9007199254740993n, amount: new Decimal(-1250n, 2) });
    expect(write(made, row, value)).toBe(
      '{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"id"},{"type":"string","optional":true,"default":"none","field":"name"},' +
        '{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"amount"}],' +
        '"optional":true,"name":"shop.Row","version":3,"doc":"a row"},"payload":{"id":9007199254740993,"name":"none","amount":"+x4="}}',
    );
    const second = write(made, row, new Struct(row, { id: 1n }));
    expect(second.endsWith('"payload":{"id":1,"name":"none","amount":null}}')).toBe(true);
    expect(write(made, row, null).endsWith('"payload":null}')).toBe(true);
  });

  it('reads back what it wrote, for random schemas and values', () => {
    fc.assert(
      fc.property(samples, fc.constantFrom('BASE64', 'NUMERIC'), ({ schema, value }, format) => {
        const made = converter({ 'decimal.format': format });
        const text = write(made, schema, value);
        expect(() => JSON.parse(text) as unknown).not.toThrow();
        for (let pass = 0; pass < 2; pass++) {
          const back = read(made, text);
          expect(back.schema === null).toBe(false);
          expect(write(made, back.schema, back.value)).toBe(text);
          if (back.value instanceof LazyStruct) expect(write(made, back.schema, back.value.toStruct())).toBe(text);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('keeps tombstones apart from null values', () => {
    const made = converter();
    expect(made.fromConnectData('t', null, null)).toBeNull();
    expect(made.toConnectData('t', null)).toEqual({ schema: null, value: null });
    expect(write(converter({ 'schemas.enable': 'false' }), row, null)).toBe('null');
  });

  it('refuses null for a required field without a default', () => {
    expect(() => converter().fromConnectData('t', row, new Struct(row))).toThrow(/null/);
    expect(() => (read(converter(), '{"schema":{"type":"int32","optional":false},"payload":null}'))).toThrow('Invalid null value for required INT32 field');
  });

  it('takes fields in any order, with white space, unknown members and missing optional ones', () => {
    const made = converter();
    const schema = write(made, row, null).slice('{"schema":'.length, -',"payload":null}'.length);
    const { value } = read(made, ` { "payload" : { "more":[1,{"x":"}"}], "amount" : "AA==" , "id": 5 } ,\n "schema" : ${schema} } `);
    expect(value).toBeInstanceOf(LazyStruct);
    const struct = (value as LazyStruct).toStruct();
    expect([struct.get('id'), struct.get('name'), String(struct.get('amount'))]).toEqual([5n, 'none', '0.00']);
    expect((value as LazyStruct).get('id')).toBe(5n);
  });

  it('gives one Schema for equal schema texts, so that identity can be relied on', () => {
    const made = converter();
    const text = write(made, row, new Struct(row, { id: 1n }));
    const other = text.replace('"id":1', '"id":2');
    expect(read(made, text).schema).toBe(read(made, other).schema);
  });

  it('does not read the fields of a struct that is not wanted', () => {
    const made = converter();
    const outer = Schema.struct([['row', row], ['op', Schema.of('string')]]);
    const text = write(made, outer, new Struct(outer, { row: new Struct(row, { id: 1n, name: 'a "quoted" } brace' }), op: 'c' }));
    const seen: unknown[] = [];
    const record = (name: string) => (...args: unknown[]): void => void seen.push([name, ...args.slice(0, 1)]);
    const writer = new Proxy({} as ValueWriter, {
      get: (_target, name: string) => (name === 'beginStruct' ? (schema: Schema) => schema.name !== 'shop.Row' : name === 'utf8' ? (bytes: Uint8Array, start: number, end: number) => seen.push(Buffer.from(bytes).toString('utf8', start, end)) : record(name)),
    });
    (read(made, text).value as LazyStruct).visit(writer);
    expect(seen).toEqual(['c', ['endStruct']]);
  });

  it.each([
    ['{}', /requires "schema" and "payload"/],
    ['{"schema":null}', /requires "schema" and "payload"/],
    ['{"schema":null,"payload":1,"x":2}', /requires "schema" and "payload"/],
    ['[1]', /requires "schema" and "payload"/],
    ['{"schema":null,"payload":tru}', /serialization error/],
    ['{"schema":null,"payload":"\u0001"}', /serialization error/],
    ['{"schema":null,"payload":01}', /serialization error/],
    ['{"schema":{"type":"what"},"payload":1}', /Unknown schema type: what/],
    ['{"schema":{"fields":[]},"payload":1}', /must contain 'type' field/],
    [`{"schema":null,"payload":${'['.repeat(2000)}`, /serialization error/],
  ])('refuses %s', (text, problem) => {
    expect(() => read(converter(), text)).toThrow(problem);
  });

  it('reads without schemas: maps, integers of any size, doubles', () => {
    const made = converter({ 'schemas.enable': 'false' });
    const text = '{"a":1,"b":[true,null,-2.5],"c":{"d":"\\u00e9\\ud83d\\ude00\\n"},"e":123456789012345678901234567890}';
    const { schema, value } = read(made, text);
    expect(schema).toBeNull();
    expect(value).toEqual(new Map<string, unknown>([['a', 1n], ['b', [true, null, -2.5]], ['c', new Map([['d', 'é😀\n']])], ['e', 123456789012345678901234567890n]]));
    expect(write(made, null, value)).toBe('{"a":1,"b":[true,null,-2.5],"c":{"d":"é\\uD83D\\uDE00\\n"},"e":123456789012345678901234567890}');
  });
});
