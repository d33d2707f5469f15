import path from 'node:path';
import fc from 'fast-check';
import { DATE_NAME, decimalSchema, Decimal, LazyStruct, Schema, Struct, TIME_NAME, TIMESTAMP_NAME, type ConnectRecord, type Header, type SinkRecord, type Value } from '@millrace/connect-api';
import { peerClassPath, peersMissing, runProgram } from '@millrace/testkit';
import { samples } from '../../test/json-samples.js';
import { JsonConverter } from '../converters/json/json-converter.js';
import { BUILT_IN_TRANSFORMATIONS } from './built-in-transformations.js';

const missing = peersMissing();
/** Another one finds other records; a float that a decimal is rounded to may then differ in its last bit. */
const SEED = Number(process.env.TRANSFORMS_SEED ?? 20261121);
const describeWithJava = missing === undefined ? describe : describe.skip;
const PACKAGE = 'org.apache.kafka.connect.transforms.';

const converter = new JsonConverter();
converter.configure({ 'schemas.enable': 'true' }, false);
const json = (schema: Schema | null, value: Value): string | null => {
  const bytes = converter.fromConnectData('t', schema, value);
  return bytes && Buffer.from(bytes).toString('utf8');
};
const parsed = (text: string | null): { schema: Schema | null; value: Value } => converter.toConnectData('t', text === null ? null : Buffer.from(text));
const encoded = (text: string | null): string => (text === null ? '-' : Buffer.from(text).toString('base64') || '');

interface Case {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  readonly topic: string;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
}

function line(it: Case): string {
  const config = Object.entries(it.config).map(([key, value]) => `${key}=${value}`).join('\n');
  const headers = it.headers.map(([key, value]) => `${key}=${value}`).join('\n');
  return [PACKAGE + it.name, config, it.topic, String(it.timestampMs), it.key, it.value, headers].map(encoded).join(' ');
}

