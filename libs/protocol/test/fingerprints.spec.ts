import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { subjects } from './schemas.js';

const FILE = path.join(__dirname, 'fingerprints.txt');

describe('wire schemas', () => {
  it('are the ones that were agreed on: a change is deliberate, and recorded by UPDATE=1', () => {
    const now = subjects().map(({ name, root, versions, codec }) => {
      const form = JSON.stringify([versions, codec.flexibleFrom === Infinity ? null : codec.flexibleFrom, codec.key ?? null, root]);
      return `${name} ${versions[0]}-${versions.at(-1)} ${createHash('sha256').update(form).digest('hex').slice(0, 16)}`;
    });
    if (process.env.UPDATE === '1') fs.writeFileSync(FILE, now.join('\n') + '\n');
    expect(now).toEqual(fs.readFileSync(FILE, 'utf8').trimEnd().split('\n'));
  });
});
