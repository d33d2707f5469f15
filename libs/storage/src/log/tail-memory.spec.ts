import { TailMemory } from '../index.js';
import { batch, openBench, readAll } from '../../test/log-fixture.js';

const MIB = 1024 * 1024;

describe('TailMemory', () => {
  it('holds no more than its bound over all logs, and drops the oldest first', async () => {
    const tailMemory = new TailMemory(200_000);
    const logs = await Promise.all([0, 1, 2].map(async (partition) => (await openBench({}, { folder: `/logs/t-${partition}`, partition, tailMemory })).log));
    for (let i = 0; i < 900; i++) logs[i % 3]!.append(batch({ baseOffset: Math.floor(i / 3), valueBytes: 900 }));
    expect(tailMemory.heldBytes).toBeLessThanOrEqual(200_000);
    expect(tailMemory.heldBytes).toBeGreaterThan(100_000);
    for (const log of logs) {
      expect(log.read({ offset: 299, maxBytes: MIB })).not.toBeInstanceOf(Promise);
      expect(log.read({ offset: 0, maxBytes: MIB })).toBeInstanceOf(Promise);
    }
    await logs[0]!.close();
    await logs[1]!.truncateFullyAndStartAt(0);
    await logs[2]!.close();
    expect(tailMemory.heldBytes).toBe(0);
  });

  it('uses memory again only when every reader has given it back', async () => {
    const { log } = await openBench({}, { tailMemory: new TailMemory(16 * MIB) });
    const append = (count: number): void => {
      for (let i = 0; i < count; i++) log.append(batch({ baseOffset: log.logEndOffset, valueBytes: 100_000 }));
    };
    append(200);
    const kept = await log.read({ offset: log.logEndOffset - 1, maxBytes: MIB });
    const copy = Buffer.from(kept.bytes);
    const given = await log.read({ offset: log.logEndOffset - 1, maxBytes: MIB });
    given.release();
    given.release();
    append(200);
    expect(Buffer.from(kept.bytes).equals(copy)).toBe(true);
    kept.release();
    expect((await readAll(log)).length).toBeGreaterThan(400 * 100_000);
  });
});
