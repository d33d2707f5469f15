import fc from 'fast-check';
import { javaMissing, runJava } from '../../../test/java-peer.js';
import { samples } from '../../../test/json-samples.js';
import { JsonConverter } from './json-converter.js';

const missing = javaMissing();
const describeWithJava = missing === undefined ? describe : describe.skip;

describeWithJava(`JsonConverter and the real Java one${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('agree byte for byte on random schemas and values', () => {
    const lines: string[] = [];
    const expected: string[] = [];
    for (const { sample, format, enable } of fc.sample(fc.record({ sample: samples, format: fc.constantFrom('BASE64', 'NUMERIC'), enable: fc.constant('true') }), 1500)) {
      const converter = new JsonConverter();
      converter.configure({ 'decimal.format': format, 'schemas.enable': enable }, false);
      const bytes = Buffer.from(converter.fromConnectData('t', sample.schema, sample.value) ?? []).toString('base64');
      lines.push(`${enable} ${format} ${bytes}`);
      expected.push(bytes);
    }
    const actual = runJava('JsonRoundTrip.java', `${lines.join('\n')}\n`);
    const decoded = (text: string | undefined): string => (text?.startsWith('error') ? text : Buffer.from(text ?? '', 'base64').toString('utf8'));
    const wrong = expected.flatMap((bytes, i) => (actual[i] === bytes ? [] : [{ ours: decoded(bytes), java: decoded(actual[i]) }]));
    expect(wrong.slice(0, 3)).toEqual([]);
  }, 60_000);
});
