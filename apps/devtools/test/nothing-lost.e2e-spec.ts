import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { nothingLost } from '@millrace/testkit';

/** The short version of `npm run soak -- nothing-lost`. */
it('loses nothing while broker, worker and PostgreSQL are ended at random', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-nothing-lost-'));
  fs.chmodSync(folder, 0o755);
  const postgres = await EmbeddedPostgres.start({ folder: path.join(folder, 'postgres') });
  const seed = Date.now() % 100_000;
  const lines = [`seed ${seed}`];
  try {
    const result = await nothingLost({ folder, postgres, seed, changes: 8000, changesPerSecond: 1000, kills: 4, withPostgres: true, say: (line) => lines.push(line) });
    expect({ ...result, lines }).toMatchObject({ sink: result.source, topic: { problems: [] } });
    expect(result.topic.changes).toBeGreaterThanOrEqual(8000);
  } finally {
    await postgres.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}, 240_000);
