import { topicPartitionName } from '@millrace/foundation';
import type { PartitionRegistration, TopicImage } from '@millrace/metadata';
import { PartitionMachine } from '@millrace/partition';
import { nodeCodecs } from '@millrace/platform';
import { batchesOf, stampBatch } from '@millrace/records';
import { LogDirectory, type PartitionLog, type Processes } from '@millrace/storage';
import { FaultyFileSystem, ManualClock, RecordingLogger, SeededRandom, type DiskCall, type DiskFault } from '@millrace/testkit';
import { topicSettings } from '../src/config/topic-settings.js';
import { HostedPartition } from '../src/replicas/hosted-partition.js';
import { LogMove } from '../src/replicas/log-move.js';
import { ReadAheadBudget } from '../src/replicas/read-ahead.js';
import { ReplicaPlacement, type FuturePlace } from '../src/replicas/replica-placement.js';
import { batchOf } from './local-broker.js';

const START_MS = 1_700_000_000_000;
const BROKER = 1;
const TOPIC_ID = 'c29tZXRvcGljaWRhYmNkZQ';
const IDLE: PartitionRegistration = { partitionId: 0, replicas: [BROKER], directories: [], isr: [BROKER], removingReplicas: [], addingReplicas: [], eligibleLeaderReplicas: [], lastKnownElr: [], leader: BROKER, isRecovering: false, leaderEpoch: 0, partitionEpoch: 0 };
const SETTINGS = topicSettings(new Map([['segment.bytes', '1048576'], ['file.delete.delay.ms', '0']]), { dynamicBroker: new Map(), dynamicDefault: new Map(), static: new Map() });

let lives = 0;

/** What must be found after a crash, whatever was under way. */
interface Expectation {
  /** Contents that the log may be a prefix of, batch by batch; the last is the present one. The other is from before a truncation that was under way. */
  versions: string[][];
  /** So many batches were synced. */
  synced: number;
  /** The metadata names this directory. */
  assigned: string;
}

/** A broker with two directories and one partition, as far as a move needs one. */
class Life {
  private constructor(
    readonly directories: readonly LogDirectory[],
    readonly hosted: HostedPartition,
    readonly futures: readonly FuturePlace[],
    private readonly expected: Expectation,
    readonly logger: RecordingLogger,
  ) {}

  move: LogMove | undefined;
  source: LogDirectory | undefined;

  static async begin(fileSystem: FaultyFileSystem, expected: Expectation): Promise<Life> {
    lives += 1;
    const life = String(lives);
    const processes: Processes = { pid: lives, identity: (pid) => (String(pid) === life ? life : undefined), lockHolder: () => undefined };
    const [clock, logger, random] = [new ManualClock(START_MS), new RecordingLogger(), new SeededRandom(lives)];
    const directories: LogDirectory[] = [];
    for (const folder of ['/a', '/b']) directories.push(await LogDirectory.open({ fileSystem, folder, nodeId: BROKER, clusterId: 'cluster', clock, random, logger, codecs: nodeCodecs, processes, tailBytesMax: 4000 }));
    const idOf = (folder: string): string => directories.find((it) => it.folder === folder)?.directoryId ?? '';
    const partition = { ...IDLE, directories: [idOf(expected.assigned)] };
    const topic: TopicImage = { name: 't', topicId: TOPIC_ID, partitions: [partition] };
    const placement = new ReplicaPlacement({ brokerId: BROKER, directories, unreadableFolders: [], isCordoned: () => false, logger });
    const source = await placement.directoryFor(topic, partition, []);
    const log = await source.openPartition({ topic: 't', partition: 0, topicId: TOPIC_ID, config: SETTINGS.log });
    const machine = new PartitionMachine({ brokerId: BROKER, brokerEpoch: 1, minInsyncReplicas: 1, replicaLagTimeMaxMs: 1000, log: { logStartOffset: log.logStartOffset, logEndOffset: log.logEndOffset, highWatermark: log.logEndOffset, firstUnstableOffset: -1 }, epochs: { latestEpoch: () => log.latestEpoch, epochAt: (it) => log.epochAt(it), endOffsetFor: () => null } });
    const hosted: HostedPartition = new HostedPartition({
      topic: 't',
      topicId: TOPIC_ID,
      partition: 0,
      log,
      machine,
      settings: SETTINGS,
      clock,
      codecs: nodeCodecs,
      logger,
      decompressedBytesMax: 1_000_000,
      readAheadBudget: new ReadAheadBudget(0),
      broker: { proposeIsr: () => undefined, beforeTruncation: async (_, offset): Promise<void> => it.move?.beforeTruncation(offset) },
    });
    const it: Life = new Life(directories, hosted, placement.opened(log.name), expected, logger);
    it.source = source;
    return it;
  }

