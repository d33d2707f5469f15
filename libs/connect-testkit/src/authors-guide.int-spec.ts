import { readFileSync } from 'node:fs';
import path from 'node:path';

const examples = path.join(__dirname, '../test/examples');
const page = readFileSync(path.join(__dirname, '../../../docs/writing-a-connector.md'), 'utf8');
const blocks = [...page.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)\n```/g)].map((it) => [it[1] ?? '', it[2] ?? ''] as const);

describe('docs/writing-a-connector.md', () => {
  it('names the file of each block of code', () => {
    expect(blocks.length).toBeGreaterThan(8);
    expect(page.match(/```ts\n/g)).toHaveLength(blocks.length);
  });

  it.each(blocks)('shows %s as it is', (file, code) => {
    expect(readFileSync(path.join(examples, file), 'utf8')).toContain(code);
  });
});
