import { batchesOf, isBatchCrcValid } from '@millrace/records';
import { CrashedDisk, FaultyFileSystem, ManualClock, RecordingLogger, SeededRandom, type DiskCall, type DiskFault } from '@millrace/testkit';
import { cleanableRange, cleanLog, DEFAULT_LOG_CONFIG, LogDirectory, planCleaning, type PartitionLog, type Processes } from '../index.js';
import { appendWorkload, lastValues, survivors, type Workload } from '../../test/cleaner-fixture.js';
import { codecs, fileNames, indexProblems, readAll, START_MS } from '../../test/log-fixture.js';

const CONFIG = { ...DEFAULT_LOG_CONFIG, cleanupPolicies: ['compact'] as const, segmentBytes: 900, indexIntervalBytes: 150, fileDeleteDelayMs: 0, deleteRetentionMs: 10 };
const READS = ['read', 'list', 'open'];
let lives = 0;

interface Open {
  readonly directory: LogDirectory;
  readonly log: PartitionLog;
  readonly logger: RecordingLogger;
}

async function open(fileSystem: FaultyFileSystem): Promise<Open> {
  lives += 1;
  const life = String(lives);
  const processes: Processes = { pid: lives, identity: (pid) => (String(pid) === life ? life : undefined), lockHolder: () => undefined };
  const logger = new RecordingLogger();
  const directory = await LogDirectory.open({ fileSystem, folder: '/logs', nodeId: 1, clusterId: 'cluster', clock: new ManualClock(START_MS), random: new SeededRandom(lives), logger, codecs, processes, tailBytesMax: 0 });
  return { directory, log: await directory.openPartition({ topic: 'orders', partition: 0, config: CONFIG }), logger };
}

/** As the broker does it: what must be durable first, the groups, the checkpoint; and old files are removed at once. */
async function clean({ directory, log }: Open, fileSystem: FaultyFileSystem, nowMs: number): Promise<void> {
  const range = cleanableRange(log, { cleanedOffset: directory.cleanedOffset(log), lastStableOffset: log.firstUnstableOffset ?? log.logEndOffset, nowMs });
  if (range === undefined) return;
  await directory.prepareCleaning(log, range.firstUncleanableOffset);
  const job = planCleaning(log, range, { fileSystem, random: new SeededRandom(1), nowMs, decompressedBytesMax: 1_000_000 });
  const { nextDirtyOffset } = await cleanLog(job, {
    fileSystem,
    codecs,
    clock: new ManualClock(nowMs),
    mapBytes: 16 * 40,
    mapLoadFactor: 0.9,
    pace: () => undefined,
    onGroup: async (group) => {
      expect(await log.replaceSegments(group)).toBe(true);
      directory.removeDeletedFiles();
    },
  });
  await directory.checkpointCleanedOffset(log, nextDirtyOffset);
}

/** Two rounds of appending and cleaning; the same for the same seed. What was appended is in `workload` before it is written. */
async function work(disk: FaultyFileSystem, seed: number, workload: Workload, onCleaning: (begins: boolean) => void = () => undefined): Promise<void> {
  const random = new SeededRandom(seed);
  const it = await open(disk);
  for (let round = 0; round < 2; round++) {
    appendWorkload(it.log, random, { batches: 36, keys: 16, hasTransactions: seed % 2 === 0, workload });
    await it.log.flush();
    onCleaning(true);
    await clean(it, disk, START_MS + 1000 + round * 20);
    onCleaning(false);
  }
  await it.directory.close();
}

/** Everything was synced before the cleaning: nothing of it may be missing, whatever the moment. */
async function examine(disk: FaultyFileSystem, workload: Workload, what: string): Promise<void> {
  const it = await open(disk);
  const end = it.log.logEndOffset;
  const aborted = new Set(workload.records.filter((record) => record.isAborted).map((record) => record.offset));
  const found = lastValues((await survivors(it.log)).map((record) => ({ ...record, isAborted: aborted.has(record.offset) })));
  const expected = lastValues(workload.records.filter((record) => record.offset < end));
  expect({ what, found }).toEqual({ what, found: expected });
  const bytes = await readAll(it.log, { offset: it.log.segments[0]!.baseOffset });
  const invalid = [...batchesOf(bytes)].filter(({ position }) => !isBatchCrcValid(bytes, position, codecs.crc32c));
  expect({ what, invalid, cut: it.logger.complaints('is cut').length }).toEqual({ what, invalid: [], cut: 0 });
  expect({ what, left: fileNames(disk).filter((name) => /cleaned|swap|tmp/.test(name)) }).toEqual({ what, left: [] });
  // It goes on from here, and can be cleaned again.
  await clean(it, disk, START_MS + 5000);
  const again = lastValues((await survivors(it.log)).map((record) => ({ ...record, isAborted: aborted.has(record.offset) })));
  expect({ what, again }).toEqual({ what, again: expected });
  await it.directory.close();
  expect({ what, problems: indexProblems(disk) }).toEqual({ what, problems: [] });
}

