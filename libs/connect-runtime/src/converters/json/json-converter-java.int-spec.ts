import path from 'node:path';
import fc from 'fast-check';
import { peerClassPath, peersMissing, runProgram } from '@millrace/testkit';
import { samples } from '../../../test/json-samples.js';
import { JsonConverter } from './json-converter.js';

const missing = peersMissing();
const describeWithJava = missing === undefined ? describe : describe.skip;

describeWithJava(`JsonConverter and the real Java one${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('agree byte for byte on random schemas and values', async () => {
    const lines: string[] = [];
    const expected: string[] = [];
    for (const { sample, format } of fc.sample(fc.record({ sample: samples, format: fc.constantFrom('BASE64', 'NUMERIC') }), 1500)) {
      const converter = new JsonConverter();
      converter.configure({ 'decimal.format': format }, false);
      const bytes = Buffer.from(converter.fromConnectData('t', sample.schema, sample.value) ?? []).toString('base64');
      lines.push(`true ${format} ${bytes}`);
      expected.push(bytes);
    }
    const { stdout } = await runProgram('java', ['-cp', peerClassPath(), path.join(__dirname, '../../../test/java/JsonRoundTrip.java')], { input: `${lines.join('\n')}\n` });
    const actual = stdout.trimEnd().split('\n');
    const text = (line: string | undefined): string => (line === undefined || line.startsWith('error') ? String(line) : Buffer.from(line, 'base64').toString('utf8'));
    const wrong = expected.flatMap((bytes, i) => (actual[i] === bytes ? [] : [{ ours: text(bytes), java: text(actual[i]) }]));
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(actual.length).toBe(expected.length);
  }, 60_000);
});
