import { SeededRandom } from '@millrace/testkit';
import { PartitionLog, TailMemory } from '../index.js';
import { baseOffsets, batch, contentOf, fileNames, indexProblems, openBench, readAll, START_MS } from '../../test/log-fixture.js';

const FOLDER = '/logs/orders-0';
const SMALL = { segmentBytes: 900, indexIntervalBytes: 150 };
const shape = (baseOffset: number): Parameters<typeof batch>[0] => ({ baseOffset, valueBytes: 40, leaderEpoch: Math.floor(baseOffset / 7), producer: { id: 1, sequence: baseOffset } });

describe('a full disk', () => {
  it('refuses the write, at any byte, and goes on when there is space', async () => {
    for (let space = 0; space < 4000; space += 37) {
      const { log, disk, options } = await openBench(SMALL, { tailMemory: new TailMemory(0) });
      disk.spaceLeftBytes = space;
      const accepted: Buffer[] = [];
      let refusals = 0;
      for (let i = 0; i < 60; i++) {
        const bytes = batch(shape(log.logEndOffset));
        const before = [log.logEndOffset, log.bytes];
        try {
          log.append(bytes);
          accepted.push(Buffer.from(bytes));
        } catch (error) {
          expect(error).toMatchObject({ code: 'STORAGE_FULL', isRetriable: true, message: expect.stringContaining(FOLDER) });
          expect([log.logEndOffset, log.bytes]).toEqual(before);
          refusals += 1;
          if (refusals === 3) disk.spaceLeftBytes = Number.POSITIVE_INFINITY;
        }
      }
      expect(refusals).toBeGreaterThan(0);
      disk.spaceLeftBytes = space % 90;
      expect(() => log.append(batch(shape(log.logEndOffset)))).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
      disk.spaceLeftBytes = Number.POSITIVE_INFINITY;
      expect((await readAll(log)).equals(Buffer.concat(accepted))).toBe(true);
      await log.close();
      expect(indexProblems(disk)).toEqual([]);
      const again = await PartitionLog.open({ ...options, hadCleanShutdown: true });
      expect((await readAll(again)).equals(Buffer.concat(accepted))).toBe(true);
      expect(again.leaderEpochs.length).toBe(Math.ceil(accepted.length / 7));
    }
  });
});

describe('a failing disk', () => {
  it('puts the log offline at a failed sync, and never says that it was flushed', async () => {
    const told: string[] = [];
    const { log, disk, logger } = await openBench(SMALL, { onOffline: (cause) => told.push(cause.code) });
    log.append(batch(shape(0)));
    disk.inject = (call) => (call.operation === 'sync' && call.path.endsWith('.log') ? { kind: 'error', errno: 'EIO' } : undefined);
    await expect(Promise.allSettled([log.flush(), log.flush()])).resolves.toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining(`${FOLDER}/00000000000000000000.log`) }) },
      { status: 'rejected', reason: expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }) },
    ]);
    disk.inject = () => undefined;
    await expect(log.flush()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(() => log.append(batch(shape(1)))).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    expect(() => log.read({ offset: 0, maxBytes: 10 })).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    expect([log.recoveryPoint, told]).toEqual([0, ['KAFKA_STORAGE_ERROR']]);
    expect(logger.complaints('log goes offline')).toHaveLength(1);
  });

  it('at any call: each answer is true, and what a restart finds agrees with the answers', async () => {
    const run = async (at: number): Promise<number> => {
      const { log, disk, options } = await openBench(SMALL, { tailMemory: new TailMemory(0) });
      const random = new SeededRandom(at);
      let hasFailed = false;
      disk.inject = (call) => {
        if (call.number !== at || hasFailed) return undefined;
        hasFailed = true;
        return { kind: 'error', errno: 'EIO', keepBytes: call.operation === 'append' ? random.integer(50) : undefined };
      };
      const acknowledged: Buffer[] = [];
      let flushed = 0;
      try {
        for (let i = 0; i < 40; i++) {
          const bytes = batch(shape(log.logEndOffset));
          log.append(bytes);
          acknowledged.push(Buffer.from(bytes));
          if (i % 6 === 5) {
            await log.flush();
            flushed = acknowledged.length;
          }
        }
        await log.close();
      } catch (error) {
        expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
        expect(log.offlineCause).toBeDefined();
      }
      disk.inject = () => undefined;
      // The process lives on after EIO, so the page cache does as well: a restart finds all that was acknowledged.
      const again = await PartitionLog.open({ ...options, fileSystem: disk.afterKill() });
      expect((await readAll(again)).equals(Buffer.concat(acknowledged))).toBe(true);
      const afterLoss = await PartitionLog.open({ ...options, fileSystem: disk.afterPowerLoss(random) });
      const found = await readAll(afterLoss);
      expect(Buffer.concat(acknowledged).subarray(0, found.length).equals(found) && baseOffsets(found).length >= flushed).toBe(true);
      return disk.changeCount;
    };
    const total = await run(Number.MAX_SAFE_INTEGER);
    expect(total).toBeGreaterThan(80);
    for (let at = 5; at <= total; at++) await run(at);
  });

  it('names the file that is gone', async () => {
    const { log, disk, options } = await openBench(SMALL, { tailMemory: new TailMemory(0) });
    for (let i = 0; i < 30; i++) log.append(batch(shape(i)));
    await log.close();
    const reopened = await PartitionLog.open({ ...options, hadCleanShutdown: true, recoveryPoint: 30 });
    const [name] = fileNames(disk).filter((it) => it.endsWith('.log'));
    disk.remove(`${FOLDER}/${name}`);
    await expect((async () => reopened.read({ offset: 0, maxBytes: 100 }))()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining(`${FOLDER}/${name}`) });
    expect(reopened.offlineCause).toBeDefined();

    const under = await openBench(SMALL);
    under.log.append(batch(shape(0)));
    under.log.checkFiles();
    under.disk.remove(`${FOLDER}/00000000000000000000.log`);
    expect(() => under.log.checkFiles()).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining('00000000000000000000.log is gone') }));
  });

  it('waits for a slow sync without holding up appends and reads', async () => {
    const { log, disk } = await openBench();
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    disk.inject = (call) => (call.operation === 'sync' ? { kind: 'delay', until } : undefined);
    log.append(batch(shape(0)));
    let isFlushed = false;
    const flushing = log.flush().then(() => (isFlushed = true));
    log.append(batch(shape(1)));
    expect(baseOffsets(await readAll(log))).toEqual([0, 1]);
    expect([isFlushed, log.recoveryPoint]).toEqual([false, 0]);
    disk.inject = () => undefined;
    release();
    await flushing;
    expect(log.recoveryPoint).toBeGreaterThanOrEqual(1);
    expect(await log.flush()).toBe(2);
  });
});