async function runUntil(seed: number, fault: (call: DiskCall) => DiskFault | undefined): Promise<{ disk: FaultyFileSystem; workload: Workload }> {
  const disk = new FaultyFileSystem();
  const workload: Workload = { records: [] };
  disk.inject = fault;
  await work(disk, seed, workload).catch((error: unknown) => {
    if (!disk.hasCrashed) throw error;
  });
  return { disk, workload };
}

/** The numbers of the calls that change something while a cleaning is under way. */
async function callsOf(seed: number): Promise<number[]> {
  const calls: number[] = [];
  let isCleaning = false;
  const disk = new FaultyFileSystem();
  disk.inject = (call) => {
    if (isCleaning && !READS.includes(call.operation)) calls.push(call.number);
    return undefined;
  };
  await work(disk, seed, { records: [] }, (begins) => (isCleaning = begins));
  expect(calls.length).toBeGreaterThan(100);
  return calls;
}

describe('a crash at any call of a cleaning', () => {
  it.each([2])('by a kill, with a torn last write (seed %i)', async (seed) => {
    for (const at of await callsOf(seed)) {
      const chance = new SeededRandom(seed * 10_000 + at);
      const { disk, workload } = await runUntil(seed, (call) => {
        if (call.number !== at || READS.includes(call.operation)) return undefined;
        if (call.operation === 'append' && chance.integer(2) === 0) return { kind: 'crash', keepBytes: chance.integer(60) };
        return { kind: 'crash', isBefore: chance.integer(2) === 0 };
      });
      expect(disk.hasCrashed).toBe(true);
      await examine(disk.afterKill(), workload, `seed ${seed}, call ${at}`);
    }
  });

  it.each([3])('by a loss of power (seed %i)', async (seed) => {
    for (const at of await callsOf(seed)) {
      const { disk, workload } = await runUntil(seed, (call) => (call.number === at && !READS.includes(call.operation) ? { kind: 'crash' } : undefined));
      await examine(disk.afterPowerLoss(new SeededRandom(seed * 10_000 + at)), workload, `seed ${seed}, call ${at}`);
    }
  });

  it('also while a crash is recovered from', async () => {
    for (const at of (await callsOf(6)).filter((_, i) => i % 2 === 0)) {
      const chance = new SeededRandom(at);
      const { disk, workload } = await runUntil(6, (call) => (call.number === at ? { kind: 'crash' } : undefined));
      const second = disk.afterPowerLoss(chance);
      const strike = 1 + chance.integer(15);
      second.inject = (call) => (call.number === strike ? { kind: 'crash' } : undefined);
      await open(second).catch((error: unknown) => {
        if (!(error instanceof CrashedDisk)) throw error;
      });
      await examine(second.afterPowerLoss(chance), workload, `call ${at}, then ${strike}`);
    }
  });
});

describe('a cleaning whose disk fails', () => {
  it.each(['EIO', 'ENOSPC'] as const)('by %s at any call: what is found afterwards is whole', async (errno) => {
    for (const at of (await callsOf(8)).filter((_, i) => i % 3 === 0)) {
      let hasStruck = false;
      const disk = new FaultyFileSystem();
      const workload: Workload = { records: [] };
      disk.inject = (call) => {
        if (call.number !== at || READS.includes(call.operation) || hasStruck) return undefined;
        hasStruck = true;
        return { kind: 'error', errno };
      };
      await work(disk, 8, workload).catch(() => undefined);
      disk.inject = () => undefined;
      disk.crash();
      await examine(disk.afterKill(), workload, `${errno} at call ${at}`);
    }
  });
});
