import fs from 'node:fs';
import path from 'node:path';
import { writeDocument, type JsonStyle } from './extended-json.js';
import { JsonText } from './json-text.js';

/** Documents in base64, and what MongoDB's Java driver writes for them in four styles; test/record-extended-json.mjs records it again. */
const recorded = JSON.parse(fs.readFileSync(path.resolve(__dirname, '../../test/extended-json.json'), 'utf8')) as [string, string, string, string, string][];
const STYLES: JsonStyle[] = [
  { mode: 'strict', isSpaced: false },
  { mode: 'extended', isSpaced: false },
  { mode: 'relaxed', isSpaced: false },
  { mode: 'relaxed', isSpaced: true },
];

describe('extended JSON', () => {
  it('has enough to compare', () => expect(recorded.length).toBeGreaterThan(200));

  it.each(STYLES.map((style, index) => [`${style.mode}${style.isSpaced ? ' with spaces' : ''}`, style, index] as const))('%s, as the Java driver writes it', (_name, style, index) => {
    const out = new JsonText();
    for (const [base64, ...texts] of recorded) {
      out.length = 0;
      writeDocument(out, Buffer.from(base64, 'base64'), 0, style);
      expect(out.toString()).toBe(texts[index]);
    }
  });

  it('finds a document inside of other bytes, and grows as it needs', () => {
    const [base64, strict] = recorded[recorded.length - 1]!;
    const bytes = Buffer.concat([Buffer.from('before'), Buffer.from(base64, 'base64'), Buffer.from('behind')]);
    const out = new JsonText();
    out.bytes = Buffer.alloc(1);
    writeDocument(out, bytes, 6, STYLES[0]!);
    expect(out.toString()).toBe(strict);
  });
});
