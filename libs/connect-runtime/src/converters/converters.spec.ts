import { Schema, Struct, type Converter, type Value } from '@millrace/connect-api';
import { ByteArrayConverter } from './byte-array-converter.js';
import { BUILT_IN_CONVERTERS } from './built-in-converters.js';
import { SimpleHeaderConverter } from './simple-header-converter.js';
import { StringConverter } from './string-converter.js';

const utf8 = (made: Converter, value: Value, schema: Schema | null = null): string | null => {
  const bytes = made.fromConnectData('t', schema, value);
  return bytes && Buffer.from(bytes).toString('utf8');
};

describe('StringConverter', () => {
  it('writes any value as Java’s toString does, and reads optional strings', () => {
    const made = new StringConverter();
    made.configure({}, false);
    const schema = Schema.struct([['a', Schema.of('int32')], ['b', Schema.of('string', { optional: true })]]);
    expect([utf8(made, 'é'), utf8(made, 5n), utf8(made, 1.5), utf8(made, true), utf8(made, null), utf8(made, new Struct(schema, { a: 1 }), schema)]).toEqual(['é', '5', '1.5', 'true', null, 'Struct{a=1}']);
    expect(made.toConnectData('t', Buffer.from('é'))).toMatchObject({ schema: { type: 'string', optional: true }, value: 'é' });
    expect(made.toConnectData('t', null).value).toBeNull();
    made.configure({ 'converter.encoding': 'ISO-8859-1' }, false);
    expect(made.fromConnectData('t', null, 'é')).toEqual(Buffer.from([0xe9]));
    expect(() => made.configure({ 'converter.encoding': 'EBCDIC' }, false)).toThrow(/Unsupported character set/);
  });
});

describe('ByteArrayConverter', () => {
  it('passes bytes through and nothing else', () => {
    const made = new ByteArrayConverter();
    expect(made.fromConnectData('t', Schema.of('bytes'), Buffer.from('x'))).toEqual(Buffer.from('x'));
    expect(() => made.fromConnectData('t', Schema.of('string'), 'x')).toThrow(/Invalid schema type/);
    expect(() => made.fromConnectData('t', null, 'x')).toThrow(/not compatible/);
  });
});

describe('number converters', () => {
  it.each([
    ['Short', -2, 'fffe'],
    ['Integer', 258, '00000102'],
    ['Long', 2n ** 62n, '4000000000000000'],
    ['Float', 1.5, '3fc00000'],
    ['Double', -0.5, 'bfe0000000000000'],
    ['Boolean', true, '01'],
  ])('%s', (name, value, hex) => {
    const made = BUILT_IN_CONVERTERS.find((it) => it.class === `org.apache.kafka.connect.converters.${name}Converter`)?.make();
    const bytes = made?.fromConnectData('t', null, value) ?? null;
    expect(Buffer.from(bytes ?? []).toString('hex')).toBe(hex);
    expect(made?.toConnectData('t', bytes).value).toBe(value);
    expect(() => made?.toConnectData('t', Buffer.alloc(3))).toThrow(/Size of data/);
  });
});

describe('SimpleHeaderConverter', () => {
  const made = new SimpleHeaderConverter();

  it('guesses the type of texts', () => {
    const read = (text: string): unknown[] => {
      const { schema, value } = made.toConnectHeader('t', 'h', Buffer.from(text));
      return [schema?.type, value];
    };
    expect(['null', 'true', '7', '300', '70000', '5000000000', '1.5', '1e300', '"5"', 'plain', ''].map(read)).toEqual([
      [undefined, null], ['boolean', true], ['int8', 7], ['int16', 300], ['int32', 70000], ['int64', 5000000000n], ['float', 1.5], ['double', 1e300], ['string', '"5"'], ['string', 'plain'], ['string', ''],
    ]);
    expect(['2024-02-29', '12:34:56.789Z', '[1,300]', '{"a":1}', '[]', '[1,"x"]', '[1,'].map(read)).toEqual([
      ['int32', new Date('2024-02-29')], ['int32', new Date(45_296_789)], ['array', [1, 300]], ['map', new Map([['a', 1]])], [undefined, []], [undefined, [1n, 'x']], ['string', '[1,'],
    ]);
  });

  it('writes plain texts, and quotes only inside lists and maps', () => {
    const write = (value: Value, schema: Schema | null = null): string => Buffer.from(made.fromConnectHeader('t', 'h', schema, value) ?? []).toString();
    expect([write('a "b"'), write(['a', 1n, null]), write(new Map<Value, Value>([['k', 'v']])), write(Buffer.from('hi')), write(1, Schema.of('int8')), write(1), write(new Date(0))]).toEqual(['a "b"', '["a",1,null]', '{"k":"v"}', 'aGk=', '1', '1.0', '00:00:00.000Z']);
    expect(made.fromConnectHeader('t', 'h', null, null)).toBeNull();
  });
});