  beginMove(target: LogDirectory, found: FuturePlace['found'] | undefined): Promise<void> {
    const { source } = this;
    if (source === undefined) throw new Error('begin first');
    this.move = new LogMove({ hosted: this.hosted, source, target, found, bytesPerStep: 300, isAgreed: () => this.expected.assigned === target.folder, onMoved: () => (this.source = target), highWatermarksOf: () => [] });
    return this.move.open();
  }

  append(value: string, leaderEpoch: number): void {
    const bytes = batchOf([{ value }]);
    stampBatch(bytes, 0, this.hosted.log.logEndOffset, leaderEpoch);
    this.expected.versions.at(-1)?.push(Buffer.from(bytes).toString('hex'));
    this.hosted.log.append(bytes);
  }

  async flush(): Promise<void> {
    const count = this.expected.versions.at(-1)?.length ?? 0;
    if (!(await this.hosted.flush())) throw new Error('the flush failed');
    this.expected.synced = count;
    this.expected.versions = this.expected.versions.slice(-1);
  }

  /** Until the replica is in the target; `agree`: the controller does, once it is told. */
  async finish(): Promise<void> {
    for (let steps = 0; steps < 1000; steps++) {
      const step = await this.move?.step();
      if (step === undefined || step.kind === 'moved') return;
      if (step.kind === 'caughtUp' && this.move !== undefined) this.expected.assigned = this.move.target.folder;
    }
    throw new Error('the move does not come to its end');
  }

  abandon(): void {
    for (const it of this.directories) it.abandon();
  }
}

/** A partition in /a that is moved to /b while it is appended to, cut and flushed, and goes on there. */
async function work(disk: FaultyFileSystem, seed: number, expected: Expectation, onMove: () => void = () => undefined): Promise<void> {
  const random = new SeededRandom(seed);
  const life = await Life.begin(disk, expected);
  const [, target] = life.directories;
  if (target === undefined || life.source?.folder !== '/a') throw new Error('it begins in /a');
  for (let i = 0; i < 12; i++) life.append(`before ${i} ${'.'.repeat(random.integer(60))}`, 0);
  if (seed % 2 === 0) await life.flush();
  await Promise.all(life.directories.map((it) => it.checkpoint()));
  onMove();
  await life.beginMove(target, undefined);
  for (let i = 0; i < 6; i++) {
    await life.move?.step();
    life.append(`meanwhile ${i}`, 1);
    if (i === 3 && seed % 3 === 0) {
      const keep = 5 + random.integer(8);
      const { expected: it } = { expected };
      it.versions.push((it.versions.at(-1) ?? []).slice(0, keep));
      it.synced = Math.min(it.synced, keep);
      await life.hosted.truncateTo(keep);
      it.versions = it.versions.slice(-1);
      life.hosted.log.assignLeaderEpoch(2);
    }
    if (random.integer(3) === 0) await life.flush();
  }
  const finishing = life.finish();
  finishing.catch(() => undefined);
  await Promise.resolve();
  life.append('at the end', 3);
  await finishing;
  life.append('there', 3);
  await life.flush();
  for (const it of life.directories) it.removeDeletedFiles();
  life.append('there too', 3);
  for (const it of life.directories) await it.close();
}

async function contentOf(log: PartitionLog): Promise<string[]> {
  const batches: string[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const { bytes, nextOffset } = await log.read({ offset, maxBytes: 1_000_000, minOneBatch: true });
    for (const { position, header } of batchesOf(bytes)) batches.push(Buffer.from(bytes.subarray(position, position + header.sizeBytes)).toString('hex'));
    offset = nextOffset;
  }
  return batches;
}

async function examine(disk: FaultyFileSystem, expected: Expectation, how: 'kill' | 'power loss', what: string): Promise<void> {
  const life = await Life.begin(disk, expected);
  const found = await contentOf(life.hosted.log);
  const isPrefix = expected.versions.some((it) => found.every((batch, i) => batch === it[i]));
  // Of a batch that was being written a killed process may have left all or nothing.
  const isWhole = how === 'power loss' || expected.versions.some((it) => found.length >= it.length - 1);
  expect({ what, isPrefix, isWhole, hasSynced: found.length >= expected.synced }).toEqual({ what, isPrefix: true, isWhole: true, hasSynced: true });
  const [future] = life.futures.filter((it) => it.directory !== life.source);
  if (future !== undefined) {
    await life.beginMove(future.directory, future.found);
    await life.finish();
    expect({ what, content: await contentOf(life.hosted.log) }).toEqual({ what, content: found });
    expect(life.source).toBe(future.directory);
  }
  life.append('again', 9);
  expect(life.hosted.log.latestEpoch).toBe(9);
  for (const it of life.directories) await it.close();
  const again = await Life.begin(disk, { ...expected, assigned: life.source?.folder ?? '' });
  expect({ what, length: (await contentOf(again.hosted.log)).length, futures: again.futures.length }).toEqual({ what, length: found.length + 1, futures: 0 });
  again.abandon();
}

