import { batchesOf } from '@millrace/records';
import { CrashedDisk, FaultyFileSystem, ManualClock, RecordingLogger, SeededRandom, type DiskCall, type DiskFault } from '@millrace/testkit';
import { DEFAULT_LOG_CONFIG, LogDirectory, ProducerStateTable, type PartitionLog, type Processes } from '../index.js';
import { batch, codecs, indexProblems, marker, readAll, START_MS } from '../../test/log-fixture.js';

const CONFIG = { ...DEFAULT_LOG_CONFIG, segmentBytes: 900, indexIntervalBytes: 150, fileDeleteDelayMs: 0 };
const STEPS = 30;

/** What must be found after a crash, whatever was under way. */
interface Expectation {
  /** Contents that the log may be a prefix of; the last is the present one. Others are from before a truncation that was under way. */
  versions: Uint8Array[][];
  /** Everything below this offset was synced. */
  synced: number;
  logStart: number;
}

let lives = 0;

async function openDirectory(fileSystem: FaultyFileSystem, logger = new RecordingLogger()): Promise<{ directory: LogDirectory; log: PartitionLog }> {
  lives += 1;
  const life = String(lives);
  const processes: Processes = { pid: lives, identity: (pid) => (String(pid) === life ? life : undefined), lockHolder: () => undefined };
  const directory = await LogDirectory.open({ fileSystem, folder: '/logs', nodeId: 1, clusterId: 'cluster', clock: new ManualClock(START_MS), random: new SeededRandom(lives), logger, codecs, processes, tailBytesMax: 0 });
  return { directory, log: await directory.openPartition({ topic: 'orders', partition: 0, config: CONFIG }) };
}

/** Appends, flushes, checkpoints, truncates and trims, as a broker might; the same for the same seed. */
async function work(disk: FaultyFileSystem, seed: number, expected: Expectation): Promise<void> {
  const random = new SeededRandom(seed);
  let { directory, log } = await openDirectory(disk);
  const present = (): Uint8Array[] => expected.versions[expected.versions.length - 1]!;
  const sequences = new Map<number, number>();
  for (let step = 0; step < STEPS; step++) {
    if (step === STEPS / 2) {
      await directory.close();
      ({ directory, log } = await openDirectory(disk));
      expect(directory.hadCleanShutdown).toBe(true);
    }
    const dice = random.integer(100);
    if (dice < 60) {
      const id = 1 + random.integer(3);
      const baseOffset = log.logEndOffset;
      const isMarker = random.integer(8) === 0 && (log.producers.get(id)?.currentTxnFirstOffset ?? -1) >= 0;
      const records = isMarker ? 1 : 1 + random.integer(4);
      const sequence = sequences.get(id) ?? 0;
      const bytes = isMarker
        ? marker({ baseOffset, producerId: id, isCommit: random.integer(2) === 0 })
        : batch({ baseOffset, records, valueBytes: 10 + random.integer(80), leaderEpoch: seed % 2 === 0 ? 0 : Math.floor(step / 8), producer: { id, sequence, isTransactional: true } });
      present().push(bytes);
      log.append(bytes);
      if (!isMarker) sequences.set(id, sequence + records);
    } else if (dice < 75) {
      const upTo = log.logEndOffset;
      await log.flush();
      expected.synced = upTo;
      expected.versions = [present()];
    } else if (dice < 82) {
      await directory.checkpoint([{ topic: 'orders', partition: 0, offset: log.logEndOffset }]);
    } else if (dice < 92) {
      const keep = Math.max(0, present().length - 1 - random.integer(6));
      const offset = present()[keep] === undefined ? log.logEndOffset : [...batchesOf(present()[keep]!)][0]!.header.baseOffset;
      if (offset < log.logStartOffset) continue;
      expected.versions.push(present().slice(0, keep));
      expected.synced = Math.min(expected.synced, offset);
      await log.truncateTo(offset);
      expected.versions = [present()];
      sequences.clear();
      for (const state of log.producers.all()) sequences.set(state.producerId, (state.batches.at(-1)?.lastSequence ?? -1) + 1);
    } else {
      expected.logStart = Math.max(expected.logStart, log.logStartOffset + random.integer(log.logEndOffset - log.logStartOffset + 1));
      log.advanceLogStartOffset(expected.logStart);
      await directory.checkpointLogStartOffsets();
      log.deleteOldSegments(log.logEndOffset);
      directory.removeDeletedFiles();
    }
  }
  expected.synced = Math.min(expected.synced, log.logEndOffset);
  await directory.close();
}

