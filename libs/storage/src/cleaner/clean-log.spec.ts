import fc from 'fast-check';
import { batchesOf, isBatchCrcValid } from '@millrace/records';
import { SeededRandom } from '@millrace/testkit';
import { PartitionLog, TailMemory } from '../index.js';
import { appendWorkload, cleanNow, keyedBatch, lastValues, survivors, type Survivor } from '../../test/cleaner-fixture.js';
import { codecs, fileNames, indexProblems, marker, openBench, readAll, START_MS } from '../../test/log-fixture.js';

const COMPACT = { cleanupPolicies: ['compact'] as const, segmentBytes: 600, indexIntervalBytes: 150, fileDeleteDelayMs: 0 };
const NOW = START_MS + 1_000_000;

/** What must be left of records below `upTo`, of which the first `mappedTo` were looked at: a model without batches, segments or maps. */
function expectedSurvivors(records: readonly (Survivor & { isAborted: boolean })[], upTo: number): number[] {
  const last = new Map<string | null, number>();
  for (const it of records) if (!it.isAborted && it.offset < upTo) last.set(it.key, it.offset);
  return records.filter((it) => it.offset >= upTo || (!it.isAborted && last.get(it.key) === it.offset)).map((it) => it.offset);
}

describe('a cleaning', () => {
  it('keeps of each key the last record, at its offset, whatever the batches, codecs, transactions and segments', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 40 }), fc.boolean(), async (seed, keys, hasTransactions) => {
        const { log, disk } = await openBench(COMPACT);
        const { records } = appendWorkload(log, new SeededRandom(seed), { batches: 60, keys, hasTransactions });
        const active = log.segments.at(-1)!.baseOffset;
        const before = await survivors(log);
        const result = await cleanNow(log, { fileSystem: disk, nowMs: NOW });
        const after = await survivors(log);
        expect(after.map((it) => it.offset)).toEqual(expectedSurvivors(records, active));
        const byOffset = new Map(before.map((it) => [it.offset, it]));
        expect(after).toEqual(after.map((it) => byOffset.get(it.offset)));
        expect(result?.nextDirtyOffset).toBe(active);
        const bytes = await readAll(log, { offset: 0 });
        for (const { position } of batchesOf(bytes)) expect(isBatchCrcValid(bytes, position, codecs.crc32c)).toBe(true);
        await log.close();
        expect(indexProblems(disk)).toEqual([]);
        expect(fileNames(disk).filter((it) => /cleaned|swap/.test(it))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('comes to the same with a map that holds few keys, in several passes', async () => {
    const { log, disk } = await openBench(COMPACT);
    const { records } = appendWorkload(log, new SeededRandom(5), { batches: 120, keys: 60 });
    const active = log.segments.at(-1)!.baseOffset;
    let cleanedOffset = 0;
    let passes = 0;
    while (cleanedOffset < active) {
      const result = await cleanNow(log, { fileSystem: disk, nowMs: NOW, cleanedOffset, mapBytes: 16 * 12 });
      expect(result!.nextDirtyOffset).toBeGreaterThan(cleanedOffset);
      cleanedOffset = result!.nextDirtyOffset;
      passes += 1;
    }
    expect(passes).toBeGreaterThan(5);
    expect((await survivors(log)).map((it) => it.offset)).toEqual(expectedSurvivors(records, active));
  });

  it('keeps tombstones until their horizon, which the first cleaning sets and later ones leave', async () => {
    const { log, disk } = await openBench({ ...COMPACT, deleteRetentionMs: 1000 });
    const append = (key: string, value: string | null): void => void log.append(keyedBatch({ baseOffset: log.logEndOffset, records: [{ key, value }] }));
    append('a', 'x');
    append('a', null);
    append('b', 'y');
    for (let i = 0; i < 12; i++) append('filler', 'z'.repeat(100));
    const offsets = async (): Promise<number[]> => (await survivors(log)).map((it) => it.offset).filter((it) => it < 3);
    const horizon = async (): Promise<number[]> => {
      const bytes = await readAll(log, { offset: 0 });
      return [...batchesOf(bytes)].filter((it) => it.header.hasDeleteHorizon).map((it) => it.header.baseTimestampMs);
    };
    await cleanNow(log, { fileSystem: disk, nowMs: NOW });
    expect([await offsets(), await horizon()]).toEqual([[1, 2], [NOW + 1000]]);
    await cleanNow(log, { fileSystem: disk, nowMs: NOW + 999 });
    expect([await offsets(), await horizon()]).toEqual([[1, 2], [NOW + 1000]]);
    await cleanNow(log, { fileSystem: disk, nowMs: NOW + 1000 });
    expect([await offsets(), await horizon()]).toEqual([[2], []]);
  });

  it('keeps what a producer must not lose: its last batch, empty if need be, across a restart', async () => {
    const { log, disk, options } = await openBench(COMPACT);
    log.append(keyedBatch({ baseOffset: 0, records: [{ key: 'k', value: '1' }, { key: 'k', value: '2' }], producer: { id: 9, sequence: 0 } }));
    log.append(keyedBatch({ baseOffset: 2, records: [{ key: 'k', value: '3' }, { key: 'k', value: '4' }], producer: { id: 9, sequence: 2 } }));
    for (let i = 0; i < 12; i++) log.append(keyedBatch({ baseOffset: log.logEndOffset, records: [{ key: 'k', value: 'z'.repeat(100) }] }));
    await cleanNow(log, { fileSystem: disk, nowMs: NOW });
    const first = [...batchesOf(await readAll(log, { offset: 0 }))][0]!.header;
    expect(first).toMatchObject({ baseOffset: 2, lastOffset: 3, recordCount: 0, sizeBytes: 61, producerId: 9, baseSequence: 2, baseTimestampMs: -1, maxTimestampMs: START_MS + 3 });
    disk.crash();
    const reopened = await PartitionLog.open({ ...options, fileSystem: disk.afterKill(), recoveryPoint: 0 });
    expect(reopened.producers.get(9)?.batches.at(-1)).toMatchObject({ firstSequence: 2, lastSequence: 3, lastOffset: 3 });
  });

  it('lets a marker go only when its data and then its horizon are gone, and keeps the transaction index true', async () => {
    const { log, disk } = await openBench({ ...COMPACT, deleteRetentionMs: 1000 });
    log.append(keyedBatch({ baseOffset: 0, records: [{ key: 'a', value: 'aborted' }], producer: { id: 5, sequence: 0, isTransactional: true } }));
    log.append(marker({ baseOffset: 1, producerId: 5, isCommit: false }));
    log.append(keyedBatch({ baseOffset: 2, records: [{ key: 'a', value: 'kept' }], producer: { id: 6, sequence: 0, isTransactional: true } }));
    log.append(marker({ baseOffset: 3, producerId: 6, isCommit: true }));
    const fill = (): void => {
      for (let i = 0; i < 12; i++) log.append(keyedBatch({ baseOffset: log.logEndOffset, records: [{ key: 'filler', value: 'z'.repeat(100) }] }));
    };
    // Both producers go on: their last batches are elsewhere.
    log.append(keyedBatch({ baseOffset: 4, records: [{ key: 'n', value: '1' }], producer: { id: 5, sequence: 1, isTransactional: true } }));
    log.append(marker({ baseOffset: 5, producerId: 5, isCommit: true }));
    fill();
    log.onHighWatermark(log.logEndOffset);
    const state = async (): Promise<{ offsets: number[]; aborted: number }> => ({
      offsets: [...batchesOf(await readAll(log, { offset: 0 }))].map((it) => it.header.baseOffset).filter((it) => it < 4),
      aborted: log.abortedTransactions(0, 10).length,
    });
    await cleanNow(log, { fileSystem: disk, nowMs: NOW });
    expect(await state()).toEqual({ offsets: [1, 2, 3], aborted: 1 });
    await cleanNow(log, { fileSystem: disk, nowMs: NOW + 1 });
    expect(await state()).toEqual({ offsets: [1, 2, 3], aborted: 0 });
    await cleanNow(log, { fileSystem: disk, nowMs: NOW + 1001 });
    expect(await state()).toEqual({ offsets: [2, 3], aborted: 0 });
  });

  it('cleans neither the active segment, nor behind the last stable offset, nor what is younger than the lag', async () => {
    const { log, disk } = await openBench({ ...COMPACT, minCompactionLagMs: 1000 });
    for (let i = 0; i < 60; i++) log.append(keyedBatch({ baseOffset: i, records: [{ key: 'k', value: 'z'.repeat(60) }], timestampMs: START_MS + i * 100 }));
    const left = async (): Promise<number> => (await survivors(log)).length;
    await cleanNow(log, { fileSystem: disk, nowMs: START_MS });
    expect(await left()).toBe(60);
    await cleanNow(log, { fileSystem: disk, nowMs: NOW, lastStableOffset: 20 });
    const stable = await survivors(log);
    expect(stable.map((it) => it.offset).filter((it) => it >= 20)).toEqual(Array.from({ length: 40 }, (_, i) => 20 + i));
    expect(stable.length).toBeLessThan(50);
    await cleanNow(log, { fileSystem: disk, nowMs: START_MS + 5000 });
    expect((await survivors(log)).map((it) => it.offset)).toEqual(expect.arrayContaining(Array.from({ length: 20 }, (_, i) => 40 + i)));
  });

  it('puts small segments together, within the size of one', async () => {
    const { log, disk } = await openBench(COMPACT);
    for (let i = 0; i < 200; i++) log.append(keyedBatch({ baseOffset: i, records: [{ key: `k${i % 10}`, value: 'z'.repeat(60) }] }));
    const before = log.segments.length;
    for (let round = 0; round < 6; round++) await cleanNow(log, { fileSystem: disk, nowMs: NOW + round, cleanedOffset: round === 0 ? 0 : log.segments.at(-1)!.baseOffset });
    expect(before).toBeGreaterThan(30);
    expect(log.segments.length).toBeLessThan(6);
    expect(Math.max(...log.segments.map((it) => it.bytes))).toBeLessThanOrEqual(600);
  });

  it('lets those who read go on, and finds every offset afterwards', async () => {
    const { log, disk } = await openBench({ ...COMPACT, fileDeleteDelayMs: 60_000 }, {});
    for (let i = 0; i < 80; i++) log.append(keyedBatch({ baseOffset: i, records: [{ key: `k${i % 7}`, value: 'z'.repeat(60) }] }));
    const old = log.segments[0]!;
    const bytes = Buffer.alloc(old.bytes);
    const file = old.file;
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    disk.inject = (call) => (call.operation === 'read' && call.path.includes('0000.log') && !call.path.includes('cleaned') ? { kind: 'delay', until } : undefined);
    const reading = file.read(bytes, 0);
    disk.inject = () => undefined;
    await cleanNow(log, { fileSystem: disk, nowMs: NOW });
    release();
    expect(await reading).toBe(old.bytes);
    expect([...batchesOf(bytes)][0]!.header.baseOffset).toBe(0);
    expect(old.loadIndexes()?.offsets.positionFor(3)).toBeGreaterThanOrEqual(0);
    for (let offset = 0; offset < 80; offset++) {
      const result = await log.read({ offset, maxBytes: 1, minOneBatch: true });
      const [first] = [...batchesOf(result.bytes)];
      expect(first!.header.lastOffset).toBeGreaterThanOrEqual(offset);
    }
    log.removeDeletedFiles();
    expect(fileNames(disk).some((it) => it.endsWith('.deleted'))).toBe(true);
  });

  it('never leads a reader back: one that waited in a gap goes on behind it, in whatever segment that stands now', async () => {
    const { log, disk } = await openBench(COMPACT, { tailMemory: new TailMemory(0) });
    const put = (key: string): void => void log.append(keyedBatch({ baseOffset: log.logEndOffset, records: [{ key, value: 'z'.repeat(60) }] }));
    put('stays');
    for (let i = 1; i < 30; i++) put(`k${i % 3}`);
    await cleanNow(log, { fileSystem: disk, nowMs: NOW });
    const gap = 2;
    expect((await survivors(log)).map((it) => it.offset).filter((it) => it < log.segments[1]!.baseOffset)).toEqual([0]);
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    disk.inject = (call) => (call.operation === 'read' && call.path.endsWith('.log') ? { kind: 'delay', until } : undefined);
    const reading = log.read({ offset: gap, maxBytes: 100_000, minOneBatch: true });
    disk.inject = () => undefined;
    for (let i = 0; i < 30; i++) put(`k${i % 3}`);
    await cleanNow(log, { fileSystem: disk, nowMs: NOW + 1 });
    log.removeDeletedFiles();
    release();
    expect((await reading).baseOffset).toBeGreaterThanOrEqual(gap);
  });

  it('does not disturb a search for a time, whose segments go meanwhile', async () => {
    const { log, disk } = await openBench(COMPACT, { tailMemory: new TailMemory(0) });
    for (let i = 0; i < 60; i++) log.append(keyedBatch({ baseOffset: i, records: [{ key: `k${i % 3}`, value: 'z'.repeat(60) }] }));
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    await log.flush();
    disk.inject = (call) => (call.operation === 'read' && call.path.endsWith('.log') ? { kind: 'delay', until } : undefined);
    const searching = log.offsetForTimestamp(START_MS + 20);
    await new Promise(setImmediate);
    disk.inject = () => undefined;
    await cleanNow(log, { fileSystem: disk, nowMs: NOW });
    log.removeDeletedFiles();
    release();
    expect((await searching)?.offset).toBeGreaterThanOrEqual(20);
    expect(log.offlineCause).toBeUndefined();
  });

  it('refuses to clean damaged bytes, and leaves nothing behind', async () => {
    const { log, disk } = await openBench(COMPACT);
    for (let i = 0; i < 40; i++) log.append(keyedBatch({ baseOffset: i, records: [{ key: 'k', value: 'z'.repeat(60) }] }));
    await log.flush();
    const path = log.segments[1]!.path('.log');
    const whole = disk.open(path, 'read');
    const content = Buffer.alloc(whole.bytes);
    whole.readSync(content, 0);
    content[100] = content[100]! ^ 1;
    const file = disk.open(path, 'write');
    file.truncate(0);
    file.append(content);
    await expect(cleanNow(log, { fileSystem: disk, nowMs: NOW })).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    expect(log.segments[1]!.bytes).toBe(content.length);
  });

  it('has the last value of every key, however often it is cleaned while the log grows', async () => {
    const random = new SeededRandom(77);
    const { log, disk } = await openBench({ ...COMPACT, deleteRetentionMs: 50 });
    const workload = appendWorkload(log, random, { batches: 20, keys: 30, hasTransactions: true });
    let cleanedOffset = 0;
    for (let round = 0; round < 25; round++) {
      appendWorkload(log, random, { batches: 10 + random.integer(20), keys: 30, hasTransactions: true, workload });
      const result = await cleanNow(log, { fileSystem: disk, nowMs: NOW + round * 20, cleanedOffset, mapBytes: round % 3 === 0 ? 16 * 20 : 100_000 });
      cleanedOffset = result?.nextDirtyOffset ?? cleanedOffset;
      const aborted = new Set(workload.records.filter((it) => it.isAborted).map((it) => it.offset));
      expect(lastValues((await survivors(log)).map((it) => ({ ...it, isAborted: aborted.has(it.offset) })))).toEqual(lastValues(workload.records));
    }
  });
});