const fresh = (): { disk: FaultyFileSystem; expected: Expectation } => ({ disk: new FaultyFileSystem(), expected: { versions: [[]], synced: 0, assigned: '/a' } });

async function runUntil(seed: number, inject: (call: DiskCall) => DiskFault | undefined): Promise<{ disk: FaultyFileSystem; expected: Expectation }> {
  const { disk, expected } = fresh();
  disk.inject = inject;
  await work(disk, seed, expected).catch((error: unknown) => {
    if (!disk.hasCrashed) throw error;
  });
  return { disk, expected };
}

/** The calls from the beginning of the move to the end. */
async function callsOf(seed: number): Promise<{ readonly from: number; readonly to: number }> {
  const { disk, expected } = fresh();
  let from = 0;
  await work(disk, seed, expected, () => (from = disk.changeCount));
  expect(disk.list('/b').map((it) => it.name)).toContain(topicPartitionName({ topic: 't', partition: 0 }));
  return { from, to: disk.changeCount };
}

it('keeps the epochs of the log, also those in which nothing was appended', async () => {
  const { disk, expected } = fresh();
  const life = await Life.begin(disk, expected);
  const [, target] = life.directories;
  for (const epoch of [0, 0, 2]) life.append('x', epoch);
  life.hosted.log.assignLeaderEpoch(5);
  const epochs = [...life.hosted.log.leaderEpochs];
  if (target !== undefined) await life.beginMove(target, undefined);
  await life.finish();
  expect(life.source).toBe(target);
  expect(life.hosted.log.leaderEpochs).toEqual(epochs);
  expect(epochs.map((it) => it.epoch)).toEqual([0, 2, 5]);
  life.abandon();
});

it('cuts the future log before the log, though as much is appended again before anybody looks', async () => {
  const { disk, expected } = fresh();
  const life = await Life.begin(disk, expected);
  const [, target] = life.directories;
  for (let i = 0; i < 6; i++) life.append(`lost ${i}`, 0);
  if (target !== undefined) await life.beginMove(target, undefined);
  while ((await life.move?.step())?.kind === 'copied');
  expect(life.move?.future?.logEndOffset).toBe(6);
  await life.hosted.truncateTo(2);
  for (let i = 0; i < 9; i++) life.append(`instead ${i}`, 0);
  const content = await contentOf(life.hosted.log);
  await life.finish();
  expect(life.source).toBe(target);
  expect(await contentOf(life.hosted.log)).toEqual(content);
  life.abandon();
});

it('lets no flush pass while its place is taken', async () => {
  const { disk, expected } = fresh();
  const life = await Life.begin(disk, expected);
  const { hosted } = life;
  life.append('a', 0);
  const first = hosted.flush();
  const release = await hosted.holdFlushes();
  expect([await first, hosted.log.recoveryPoint]).toEqual([true, 1]);
  life.append('b', 0);
  const second = hosted.flush();
  await hosted.log.read({ offset: 0, maxBytes: 100_000 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(hosted.log.recoveryPoint).toBe(1);
  release();
  expect([await second, hosted.log.recoveryPoint]).toEqual([true, 2]);
  life.abandon();
});

const isChange = (call: DiskCall): boolean => !['read', 'list', 'open'].includes(call.operation);

describe('a crash at any disk call of a move between directories', () => {
  it.each([2, 3])('by a kill (seed %i)', async (seed) => {
    const { from, to } = await callsOf(seed);
    expect(to - from).toBeGreaterThan(60);
    for (let at = from + 1; at <= to; at++) {
      const isBefore = new SeededRandom(seed * 10_000 + at).integer(2) === 0;
      const { disk, expected } = await runUntil(seed, (call) => (call.number === at && isChange(call) ? { kind: 'crash', isBefore } : undefined));
      await examine(disk.afterKill(), expected, 'kill', `seed ${seed}, call ${at}`);
    }
  }, 60_000);

  it.each([1, 3, 6, 8])('by a loss of power (seed %i)', async (seed) => {
    const { from, to } = await callsOf(seed);
    for (let at = from + 1; at <= to; at++) {
      const { disk, expected } = await runUntil(seed, (call) => (call.number === at && isChange(call) ? { kind: 'crash' } : undefined));
      await examine(disk.afterPowerLoss(new SeededRandom(seed * 10_000 + at)), expected, 'power loss', `seed ${seed}, call ${at}`);
    }
  }, 60_000);
});