/** The answer in Java's form; an error as `error message`. */
function ours(it: Case): string {
  try {
    const transformation = BUILT_IN_TRANSFORMATIONS.get(PACKAGE + it.name)!();
    transformation.configure(it.config);
    const key = parsed(it.key);
    const value = parsed(it.value);
    const record: SinkRecord = {
      topic: it.topic, partition: 3, kafkaOffset: 42, keySchema: key.schema, key: key.value, valueSchema: value.schema, value: value.value, timestampMs: it.timestampMs, timestampType: 'CreateTime',
      headers: it.headers.map(([name, text]): Header => ({ key: name, ...parsed(text) })), originalTopic: it.topic, originalPartition: 3, originalKafkaOffset: 42,
    };
    const result = transformation.apply(record);
    if (result === null) return 'null';
    const headers = result.headers.map((header) => `${header.key}=${json(header.schema, header.value) ?? 'null'}`).join('\n');
    return [result.topic, String(result.timestampMs), json(result.keySchema, result.key), json(result.valueSchema, result.value), headers].map(encoded).join(' ');
  } catch (error) {
    return `error ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Maps without a schema have no order in Java. Java 17 does not always write floating-point numbers as short as they can be. */
function plain(answer: string): unknown {
  if (answer === 'null') return null;
  return answer.split(' ').map((part) => {
    if (part === '-') return null;
    const text = Buffer.from(part, 'base64').toString('utf8');
    return text.split('\n').map((row) => (row.includes('{"schema":null') ? sorted(JSON.parse(row.slice(row.indexOf('{'))) as unknown) : row.replace(/-?\d+\.\d+(?:E-?\d+)?/g, shortest)));
  });
}

function shortest(text: string): string {
  return String(text.replace(/E.*|\D/g, '').length <= 9 ? Math.fround(Number(text)) : Number(text));
}

/** The converter behind the transformation is stricter than ours, or Java cannot do what we can. */
const STRICTER = /Invalid type for (Date|Time|Timestamp|Decimal)|mismatching scale/;

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]): [string, unknown] => [key, sorted(it)]).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Fields of every kind, with and without defaults, some null. */
const field = (type: Schema, values: fc.Arbitrary<Value>): fc.Arbitrary<{ schema: Schema; value: Value }> =>
  fc.tuple(fc.boolean(), fc.boolean(), values, values, fc.boolean()).map(([optional, hasDefault, standIn, value, isNull]) => {
    const { name, version, parameters } = type;
    const schema = type.with({ name, version, parameters, optional, ...(hasDefault ? { default: standIn } : {}) });
    return { schema, value: isNull && optional ? null : value };
  });
const texts = fc.oneof(fc.constantFrom('', '5', '-129', '300', '1.5', 'true', 'TRUE', ' 7', '2024-02-29 12:34:56.789', '1e3', 'abc', 'NaN', '0x1p3'), fc.string({ maxLength: 6 }));
const days = fc.integer({ min: -1000, max: 30_000 }).map((it): Value => new Date(it * 86_400_000));
const doubles = fc.tuple(fc.integer({ min: -10_000_000, max: 10_000_000 }), fc.constantFrom(1, 2, 4, 8, 1000, 1e-9, 1e9)).map(([a, b]) => a / b);
const leaves = {
  a: field(Schema.of('int8'), fc.integer({ min: -128, max: 127 })),
  b: field(Schema.of('int32'), fc.integer()),
  c: field(Schema.of('int64'), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  d: field(Schema.of('double'), doubles),
  e: field(Schema.of('string'), texts),
  f: field(Schema.of('boolean'), fc.boolean()),
  g: field(Schema.of('bytes'), fc.uint8Array({ maxLength: 8 })),
  h: field(decimalSchema(2), fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }).map((it): Value => new Decimal(it, 2))),
  i: field(Schema.of('int32', { name: DATE_NAME, version: 1 }), days),
  j: field(Schema.of('int32', { name: TIME_NAME, version: 1 }), fc.integer({ min: 0, max: 86_399_999 }).map((it): Value => new Date(it))),
  k: field(Schema.of('int64', { name: TIMESTAMP_NAME, version: 1 }), fc.integer({ min: -1e11, max: 2e12 }).map((it): Value => new Date(it))),
  l: field(Schema.array(Schema.of('int32')), fc.array(fc.integer(), { maxLength: 3 }).map((it): Value => it)),
  m: field(Schema.of('int16'), fc.integer({ min: -32768, max: 32767 })),
  n: field(Schema.of('float'), fc.integer({ min: -80_000, max: 80_000 }).map((it) => it / 8)),
};
const inner = fc.record({ e: leaves.e, 'x.y': leaves.b }).map((parts) => structOf(parts, { name: 'inner' }));
const outer = fc.tuple(fc.record(leaves, { requiredKeys: ['e', 'c', 'k'] }), inner, fc.boolean()).map(([parts, nested, isNull]) => {
  const schema = nested.schema.with({ ...nested.schema, optional: isNull });
  const value = new Struct(schema);
  schema.fields.forEach((it) => value.setAt(it.index, (nested.value as Struct).withoutDefault(it.index)));
  return structOf({ ...parts, s: { schema, value: isNull ? null : value } }, { name: 'outer', version: 3, doc: 'd' });
});

function structOf(parts: Readonly<Record<string, { schema: Schema; value: Value }>>, options: object): { schema: Schema; value: Value } {
  const schema = Schema.struct(Object.entries(parts).map(([name, it]) => [name, it.schema] as const), options);
  const value = new Struct(schema);
  Object.values(parts).forEach((it, i) => value.setAt(i, it.value));
  return { schema, value };
}

const loose = fc.letrec<{ value: Value; map: Value }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, fc.constant(null), fc.boolean(), texts, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), doubles, fc.array(tie('value'), { maxLength: 2 }).map((it): Value => it), tie('map')),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'e', 'k', 's'), tie('value'), { maxKeys: 5 }).map((it): Value => new Map(Object.entries(it))),
}));

const envelopes = fc.oneof(
  { weight: 6, arbitrary: outer.map((it) => json(it.schema, it.value)) },
  { weight: 3, arbitrary: loose.map.map((it) => json(null, it)) },
  { weight: 1, arbitrary: samples.map((it) => json(it.schema, it.value)) },
  { weight: 1, arbitrary: loose.value.map((it) => json(null, it)) },
  { weight: 1, arbitrary: fc.constant(null) },
);

/** After Java's switch to the Gregorian calendar, and within JavaScript's dates. */
const epochs = fc.bigInt({ min: -(10n ** 10n), max: 4n * 10n ** 12n });
const times = fc.oneof(
  fc.tuple(fc.record({ ...leaves, c: field(Schema.of('int64'), epochs) }, { requiredKeys: ['c', 'e', 'k'] })).map(([parts]) => structOf(parts, { name: 'outer' })).map((it) => json(it.schema, it.value)),
  fc.record({ c: epochs, e: texts, b: fc.boolean() }).map((it) => json(null, new Map<Value, Value>(Object.entries(it)))),
  epochs.map((it) => json(Schema.of('int64'), it)),
  epochs.map((it) => json(null, it)),
  fc.oneof(texts, fc.constantFrom('2024-02-29 12:34:56.789', '20240229123456', '24-2-29', '60 2024 Z', 'Thu, 29 Feb 2024 12:34 PM o\'clock +0130')).map((it) => json(Schema.of('string'), it)),
  fc.constant(null),
);

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 's', 'z');
const list = fc.uniqueArray(name, { minLength: 1, maxLength: 3 });
const replaces = fc.constantFrom({}, { 'replace.null.with.default': 'false' }, { 'replace.null.with.default': 'true' });
const with_ = <T extends Record<string, string>>(config: fc.Arbitrary<T>): fc.Arbitrary<Record<string, string>> => fc.tuple(config, replaces).map(([a, b]) => ({ ...a, ...b }));
const types = fc.constantFrom('int8', 'int16', 'int32', 'int64', 'float32', 'float64', 'boolean', 'string');
const formats = fc.constantFrom('yyyy-MM-dd HH:mm:ss.SSS', 'yyyyMMddHHmmss', "EEE, d MMM yyyy hh:mm a 'o''clock' Z", 'yy-M-d', 'D yyyy X');

const CONFIGS: Readonly<Record<string, fc.Arbitrary<Record<string, string>>>> = {
  Cast: with_(fc.oneof(fc.uniqueArray(fc.tuple(name, types), { selector: ([it]) => it, minLength: 1, maxLength: 4 }).map((it) => ({ spec: it.map((pair) => pair.join(':')).join(',') })), types.map((spec) => ({ spec })))),
  ExtractField: with_(fc.oneof(name.map((field) => ({ field })), fc.constantFrom('s.e', 's.`x.y`', 's.z', 'e.e', 's').map((field) => ({ field, 'field.syntax.version': 'V2' })))),
  Flatten: fc.constantFrom<Record<string, string>>({}, { delimiter: '_' }),
  HeaderFrom: with_(fc.tuple(list, fc.constantFrom('move', 'copy')).map(([fields, operation]) => ({ fields: fields.join(','), headers: fields.map((it) => `h-${it}`).join(','), operation }))),
  HoistField: name.map((field) => ({ field })),
  InsertField: with_(fc.constantFrom<Record<string, string>>({ 'topic.field': 't' }, { 'topic.field': 't!', 'partition.field': 'p', 'offset.field': 'o!', 'timestamp.field': 'time?', 'static.field': 'st', 'static.value': 'v' }, { 'timestamp.field': 'time!' }, { 'static.field': 'e', 'static.value': 'v' })),
  MaskField: with_(fc.tuple(list, fc.constantFrom(undefined, '42', '-7', 'xxx', '3.75')).map(([fields, replacement]) => ({ fields: fields.join(','), ...(replacement === undefined ? {} : { replacement }) }))),
  ReplaceField: with_(fc.tuple(list, list, fc.constantFrom('', 'a:aa,e:ee', 'a:b')).map(([exclude, include, renames]) => ({ exclude: exclude.join(','), ...(include.length > 1 ? { include: include.join(',') } : {}), renames }))),
  SetSchemaMetadata: with_(fc.constantFrom<Record<string, string>>({ 'schema.name': 'n' }, { 'schema.version': '7' }, { 'schema.name': 'n', 'schema.version': '7' })),
  TimestampConverter: with_(
    fc.tuple(fc.constantFrom('', 'c', 'e', 'i', 'j', 'k', 'b'), fc.constantFrom('string', 'unix', 'Date', 'Time', 'Timestamp'), formats, fc.constantFrom('seconds', 'milliseconds', 'microseconds', 'nanoseconds')).map(([at, target, format, precision]) => ({ ...(at === '' ? {} : { field: at }), 'target.type': target, format, 'unix.precision': precision })),
  ),
  DropHeaders: fc.constantFrom({ headers: 'one' }, { headers: 'two,three' }),
  Filter: fc.constant({}),
  InsertHeader: fc.constantFrom('5', 'text', '[1,2]', '2024-02-29', '1.5', 'null', 'true').map((literal) => ({ header: 'new', 'value.literal': literal })),
  RegexRouter: fc.constantFrom<Record<string, string>>({ regex: '(\\w+)-(.*)', replacement: '$2.$1' }, { regex: '(?i)ORDERS(?<rest>.*)', replacement: 'x${rest}' }, { regex: 'nope', replacement: 'y' }, { regex: '.*', replacement: '\\$1' }),
  TimestampRouter: fc.tuple(formats, fc.constantFrom('${topic}-${timestamp}', '${timestamp}$1')).map(([format, topic]) => ({ 'timestamp.format': format, 'topic.format': topic })),
  ValueToKey: with_(list.map((fields) => ({ fields: fields.join(',') }))),
};
const WHOLE = new Set(['DropHeaders', 'Filter', 'InsertHeader', 'RegexRouter', 'TimestampRouter', 'ValueToKey']);

const headers = fc.array(fc.tuple(fc.constantFrom('one', 'two', 'three'), fc.constantFrom('{"schema":null,"payload":5}', '{"schema":{"type":"string","optional":false},"payload":"x"}')), { maxLength: 3 });

describeWithJava(`the transformations and the real Java ones${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const names = Object.keys(CONFIGS);

  it('are the same ones', async () => {
    expect([...BUILT_IN_TRANSFORMATIONS.keys()].sort()).toEqual(names.flatMap((it) => (WHOLE.has(it) ? [PACKAGE + it] : [`${PACKAGE}${it}$Key`, `${PACKAGE}${it}$Value`])).sort());
    await Promise.resolve();
  });

  it('give the same records, or fail alike', async () => {
    const cases = names.flatMap((it) =>
      fc.sample(
        fc.record({
          name: fc.constantFrom(...(WHOLE.has(it) ? [it] : [`${it}$Key`, `${it}$Value`])),
          config: CONFIGS[it]!,
          topic: fc.constantFrom('orders-eu', 'orders', 'ORDERS.x'),
          timestampMs: fc.integer({ min: 0, max: 2_000_000_000_000 }),
          key: it === 'TimestampConverter' ? times : envelopes,
          value: it === 'TimestampConverter' ? times : envelopes,
          headers,
        }),
        { numRuns: 200, seed: SEED },
      ),
    );
    const { stdout } = await runProgram('java', ['-Duser.timezone=UTC', '-Duser.language=en', '-Duser.country=US', '-cp', peerClassPath(), path.join(__dirname, '../../test/java/TransformJudge.java')], { input: `${cases.map(line).join('\n')}\n`, timeoutMs: 110_000 });
    const answers = stdout.replace(/\n$/, '').split('\n');
    expect(answers.length).toBe(cases.length);
    const agreed = new Map<string, number>();
    const wrong = cases.flatMap((it, i) => {
      const java = answers[i] ?? '';
      const mine = ours(it);
      const isError = java.startsWith('error');
      if (isError && STRICTER.test(java)) return [];
      if (isError && mine.startsWith('error')) return [];
      if (!isError && !mine.startsWith('error') && JSON.stringify(plain(java)) === JSON.stringify(plain(mine))) {
        agreed.set(it.name, (agreed.get(it.name) ?? 0) + 1);
        return [];
      }
      return [{ ...it, java: isError ? java : plain(java), mine: mine.startsWith('error') ? mine : plain(mine) }];
    });
    const counts = Object.fromEntries(names.map((it) => [it, wrong.filter((one) => one.name.split('$')[0] === it).length]).filter(([, count]) => count !== 0));
    expect({ counts, wrong: wrong.slice(0, 2) }).toEqual({ counts: {}, wrong: [] });
    // Enough of them have a result at all.
    for (const it of BUILT_IN_TRANSFORMATIONS.keys()) expect([it, agreed.get(it.slice(PACKAGE.length)) ?? 0]).toEqual([it, expect.any(Number)]);
    expect(Math.min(...[...BUILT_IN_TRANSFORMATIONS.keys()].map((it) => agreed.get(it.slice(PACKAGE.length)) ?? 0))).toBeGreaterThan(10);
  }, 120_000);

  it('tell of the same fault in the same words', async () => {
    const struct = json(Schema.struct([['a', Schema.of('int32')]]), new Struct(Schema.struct([['a', Schema.of('int32')]]), { a: 1 }));
    const base = { topic: 't', timestampMs: 5, key: null, value: struct, headers: [] };
    const text = '{"schema":{"type":"string","optional":false},"payload":"x"}';
    const cases: Case[] = [
      { ...base, name: 'ExtractField$Value', config: { field: 'nope' } },
      { ...base, name: 'ExtractField$Value', config: { field: 'a' }, value: text },
      { ...base, name: 'InsertField$Value', config: { 'topic.field': 't' }, value: text },
      { ...base, name: 'InsertField$Value', config: {} },
      { ...base, name: 'ValueToKey', config: { fields: 'nope' } },
      { ...base, name: 'ValueToKey', config: { fields: 'a' }, value: '{"schema":null,"payload":"x"}' },
      { ...base, name: 'Cast$Value', config: { spec: 'int8' } },
      { ...base, name: 'Cast$Value', config: { spec: 'int8' }, value: text },
      { ...base, name: 'Flatten$Value', config: {}, value: '{"schema":{"type":"struct","fields":[{"type":"map","keys":{"type":"string","optional":false},"values":{"type":"string","optional":false},"optional":false,"field":"m"}],"optional":false},"payload":{"m":{}}}' },
      { ...base, name: 'MaskField$Value', config: { fields: 'a', replacement: 'x' } },
      { ...base, name: 'SetSchemaMetadata$Value', config: {} },
      { ...base, name: 'SetSchemaMetadata$Value', config: { 'schema.name': 'n' }, value: '{"schema":null,"payload":"x"}' },
      { ...base, name: 'TimestampConverter$Value', config: { field: 'a', 'target.type': 'unix' } },
      { ...base, name: 'TimestampConverter$Value', config: { 'target.type': 'unix', format: 'yyyy' }, value: text },
      { ...base, name: 'HeaderFrom$Value', config: { fields: 'a', headers: 'x,y', operation: 'copy' } },
      { ...base, name: 'HeaderFrom$Value', config: { fields: 'a', headers: 'x', operation: 'copy' }, value: text },
    ];
    const { stdout } = await runProgram('java', ['-Duser.timezone=UTC', '-cp', peerClassPath(), path.join(__dirname, '../../test/java/TransformJudge.java')], { input: `${cases.map(line).join('\n')}\n`, timeoutMs: 110_000 });
    const java = stdout.trimEnd().split('\n').map((it) => it.replace(/^error \S+ /, 'error '));
    expect(cases.map((it, i) => (ours(it) === java[i] ? 'same' : { name: it.name, java: java[i], mine: ours(it) })).filter((it) => it !== 'same')).toEqual([]);
  }, 120_000);
});

class Untouchable extends LazyStruct {
  readonly schema = Schema.struct([['a', Schema.of('int32')]]);
  visit(): void {
    throw new Error('it was read');
  }
}

describe('transformations that route', () => {
  it.each([
    ['RegexRouter', { regex: '(.*)', replacement: 'x-$1' }],
    ['TimestampRouter', {}],
    ['InsertHeader', { header: 'h', 'value.literal': '1' }],
    ['DropHeaders', { headers: 'old' }],
    ['Filter', {}],
  ])('%s does not touch a value in bytes', (it, config) => {
    const value = new Untouchable();
    const record: ConnectRecord = { topic: 't', partition: 0, keySchema: null, key: null, valueSchema: value.schema, value, timestampMs: 0, headers: [{ key: 'old', schema: null, value: null }] };
    const transformation = BUILT_IN_TRANSFORMATIONS.get(PACKAGE + it)!();
    transformation.configure(config as Record<string, string>);
    const result = transformation.apply(record);
    expect(result?.value ?? value).toBe(value);
  });
});
