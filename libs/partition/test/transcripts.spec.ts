import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Transcript } from './transcript-verbs.js';

const folder = join(__dirname, 'transcripts');
const files = readdirSync(folder).filter((it) => it.endsWith('.txt'));

/** Lines that begin with `>` are inputs; what follows each is what came out. Lines with `#` are remarks. UPDATE=1 writes down what came out. */
function replay(text: string): string {
  const transcript = new Transcript();
  const result: string[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('>')) result.push(line, ...transcript.run(line.slice(1).trim()).map((it) => `  ${it}`));
    else if (line.startsWith('#') || line === '') result.push(line);
  }
  return `${result.join('\n')}\n`;
}

describe('the partition machine, by transcript', () => {
  it('has transcripts', () => expect(files.length).toBeGreaterThan(3));

  it.each(files)('%s', (file) => {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const result = replay(text);
    if (process.env['UPDATE'] === '1') writeFileSync(path, result);
    expect(result).toBe(process.env['UPDATE'] === '1' ? result : text);
  });
});
