import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runProgram } from '@millrace/testkit';
import { LocalBroker } from './local-broker.js';

const hasKcat = spawnSync('kcat', ['-V']).status === 0;

describe('clients that we did not write', () => {
  let local: LocalBroker;
  beforeAll(async () => {
    local = await LocalBroker.start();
  });
  afterAll(() => local.stop());

  it('@platformatic/kafka produces and consumes in groups, with each compression', async () => {
    const { stdout, stderr, status } = await runProgram(process.execPath, [path.join(__dirname, 'clients/platformatic.mjs'), local.address]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ none: 50, gzip: 50, snappy: 50, lz4: 50, groups: expect.arrayContaining(['g-gzip', 'g-none']) });
  });

  // Without kcat (apt-get install kcat) there is nothing to check with.
  (hasKcat ? describe : describe.skip)('kcat', () => {
    const kcat = async (args: string[], input = '') => {
      const { status, stdout, stderr } = await runProgram('kcat', ['-b', local.address, ...args], { input, timeoutMs: 20_000 });
      expect({ args, status, stderr: status === 0 ? '' : stderr }).toEqual({ args, status: 0, stderr: '' });
      return stdout;
    };

    it('lists the cluster', async () => {
      expect(await kcat(['-L', '-J'])).toContain('"brokers":[{"id":1,');
    });

    it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('produces with %s to a new topic and reads it back', async (compression) => {
      const topic = `kcat-${compression}`;
      const lines = Array.from({ length: 200 }, (_, i) => `key${i}:value ${i}`);
      await kcat(['-t', topic, '-P', '-K:', '-z', compression], `${lines.join('\n')}\n`);
      expect((await kcat(['-t', topic, '-C', '-e', '-q', '-K:'])).trimEnd().split('\n')).toEqual(lines);
      expect((await kcat(['-t', topic, '-C', '-e', '-q', '-o', '150', '-f', '%o %s\n'])).split('\n')[0]).toBe('150 value 150');
    });

    it('consumes in a group and goes on where it stopped', async () => {
      await kcat(['-t', 'kcat-group', '-P'], 'a\nb\n');
      expect(await kcat(['-G', 'kcats', '-q', '-e', '-X', 'auto.offset.reset=earliest', 'kcat-group'])).toBe('a\nb\n');
      await kcat(['-t', 'kcat-group', '-P'], 'c\n');
      expect(await kcat(['-G', 'kcats', '-q', '-e', '-X', 'auto.offset.reset=earliest', 'kcat-group'])).toBe('c\n');
    });

    it('produces idempotently', async () => {
      await kcat(['-t', 'kcat-idempotent', '-P', '-X', 'enable.idempotence=true'], 'once\ntwice\n');
      expect(await kcat(['-t', 'kcat-idempotent', '-C', '-e', '-q'])).toBe('once\ntwice\n');
    });
  });
});