/** Invariant 1 and 2 of the README, for what a new process finds. */
async function examine(disk: FaultyFileSystem, expected: Expectation, what: string): Promise<void> {
  const { directory, log } = await openDirectory(disk);
  const found = (await readAll(log, { offset: Math.max(log.logStartOffset, log.segments[0]!.baseOffset) })).toString('hex');
  const first = log.logStartOffset;
  const versions = expected.versions.map((version) => Buffer.concat(version.filter((it) => [...batchesOf(it)][0]!.header.lastOffset >= first)).toString('hex'));
  const isPrefix = versions.some((it) => it.startsWith(found));
  const report = { what, isPrefix, hasSynced: log.logEndOffset >= expected.synced, startsInTime: first <= expected.logStart || log.logEndOffset === first };
  expect(report).toEqual({ what, isPrefix: true, hasSynced: true, startsInTime: true });
  for (const { header } of batchesOf(Buffer.from(found, 'hex'))) {
    const result = await log.read({ offset: header.lastOffset, maxBytes: 1, minOneBatch: true });
    expect([...batchesOf(result.bytes)][0]?.header.baseOffset).toBe(header.baseOffset);
  }
  const known = new ProducerStateTable(Number.MAX_SAFE_INTEGER);
  for (const { header } of batchesOf(Buffer.from(found, 'hex'))) if (!header.isControl) known.apply(header);
  for (const state of known.all()) {
    const last = state.batches.at(-1)!;
    expect({ what, last: log.producers.get(state.producerId)?.batches.at(-1) }).toMatchObject({ what, last: { lastSequence: last.lastSequence, lastOffset: last.lastOffset } });
  }
  const epochs: { epoch: number; startOffset: number }[] = [];
  for (const { header } of batchesOf(Buffer.from(found, 'hex'))) {
    if (header.lastOffset < first || header.leaderEpoch <= (epochs.at(-1)?.epoch ?? -1)) continue;
    epochs.push({ epoch: header.leaderEpoch, startOffset: Math.max(first, header.baseOffset) });
  }
  if (epochs.length > 0) expect({ what, epochs: log.leaderEpochs }).toEqual({ what, epochs });
  // It goes on from here.
  log.append(batch({ baseOffset: log.logEndOffset, leaderEpoch: 50 }));
  await directory.close();
  expect({ what, problems: indexProblems(disk) }).toEqual({ what, problems: [] });
}

function fresh(): { disk: FaultyFileSystem; expected: Expectation } {
  return { disk: new FaultyFileSystem(), expected: { versions: [[]], synced: 0, logStart: 0 } };
}

async function changesOf(seed: number): Promise<number> {
  const { disk, expected } = fresh();
  await work(disk, seed, expected);
  return disk.changeCount;
}

/** Runs until the fault strikes, and returns the disk. */
async function runUntil(seed: number, fault: (call: DiskCall) => DiskFault | undefined): Promise<{ disk: FaultyFileSystem; expected: Expectation }> {
  const { disk, expected } = fresh();
  disk.inject = fault;
  await work(disk, seed, expected).catch((error: unknown) => {
    if (!disk.hasCrashed) throw error;
  });
  return { disk, expected };
}

describe('a crash at any call', () => {
  it.each([11, 12, 13, 14])('by a kill, with a torn last write (seed %i)', async (seed) => {
    const total = await changesOf(seed);
    expect(total).toBeGreaterThan(100);
    for (let at = 1; at <= total; at++) {
      const chance = new SeededRandom(seed * 10_000 + at);
      const { disk, expected } = await runUntil(seed, (call) => {
        if (call.number !== at || ['read', 'list', 'open'].includes(call.operation)) return undefined;
        if (call.operation === 'append' && chance.integer(2) === 0) return { kind: 'crash', keepBytes: chance.integer(60) };
        return { kind: 'crash', isBefore: chance.integer(2) === 0 };
      });
      await examine(disk.afterKill(), expected, `seed ${seed}, call ${at}`);
    }
  });

  it.each([21, 22, 23, 24, 25, 26])('by a loss of power (seed %i)', async (seed) => {
    const total = await changesOf(seed);
    for (let at = 1; at <= total; at++) {
      const { disk, expected } = await runUntil(seed, (call) => (call.number === at && !['read', 'list', 'open'].includes(call.operation) ? { kind: 'crash' } : undefined));
      await examine(disk.afterPowerLoss(new SeededRandom(seed * 10_000 + at)), expected, `seed ${seed}, call ${at}`);
    }
  });

  it('also while a crash is recovered from', async () => {
    const total = await changesOf(31);
    for (let at = 5; at <= total; at += 3) {
      const chance = new SeededRandom(at);
      const { disk, expected } = await runUntil(31, (call) => (call.number === at ? { kind: 'crash' } : undefined));
      const second = disk.afterPowerLoss(chance);
      const strike = 1 + chance.integer(25);
      second.inject = (call) => (call.number === strike ? { kind: 'crash' } : undefined);
      await openDirectory(second).catch((error: unknown) => {
        if (!(error instanceof CrashedDisk)) throw error;
      });
      await examine(second.afterPowerLoss(chance), expected, `call ${at}, then ${strike}`);
    }
  });

  it('scans what has grown over a cut, though it lies below the recovery point of before', async () => {
    for (let chance = 0; chance < 60; chance++) {
      const { disk, expected } = fresh();
      const first = await openDirectory(disk);
      const append = (log: PartitionLog, leaderEpoch: number): void => {
        const bytes = batch({ baseOffset: log.logEndOffset, valueBytes: 100, leaderEpoch });
        expected.versions.at(-1)!.push(bytes);
        log.append(bytes);
      };
      for (let i = 0; i < 30; i++) append(first.log, 0);
      await first.log.flush();
      await first.directory.checkpoint();
      expected.versions = [expected.versions[0]!.slice(0, 3)];
      expected.synced = 3;
      await first.log.truncateTo(3);
      for (let i = 0; i < 40; i++) append(first.log, 1);
      disk.crash();
      await examine(disk.afterPowerLoss(new SeededRandom(chance)), expected, `chance ${chance}`);
    }
  });
});