describe('retention', () => {
  const names = (disk: Parameters<typeof fileNames>[0]): string[] => fileNames(disk).filter((it) => it.endsWith('.log')).map((it) => String(Number.parseInt(it, 10)));
  const fill = async (config: object): ReturnType<typeof openBench> => {
    const it = await openBench({ segmentBytes: 400, ...config });
    for (let i = 0; i < 12; i++) it.log.append(batch({ baseOffset: i, valueBytes: 60, timestampMs: START_MS + i * 1000 }));
    return it;
  };

  it('deletes whole segments by time, below the high watermark, and their files after the delay', async () => {
    const { log, disk, clock } = await fill({ retentionMs: 10_000 });
    expect(names(disk)).toEqual(['0', '3', '6', '9']);
    clock.advance(16_500);
    expect(log.deleteOldSegments(5)).toBe(1);
    expect([names(disk), log.logStartOffset]).toEqual([['3', '6', '9'], 3]);
    expect(() => log.read({ offset: 2, maxBytes: 1 })).toThrow(expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }));
    expect(log.deleteOldSegments(12)).toBe(1);
    expect([names(disk), log.logStartOffset]).toEqual([['6', '9'], 6]);
    expect(fileNames(disk).filter((it) => it.endsWith('.deleted')).length).toBeGreaterThan(2);
    expect(log.removeDeletedFiles()).toBe(0);
    clock.advance(60_000);
    expect(log.removeDeletedFiles()).toBeGreaterThan(2);
    expect(fileNames(disk).some((it) => it.endsWith('.deleted'))).toBe(false);
    expect(log.deleteOldSegments(12)).toBe(2);
    expect([names(disk), log.logStartOffset, log.logEndOffset]).toEqual([['12'], 12, 12]);
    log.append(batch({ baseOffset: 12 }));
    expect(baseOffsets(await readAll(log))).toEqual([12]);
  });

  it('deletes by size, never under compact, and always what DeleteRecords has passed', async () => {
    const kept = async (retentionBytes: number): Promise<string[]> => {
      const { log, disk } = await fill({ retentionMs: -1, retentionBytes });
      log.deleteOldSegments(12);
      return names(disk);
    };
    const segmentBytes = 3 * batch({ baseOffset: 0, valueBytes: 60 }).length;
    expect(await kept(segmentBytes * 3)).toEqual(['3', '6', '9']);
    expect(await kept(segmentBytes * 2 + 12)).toEqual(['3', '6', '9']);
    expect(await kept(segmentBytes * 2)).toEqual(['6', '9']);
    expect(await kept(-1)).toEqual(['0', '3', '6', '9']);
    const compacted = await fill({ retentionMs: 1, retentionBytes: 1, cleanupPolicies: ['compact'] });
    compacted.clock.advance(1e9);
    expect(compacted.log.deleteOldSegments(12)).toBe(0);
    compacted.log.advanceLogStartOffset(7);
    expect(compacted.log.deleteOldSegments(12)).toBe(2);
    expect([names(compacted.disk), compacted.log.logStartOffset]).toEqual([['6', '9'], 7]);
    const both = await fill({ retentionMs: 1, cleanupPolicies: ['compact', 'delete'] });
    both.clock.advance(1e9);
    expect(both.log.deleteOldSegments(12)).toBe(4);
  });

  it('deletes nothing when the clock jumps forward or back', async () => {
    const { log, clock } = await fill({ retentionMs: 10_000 });
    clock.jump(1e9);
    expect(log.deleteOldSegments(12)).toBe(0);
    clock.jump(-3e9);
    expect(log.deleteOldSegments(12)).toBe(0);
  });

  it('leaves a read of a deleted segment to its end', async () => {
    const { log, clock, disk } = await openBench({ retentionMs: 10, segmentBytes: 400 }, { tailMemory: new TailMemory(0) });
    for (let i = 0; i < 12; i++) log.append(batch({ baseOffset: i, valueBytes: 60 }));
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    disk.inject = (call) => (call.operation === 'read' ? { kind: 'delay', until } : undefined);
    const reading = log.read({ offset: 0, maxBytes: 1e6 });
    clock.advance(1e9);
    expect(log.deleteOldSegments(12)).toBeGreaterThan(0);
    clock.advance(1e9);
    log.removeDeletedFiles();
    release();
    expect(baseOffsets((await reading).bytes)).toEqual([0, 1, 2]);
    expect(contentOf(disk, `${FOLDER}/partition.metadata`).toString()).toContain('topic_id');
  });
});
