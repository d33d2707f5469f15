import { batchesOf } from '@millrace/records';
import { ReadBuffers, TailMemory, PartitionLog } from '../index.js';
import { baseOffsets, batch, fileNames, marker, openBench, readAll, START_MS } from '../../test/log-fixture.js';

const reopened = { hadCleanShutdown: true };

describe('PartitionLog', () => {
  it('appends at its end only, and reads back byte for byte', async () => {
    const { log } = await openBench();
    const bytes = Buffer.concat([batch({ baseOffset: 0, records: 3 }), batch({ baseOffset: 3 })]);
    expect(log.append(bytes)).toMatchObject({ baseOffset: 0, lastOffset: 3, nextOffset: 4, batchCount: 2, bytes: bytes.length, maxTimestampMs: START_MS + 3, hasRolled: false });
    expect(() => log.append(batch({ baseOffset: 5 }))).toThrow(/offset 5 is appended where 4 is due/);
    expect(() => log.append(batch({ baseOffset: 3 }))).toThrow(/offset 3 is appended where 4 is due/);
    expect(() => log.append(batch({ baseOffset: 4 }).subarray(0, 70))).toThrow(/whole batches/);
    expect(log.append(batch({ baseOffset: 9 }), { origin: 'replication' })).toMatchObject({ baseOffset: 9, nextOffset: 10 });
    expect(await readAll(log)).toEqual(Buffer.concat([bytes, batch({ baseOffset: 9 })]));
  });

  it('returns whole batches, the one that contains the offset first', async () => {
    const { log } = await openBench();
    for (let i = 0; i < 10; i++) log.append(batch({ baseOffset: i * 10, records: 10 }));
    const size = batch({ baseOffset: 0, records: 10 }).length;
    const read = async (request: object): Promise<number[]> => baseOffsets((await log.read({ offset: 0, maxBytes: 1e6, ...request })).bytes);
    expect(await read({ offset: 35 })).toEqual([30, 40, 50, 60, 70, 80, 90]);
    expect(await read({ offset: 39, maxBytes: size * 2 + 30 })).toEqual([30, 40]);
    expect(await read({ offset: 30, maxOffset: 50 })).toEqual([30, 40]);
    expect(await read({ offset: 30, maxOffset: 45 })).toEqual([30]);
    expect(await read({ offset: 30, maxOffset: 35 })).toEqual([]);
    expect(await read({ offset: 50, maxOffset: 50 })).toEqual([]);
    expect(await read({ offset: 100 })).toEqual([]);
    expect(await read({ offset: 20, maxBytes: 10, minOneBatch: true })).toEqual([20]);
    expect(await log.read({ offset: 20, maxBytes: 10 })).toMatchObject({ bytes: new Uint8Array(0), nextOffset: 20, isFirstBatchTooLarge: true });
    expect(() => log.read({ offset: 101, maxBytes: 1 })).toThrow(expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }));
  });

  it.each([
    ['from memory', new TailMemory(1e9), 1e6],
    ['on the spot', new TailMemory(0), 4000],
    ['in the background', new TailMemory(0), 1e6],
  ])('reads the same %s, over segments and index entries', async (_, tailMemory, maxBytes) => {
    const { log } = await openBench({ segmentBytes: 40_000, indexIntervalBytes: 500 }, { tailMemory, readBuffers: new ReadBuffers(1e6) });
    const all: Uint8Array[] = [];
    for (let offset = 0, i = 0; offset < 3000; i++) {
      const records = 1 + (i % 7);
      const bytes = batch({ baseOffset: offset, records, valueBytes: 5 + ((i * 37) % 300) });
      log.append(bytes);
      all.push(bytes);
      offset += records;
    }
    expect((await readAll(log, { maxBytes })).equals(Buffer.concat(all))).toBe(true);
    for (let offset = 0; offset < log.logEndOffset; offset += 53) {
      const [first] = batchesOf((await log.read({ offset, maxBytes })).bytes);
      expect(first!.header.baseOffset <= offset && first!.header.lastOffset >= offset).toBe(true);
    }
  });

  it('rolls by size, by the time of its batches, by a full index, and never while empty', async () => {
    const size = batch({ baseOffset: 0 }).length;
    const bySize = await openBench({ segmentBytes: size * 2 });
    const rolls = [0, 1, 2, 3, 4].map((it) => bySize.log.append(batch({ baseOffset: it })).hasRolled);
    expect(rolls).toEqual([false, false, true, false, true]);
    expect(fileNames(bySize.disk).filter((it) => it.endsWith('.log'))).toEqual(['00000000000000000000.log', '00000000000000000002.log', '00000000000000000004.log']);

    const byTime = await openBench({ segmentMs: 1000 });
    expect([0, 500, 1000, 1001, 1500, 2002].map((it, i) => byTime.log.append(batch({ baseOffset: i, timestampMs: START_MS + it })).hasRolled)).toEqual([false, false, false, true, false, true]);

    const byIndex = await openBench({ segmentIndexBytes: 24, indexIntervalBytes: 1 });
    expect([0, 1, 2, 3, 4, 5, 6].map((it) => byIndex.log.append(batch({ baseOffset: it })).hasRolled)).toEqual([false, false, false, true, false, false, true]);

    const small = await openBench({ segmentBytes: 10 });
    expect(small.log.append(batch({ baseOffset: 0 })).hasRolled).toBe(false);
  });

  it('begins a new segment where offsets run out of int32', async () => {
    const { log, disk } = await openBench();
    const append = (baseOffset: number): boolean => log.append(batch({ baseOffset, timestampMs: START_MS }), { origin: 'replication' }).hasRolled;
    expect([0, 2_147_483_647, 2_147_483_648, 9e12].map(append)).toEqual([false, false, true, true]);
    expect(fileNames(disk)).toEqual(expect.arrayContaining(['00000000002147483648.log', '00000009000000000000.log']));
    expect(baseOffsets(await readAll(log))).toEqual([0, 2_147_483_647, 2_147_483_648, 9e12]);
  });

  it('finds records by time, also in compressed batches and when times go back', async () => {
    const { log } = await openBench({ segmentBytes: 3000, indexIntervalBytes: 200 }, { tailMemory: new TailMemory(0) });
    const times = [10, 20, 15, 40, 40, 5, 60, 30, 90, 90];
    times.forEach((it, i) => log.append(batch({ baseOffset: i * 10, records: 10, valueBytes: 60, timestampMs: START_MS + it, compression: i % 2 === 0 ? 'gzip' : 'none', leaderEpoch: Math.floor(i / 5) })));
    const all = times.flatMap((it, i) => Array.from({ length: 10 }, (_, j) => ({ offset: i * 10 + j, timestampMs: START_MS + it + j, leaderEpoch: Math.floor(i / 5) })));
    for (let at = START_MS; at < START_MS + 110; at++) {
      expect(await log.offsetForTimestamp(at)).toEqual(all.find((it) => it.timestampMs >= at));
    }
    expect(await log.maxTimestampOffset()).toEqual({ offset: 89, timestampMs: START_MS + 99, leaderEpoch: 1 });
    log.advanceLogStartOffset(35);
    expect(await log.offsetForTimestamp(START_MS)).toMatchObject({ offset: 35 });
  });

  it('knows where each leader epoch ended', async () => {
    const { log } = await openBench();
    for (const [baseOffset, leaderEpoch] of [[0, 2], [1, 2], [2, 5], [3, 7]] as const) log.append(batch({ baseOffset, leaderEpoch }));
    expect([-1, 1, 2, 3, 5, 6, 7, 8].map((it) => log.endOffsetForEpoch(it))).toEqual([
      { epoch: -1, endOffset: -1 },
      { epoch: 1, endOffset: 0 },
      { epoch: 2, endOffset: 2 },
      { epoch: 2, endOffset: 2 },
      { epoch: 5, endOffset: 3 },
      { epoch: 5, endOffset: 3 },
      { epoch: 7, endOffset: 4 },
      { epoch: -1, endOffset: -1 },
    ]);
    log.assignLeaderEpoch(9);
    expect(log.leaderEpochs.at(-1)).toEqual({ epoch: 9, startOffset: 4 });
    await log.truncateTo(3);
    expect(log.leaderEpochs).toEqual([{ epoch: 2, startOffset: 0 }, { epoch: 5, startOffset: 2 }]);
    log.advanceLogStartOffset(1);
    expect(log.leaderEpochs[0]).toEqual({ epoch: 2, startOffset: 1 });
  });

  it('forgets an epoch that began at its end and was never written in, when it is cut there', async () => {
    const { log, options } = await openBench();
    log.append(batch({ baseOffset: 0, leaderEpoch: 2 }));
    log.assignLeaderEpoch(4);
    await log.truncateTo(1);
    expect([log.logEndOffset, log.leaderEpochs]).toEqual([1, [{ epoch: 2, startOffset: 0 }]]);
    await log.close();
    expect((await PartitionLog.open({ ...options, ...reopened })).leaderEpochs).toEqual([{ epoch: 2, startOffset: 0 }]);
  });

  it('is after a truncation as if the rest had never been', async () => {
    const config = { segmentBytes: 1500, indexIntervalBytes: 200 };
    const shape = (i: number): Parameters<typeof batch>[0] => ({ baseOffset: i * 2, records: 2, valueBytes: 80, leaderEpoch: Math.floor(i / 10), producer: { id: 1 + (i % 3), sequence: 2 * Math.floor(i / 3) } });
    for (const cut of [0, 1, 2, 30, 37, 38, 58, 59]) {
      const { log, options, disk } = await openBench(config);
      const end = cut - (cut % 2);
      for (let i = 0; i < 30; i++) log.append(batch(shape(i)));
      await log.flush();
      await log.truncateTo(cut);
      expect([log.logEndOffset, log.recoveryPoint]).toEqual([end, end]);
      const fresh = await openBench(config);
      for (let i = 0; i < end / 2; i++) fresh.log.append(batch(shape(i)));
      const states = (of: PartitionLog): unknown => [...of.producers.all()].map((it) => [it.producerId, it.batches.at(-1)]).sort();
      expect(states(log)).toEqual(states(fresh.log));
      for (const it of [log, fresh.log]) for (let i = end / 2; i < 40; i++) it.append(batch({ ...shape(i), leaderEpoch: 99 }));
      expect(await readAll(log)).toEqual(await readAll(fresh.log));
      expect(log.leaderEpochs).toEqual(fresh.log.leaderEpochs);
      await log.close();
      const again = await PartitionLog.open({ ...options, ...reopened });
      expect(await readAll(again)).toEqual(await readAll(fresh.log));
      expect(again.logEndOffset).toBe(80);
      expect(fileNames(disk).some((it) => it.endsWith('.tmp'))).toBe(false);
    }
  });

  it('answers a read that a truncation has overtaken with the new log', async () => {
    const { log, disk } = await openBench({}, { tailMemory: new TailMemory(0) });
    for (let i = 0; i < 20; i++) log.append(batch({ baseOffset: i, valueBytes: 50 }));
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    let delays = 1;
    disk.inject = (call) => (call.operation === 'read' && delays-- > 0 ? { kind: 'delay', until } : undefined);
    const reading = log.read({ offset: 0, maxBytes: 1e6 });
    await log.truncateTo(3);
    log.append(batch({ baseOffset: 3, valueBytes: 700, leaderEpoch: 1 }));
    release();
    expect(baseOffsets((await reading).bytes)).toEqual([0, 1, 2, 3]);
  });

  it('starts anew at an offset', async () => {
    const { log, options } = await openBench({ segmentBytes: 200 });
    for (let i = 0; i < 5; i++) log.append(batch({ baseOffset: i, producer: { id: 7, sequence: i } }));
    await log.truncateFullyAndStartAt(1000);
    expect([log.logStartOffset, log.logEndOffset, log.producers.size, log.latestEpoch]).toEqual([1000, 1000, 0, -1]);
    log.append(batch({ baseOffset: 1000 }));
    await log.close();
    const again = await PartitionLog.open({ ...options, ...reopened });
    expect([again.logStartOffset, baseOffsets(await readAll(again))]).toEqual([1000, [1000]]);
  });

  it('tells transactions: the first unstable offset, and which were aborted', async () => {
    const { log, options } = await openBench({ segmentBytes: 400 });
    const data = (baseOffset: number, id: number, sequence: number): Uint8Array => batch({ baseOffset, producer: { id, sequence, isTransactional: true } });
    log.append(data(0, 1, 0));
    log.append(data(1, 2, 0));
    expect(log.firstUnstableOffset).toBe(0);
    log.append(marker({ baseOffset: 2, producerId: 1, isCommit: false }));
    expect(log.firstUnstableOffset).toBe(0);
    log.onHighWatermark(3);
    expect(log.firstUnstableOffset).toBe(1);
    log.append(data(3, 1, 1));
    log.append(marker({ baseOffset: 4, producerId: 2, isCommit: true }));
    log.append(marker({ baseOffset: 5, producerId: 1, isCommit: false }));
    log.onHighWatermark(6);
    expect(log.firstUnstableOffset).toBeUndefined();
    const expected = [
      { producerId: 1, firstOffset: 0, lastOffset: 2, lastStableOffset: 1 },
      { producerId: 1, firstOffset: 3, lastOffset: 5, lastStableOffset: 6 },
    ];
    const check = (of: PartitionLog): void => {
      expect(of.abortedTransactions(0, 6)).toEqual(expected);
      expect(of.abortedTransactions(0, 3)).toEqual(expected.slice(0, 1));
      expect(of.abortedTransactions(3, 6)).toEqual(expected.slice(1));
      expect(of.abortedTransactions(1, 2)).toEqual(expected.slice(0, 1));
    };
    check(log);
    check(await PartitionLog.open(options));
    await log.close();
    check(await PartitionLog.open({ ...options, ...reopened }));
  });

  it('keeps an open transaction over a restart', async () => {
    const { log, options } = await openBench();
    log.append(batch({ baseOffset: 0 }));
    log.append(batch({ baseOffset: 1, producer: { id: 1, sequence: 0, isTransactional: true } }));
    await log.close();
    const again = await PartitionLog.open({ ...options, ...reopened });
    expect(again.firstUnstableOffset).toBe(1);
    again.append(marker({ baseOffset: 2, producerId: 1, isCommit: false }));
    expect(again.abortedTransactions(0, 3)).toEqual([{ producerId: 1, firstOffset: 1, lastOffset: 2, lastStableOffset: 3 }]);
  });

  it('says when a flush is due, and shares one sync between those who wait', async () => {
    const { log, clock, disk } = await openBench({ flushMessages: 3, flushMs: 1000 });
    expect([0, 1, 2].map((it) => log.append(batch({ baseOffset: it })).isFlushDue)).toEqual([false, false, true]);
    let syncs = 0;
    disk.inject = (call) => {
      if (call.operation === 'sync' && call.path.endsWith('.log')) syncs += 1;
      return undefined;
    };
    expect(await Promise.all([log.flush(1), log.flush(3), log.flush(3)])).toEqual([3, 3, 3]);
    expect(syncs).toBe(1);
    expect(log.isFlushDue()).toBe(false);
    log.append(batch({ baseOffset: 3 }));
    expect(log.isFlushDue()).toBe(false);
    clock.advance(1000);
    expect(log.isFlushDue()).toBe(true);
  });

  it('refuses a folder of another topic of the same name', async () => {
    const { log, options } = await openBench();
    await log.close();
    await expect(PartitionLog.open({ ...options, topicId: 'YW5vdGhlcnRvcGljaWR4eA' })).rejects.toMatchObject({ code: 'INCONSISTENT_TOPIC_ID', message: expect.stringContaining('/logs/orders-0') });
  });
});
