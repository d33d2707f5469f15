import { existsSync } from 'node:fs';
import path from 'node:path';
import { compactionKills, repositoryRoot, temporaryFolder } from '@millrace/testkit';

const COMPILED = path.join(repositoryRoot(), 'apps/broker/dist/main.js');

// The long form: `npm run soak -- compaction --kills 100`.
(existsSync(COMPILED) ? describe : describe.skip)('a broker that is killed while it compacts', () => {
  const folder = temporaryFolder('compaction-kills');
  afterAll(() => folder.remove());

  it('has the last acknowledged value of every key, and valid batches, after each of a handful of kills', async () => {
    const seed = Date.now() % 1_000_000;
    const lines: string[] = [];
    const result = await compactionKills({ folder: folder.path, kills: 4, seed, dumpEvery: 4, say: (line) => lines.push(line) });
    expect({ seed, problems: result.problems }).toEqual({ seed, problems: [] });
    expect(result.recordsSent).toBeGreaterThan(10_000);
  }, 180_000);
});
