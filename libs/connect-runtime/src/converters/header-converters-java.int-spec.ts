import path from 'node:path';
import fc from 'fast-check';
import { peerClassPath, peersMissing, runProgram } from '@millrace/testkit';
import { javaTypeName } from '../transforms/java-class-name.js';
import { BUILT_IN_HEADER_CONVERTERS } from './built-in-converters.js';

const missing = peersMissing();
const describeWithJava = missing === undefined ? describe : describe.skip;
const SIMPLE = 'org.apache.kafka.connect.storage.SimpleHeaderConverter';

const token = fc.constantFrom('1', '-7', '300', '70000', '5000000000', '99999999999999999999', '1.5', '1e3', '1.0', '-', '+', 'abc', 'true', 'false', 'null', ' ', '2024-02-29', '12:34:56.789Z', '2024-02-29T12:34:56.789Z', '"', '"x"', '"a b"', '\\', '\\"', ':', ',', '[', ']', '{', '}', '\t');
const item: fc.Arbitrary<string> = fc.constantFrom('1', '300', '70000', '5000000000', '1.5', 'true', 'null', '"x"', '"2024-02-29"', '2024-02-29', '[1]', '{"a":1}', 'abc');
/** Java finds lists and maps among keys by their content. */
const key: fc.Arbitrary<string> = fc.constantFrom('1', '300', '5000000000', '1.5', 'true', 'null', '"x"', '2024-02-29', 'abc');
const texts = fc.oneof(
  token,
  fc.array(token, { maxLength: 6 }).map((it) => it.join('')).filter((it) => !/e3\d/.test(it)),
  fc.array(item, { maxLength: 4 }).map((it) => `[${it.join(',')}]`),
  fc.array(fc.tuple(key, item), { maxLength: 3 }).map((it) => `{${it.map((pair) => pair.join(':')).join(', ')}}`),
  fc.integer().map(String),
  fc.bigInt().map(String),
  fc.tuple(fc.integer({ min: -9_999, max: 9_999 }), fc.constantFrom(2, 4, 8)).map(([a, b]) => String(a / b)),
  fc.string({ maxLength: 12 }),
);

async function judged(cases: readonly (readonly [string, Buffer])[]): Promise<string[]> {
  const input = cases.map(([name, bytes]) => `${name} ${bytes.toString('base64')}`).join('\n');
  const { stdout } = await runProgram('java', ['-Duser.timezone=UTC', '-cp', peerClassPath(), path.join(__dirname, '../../test/java/HeaderJudge.java')], { input: `${input}\n`, timeoutMs: 110_000 });
  return stdout.replace(/\n$/, '').split('\n');
}

function ours([name, bytes]: readonly [string, Buffer]): string {
  try {
    const converter = BUILT_IN_HEADER_CONVERTERS.find((it) => it.class === name)!.make();
    converter.configure({ 'converter.type': 'header' });
    const { schema, value } = converter.toConnectHeader('t', 'h', bytes);
    if (value === null) return 'null';
    const type = schema ? javaTypeName(schema.type) : Array.isArray(value) ? 'ARRAY' : value instanceof Map ? 'MAP' : '-';
    return `${type} ${schema?.name ?? '-'} ${Buffer.from(converter.fromConnectHeader('t', 'h', schema, value) ?? []).toString('base64')}`;
  } catch (error) {
    return `error ${String(error)}`;
  }
}

const shown = (answer: string | undefined): string => (answer ?? '').replace(/\S+$/, (it) => (answer?.startsWith('error') ? it : Buffer.from(it, 'base64').toString('utf8')));

/** Java 17 does not always write floats as short as they can be. */
function isSame(a: string, b: string): boolean {
  return a === b || (a.startsWith('FLOAT32') && b.startsWith('FLOAT32') && Math.fround(Number(shown(a).split(' ')[2])) === Math.fround(Number(shown(b).split(' ')[2])));
}

describeWithJava(`header converters and the real Java ones${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('guess the same of texts, and write them alike', async () => {
    const cases = fc.sample(texts, 4000).map((text) => [SIMPLE, Buffer.from(text)] as const);
    const java = await judged(cases);
    expect(java.length).toBe(cases.length);
    const wrong = cases.flatMap((it, i) => (isSame(ours(it), java[i] ?? '') ? [] : [{ text: it[1].toString(), java: shown(java[i]), ours: shown(ours(it)) }]));
    expect({ count: wrong.length, wrong: wrong.slice(0, 10) }).toEqual({ count: 0, wrong: [] });
    expect(new Set(java.map((it) => it.split(' ')[0]))).toEqual(new Set(['null', 'BOOLEAN', 'INT8', 'INT16', 'INT32', 'INT64', 'FLOAT32', 'BYTES', 'STRING', 'ARRAY', 'MAP']));
  }, 120_000);

  it('read and write the same bytes', async () => {
    const json = ['{"schema":{"type":"int32","optional":false},"payload":5}', '{"schema":null,"payload":{"a":[1]}}', 'x'].map((it) => ['org.apache.kafka.connect.json.JsonConverter', Buffer.from(it)] as const);
    const numbers = (['Boolean', 'Short', 'Integer', 'Long', 'Float', 'Double', 'ByteArray'] as const).flatMap((it) => [1, 2, 4, 8].map((size) => [`org.apache.kafka.connect.converters.${it}Converter`, Buffer.alloc(size, 1)] as const));
    const cases = [...json, ...numbers, ['org.apache.kafka.connect.storage.StringConverter', Buffer.from('é')] as const];
    const java = await judged(cases);
    const agrees = (it: string, i: number): boolean => isSame(it, java[i] ?? '') || (it.startsWith('error') && java[i]?.startsWith('error') === true);
    expect(cases.map(ours).map((it, i) => (agrees(it, i) ? 'same' : { case: cases[i]?.[0], java: shown(java[i]), ours: shown(it) })).filter((it) => it !== 'same')).toEqual([]);
  }, 120_000);
});
