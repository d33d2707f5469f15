import type { ConnectLogger, OffsetMap } from '@millrace/connect-api';
import { SILENT_LOGGER } from '@millrace/foundation';
import { OffsetCommitter } from './offset-committer.js';

const PARTITION: OffsetMap = { a: 1 };
const at = (n: number): ReadonlyMap<OffsetMap, OffsetMap> => new Map([[PARTITION, { n }]]);

describe('OffsetCommitter', () => {
  it('goes on storing offsets while the task takes no note of them, says so, and tells it of all in order later', async () => {
    const written: string[] = [];
    const told: unknown[] = [];
    const warnings: string[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const logger: ConnectLogger = { ...SILENT_LOGGER, warn: (_fields: unknown, text: string) => void warnings.push(text) };
    const committer = new OffsetCommitter({
      connector: 'c',
      write: (records) => Promise.resolve(void written.push(...records.map(({ value }) => Buffer.from(value ?? []).toString()))),
      onCommitted: async (_partition, offset) => {
        told.push(offset);
        await released;
      },
      timeoutMs: 20,
      logger,
    });
    for (const n of [1, 2, 3]) {
      committer.add(at(n));
      await committer.commit();
    }
    expect(written).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
    expect(told).toEqual([{ n: 1 }]);
    expect(warnings).toEqual(['the task has not yet taken note of stored offsets; they go on being stored']);
    release();
    await committer.commit();
    expect(told).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });
});
