import { DeleteRecords, DescribeLogDirs, ErrorCode, ListOffsets } from '@millrace/protocol';
import { FaultyFileSystem, waitFor, type DiskFault } from '@millrace/testkit';
import { batchOf, valuesIn } from './local-broker.js';
import { ReplicatedBrokers } from './replicated-brokers.js';

const EIO: DiskFault = { kind: 'error', errno: 'EIO' };

let cluster: ReplicatedBrokers | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

/** Three brokers; the third one's disk is ours. */
async function start(disk: FaultyFileSystem, properties: Readonly<Record<string, string>> = {}): Promise<ReplicatedBrokers> {
  cluster = ReplicatedBrokers.empty(properties);
  cluster.disks.set(3, disk);
  for (const id of [1, 2, 3]) await cluster.startBroker(id);
  return cluster;
}

function batch(value: string): Uint8Array {
  return batchOf([{ value }]);
}

describe('a replica on a failing disk', () => {
  it('leaves the in-sync replicas and does not hold up the others', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '500' });
    await brokers.createTopic('t', { replicas: [[1, 2, 3], [3, 1, 2]] });
    const first = await brokers.client(1);
    await first.produce('t', batch('a'), { acks: -1 });
    disk.inject = (call) => (call.path.includes('t-0') && call.operation === 'append' ? EIO : undefined);
    expect((await first.produce('t', batch('b'), { acks: -1 })).errorCode).toBe(0);
    await brokers.untilIsr('t', [1, 2]);
    expect(brokers.broker(3).server.metrics().partitions.every((it) => it.isOffline)).toBe(true);
    const third = await brokers.client(3);
    expect((await third.produce('t', batch('x'), { partition: 1 })).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect((await third.fetch('t', 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect((await first.produce('t', batch('c'), { acks: -1 })).errorCode).toBe(0);
    await brokers.crash(3);
    brokers.disks.set(3, disk.afterKill());
    await brokers.startBroker(3);
    await brokers.untilIsr('t', [1, 2, 3]);
    const again = await brokers.client(3);
    await waitFor('3 shows all', 5000, async () => valuesIn((await again.fetch('t', 0)).records).join() === 'a,b,c');
  });

  it('that is full pauses, and goes on when there is room', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic('t');
    const first = await brokers.client(1);
    disk.spaceLeftBytes = 20;
    const waiting = first.produce('t', batch('a'), { acks: -1 });
    await waitFor('the disk has refused', 5000, () => Promise.resolve(brokers.broker(3).logger.lines.some((it) => it.message === 'append refused by the disk')));
    disk.spaceLeftBytes = Number.POSITIVE_INFINITY;
    expect((await waiting).errorCode).toBe(0);
  });

  it('that was full when its partition came into being is there once there is room', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk);
    disk.spaceLeftBytes = 0;
    await brokers.createTopic('t');
    const { logger, server } = brokers.broker(3);
    expect(logger.lines.filter((it) => it.message === 'partition cannot be opened')).toHaveLength(1);
    expect((await (await brokers.client(1)).produce('t', batch('a'))).errorCode).toBe(0);
    await brokers.untilIsr('t', [1, 2]);
    expect(server.metrics().brokenPartitions).toBe(1);
    disk.spaceLeftBytes = Number.POSITIVE_INFINITY;
    await brokers.untilIsr('t', [1, 2, 3]);
    expect(server.metrics().brokenPartitions).toBe(0);
  }, 30_000);

  it('acknowledges with its next fetch only what it has synced, where the topic asks for that', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic('t', { configs: { 'flush.messages': '1' } });
    const first = await brokers.client(1);
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    let syncs = 0;
    disk.inject = (call) => (call.path.includes('t-0') && call.operation === 'sync' ? ((syncs += 1), { kind: 'delay', until }) : undefined);
    let isAcked = false;
    const waiting = first.produce('t', batch('a'), { acks: -1 }).then((it) => ((isAcked = true), it));
    await waitFor('it syncs', 5000, () => Promise.resolve(syncs > 0));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isAcked).toBe(false);
    release();
    expect((await waiting).errorCode).toBe(0);
  });

  it('shows as leader what it has synced, whatever becomes of the in-sync replicas meanwhile', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic('t', { replicas: [[3, 1, 2]], configs: { 'flush.messages': '1' } });
    const third = await brokers.client(3);
    const sync = heldUp(disk);
    const waiting = third.produce('t', batch('a'), { acks: -1 });
    await waitFor('it syncs', 5000, () => Promise.resolve(sync.count > 0));
    await brokers.crash(2);
    expect(brokers.isrOf('t')).toEqual([1, 3]);
    await brokers.settled();
    const reader = await brokers.client(3);
    expect(valuesIn((await reader.fetch('t', 0, { maxWaitMs: 500 })).records)).toEqual([]);
    sync.release();
    expect((await waiting).errorCode).toBe(0);
    expect(valuesIn((await reader.fetch('t', 0)).records)).toEqual(['a']);
  });

  it('appends nothing more once its metadata knows of another leader, though its disk holds up the change', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic('t', { replicas: [[1, 3, 2]], configs: { 'flush.messages': '1' } });
    await brokers.crash(1);
    await brokers.startBroker(1);
    await brokers.untilIsr('t', [1, 2, 3]);
    expect(brokers.leaderOf('t')).toBe(3);
    const third = await brokers.client(3);
    const sync = heldUp(disk);
    void third.produce('t', batch('a'), { acks: 1 }).catch(() => undefined);
    await waitFor('it syncs', 5000, () => Promise.resolve(sync.count > 0));
    brokers.electPreferred('t');
    expect(brokers.leaderOf('t')).toBe(1);
    await waitFor('3 has heard of it', 5000, () => Promise.resolve(brokers.broker(3).server.follower.image.partition('t', 0)?.leader === 1));
    expect((await (await brokers.client(3)).produce('t', batch('b'), { acks: 1 })).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    sync.release();
  });

  it('leads only once it has synced what it has, where the topic asks for that', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic('t', { replicas: [[1, 3, 2]], configs: { 'flush.messages': '1' } });
    const first = await brokers.client(1);
    const sync = heldUp(disk);
    void first.produce('t', batch('a'), { acks: -1 }).catch(() => undefined);
    await waitFor('it syncs', 5000, () => Promise.resolve(sync.count > 0));
    await brokers.crash(1);
    expect(brokers.leaderOf('t')).toBe(3);
    const third = await brokers.client(3);
    const isShown = async (): Promise<boolean> => valuesIn((await third.fetch('t', 0)).records).join() === 'a';
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await isShown()).toBe(false);
    sync.release();
    await waitFor('3 shows it', 5000, isShown);
  });

  it('does not begin to cut its log for an earlier leader while it waits for its disk to follow another', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '600' });
    await brokers.createTopic('t', { replicas: [[2, 1, 3]] });
    await brokers.crash(2);
    await brokers.startBroker(2);
    await brokers.untilIsr('t', [1, 2, 3]);
    const first = await brokers.client(1);
    expect((await first.produce('t', batch('a'), { acks: -1 })).errorCode).toBe(0);
    const sync = heldUp(disk);
    brokers.setConfig('t', { 'flush.messages': '1' });
    await brokers.settled();
    brokers.broker(3).isolate();
    expect((await first.produce('t', batch('b'), { acks: -1 })).errorCode).toBe(0);
    await brokers.untilIsr('t', [1, 2]);
    // It waits for the third in vain; the leader's own records are gone at once.
    expect((await first.ask(DeleteRecords, 2, { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 2 }] }], timeoutMs: 100 })).topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    const answers = brokers.broker(3).holdAnswers(ListOffsets.apiKey, 2);
    brokers.broker(3).rejoin();
    await answers.reached;
    brokers.electPreferred('t');
    expect(brokers.leaderOf('t')).toBe(2);
    await waitFor('3 has heard of it', 5000, () => Promise.resolve(brokers.broker(3).server.follower.image.partition('t', 0)?.leader === 2));
    await answers.release();
    sync.release();
    await brokers.settled();
    await brokers.untilIsr('t', [1, 2, 3]);
  });

  it('is in sync again only once it has synced what its killed process had written', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(disk, { 'replica.lag.time.max.ms': '30000' });
    await brokers.createTopic('t');
    const first = await brokers.client(1);
    expect((await first.produce('t', batch('a'), { acks: -1 })).errorCode).toBe(0);
    brokers.setConfig('t', { 'flush.messages': '1' });
    await brokers.crash(3);
    const survivor = disk.afterKill();
    brokers.disks.set(3, survivor);
    const again = heldUp(survivor);
    const started = brokers.startBroker(3);
    await waitFor('it syncs what it found', 5000, () => Promise.resolve(again.count > 0));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(brokers.isrOf('t')).toEqual([1, 2]);
    again.release();
    await started;
    await brokers.untilIsr('t', [1, 2, 3]);
  });
});

describe('a broker with two log directories', () => {
  it('tells the controller what is where, so that only what was in a failed one is led by others', async () => {
    const disk = new FaultyFileSystem();
    cluster = ReplicatedBrokers.empty({ 'replica.lag.time.max.ms': '30000' });
    cluster.disks.set(3, disk);
    for (const id of [1, 2, 3]) await cluster.startBroker(id, id === 3 ? { 'log.dirs': '/data/a,/data/b' } : {});
    const { controller } = cluster;
    await cluster.createTopic('t', { replicas: [[3, 1, 2], [3, 1, 2]] });
    const directories = controller.image.broker(3)?.logDirs ?? [];
    const placeOf = (partition: number): string | undefined => controller.image.partition('t', partition)?.directories[0];
    await waitFor('both are told', 5000, () => Promise.resolve([0, 1].every((it) => directories.includes(placeOf(it) ?? ''))));
    expect(new Set([placeOf(0), placeOf(1)])).toEqual(new Set(directories));
    const third = await cluster.client(3);
    for (const partition of [0, 1]) expect((await third.produce('t', batch('a'), { acks: -1, partition })).errorCode).toBe(0);
    disk.inject = (call) => (call.path.includes('t-0') && call.operation === 'append' ? EIO : undefined);
    expect((await third.produce('t', batch('b'), { acks: -1, partition: 0 })).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    const known = cluster;
    await waitFor('another leads it', 10_000, () => Promise.resolve(known.leaderOf('t', 0) !== 3));
    expect([cluster.leaderOf('t', 0), cluster.leaderOf('t', 1)]).toEqual([1, 3]);
    expect((await (await cluster.client(1)).produce('t', batch('c'), { acks: -1, partition: 0 })).errorCode).toBe(0);
    expect((await third.produce('t', batch('b'), { acks: -1, partition: 1 })).errorCode).toBe(0);
  });
});

describe('where the log of a replica is', () => {
  const TWO = { 'log.dirs': '/data/a,/data/b' };

  /** Two partitions of broker 3 with a record each, both in one of its directories: a new one would go into the other. Broker 3 is down. */
  async function oneSided(): Promise<{ brokers: ReplicatedBrokers; disk: FaultyFileSystem; full: string; empty: string }> {
    const disk = new FaultyFileSystem();
    const brokers = (cluster = ReplicatedBrokers.empty());
    brokers.disks.set(3, disk);
    for (const id of [1, 2, 3]) await brokers.startBroker(id, id === 3 ? TWO : {});
    await brokers.createTopic('t', { replicas: [[3], [3]] });
    const third = await brokers.client(3);
    for (const partition of [0, 1]) expect((await third.produce('t', batch(`of ${partition}`), { partition })).errorCode).toBe(0);
    const { ids } = brokers.broker(3).directories;
    await waitFor('the controller knows', 5000, () => Promise.resolve([0, 1].every((it) => ids.includes(brokers.controller.image.partition('t', it)?.directories[0] ?? ''))));
    await brokers.crash(3);
    const survivor = disk.afterKill();
    brokers.disks.set(3, survivor);
    const [full, empty] = survivor.list('/data/a').some((it) => it.name === 't-0') ? ['/data/a', '/data/b'] : ['/data/b', '/data/a'];
    survivor.rename(`${empty}/t-1`, `${full}/t-1`);
    return { brokers, disk: survivor, full, empty };
  }

  it('is where it was, also when it could not be opened at first', async () => {
    const { brokers, disk } = await oneSided();
    let refusals = 0;
    disk.inject = (call) => (call.path.includes('/t-0/') && (call.operation === 'append' || call.operation === 'create') ? ((refusals += 1), { kind: 'error', errno: 'ENOSPC' }) : undefined);
    await brokers.startBroker(3, TWO);
    expect(refusals).toBeGreaterThan(0);
    expect(brokers.broker(3).server.metrics().brokenPartitions).toBe(1);
    disk.inject = () => undefined;
    await waitFor('it is open', 20_000, () => Promise.resolve(brokers.broker(3).server.metrics().brokenPartitions === 0));
    expect(valuesIn((await (await brokers.client(3)).fetch('t', 0)).records)).toEqual(['of 0']);
  }, 40_000);

  it('is not made anew elsewhere when its directory fails at the start', async () => {
    const { brokers, disk, full, empty } = await oneSided();
    let refusals = 0;
    disk.inject = (call) => (call.path.startsWith(`${full}/t-0/`) && !call.path.endsWith('partition.metadata') ? ((refusals += 1), EIO) : undefined);
    await brokers.startBroker(3, TWO);
    const third = await brokers.client(3);
    expect((await third.fetch('t', 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await brokers.createTopic('new', { replicas: [[3]] });
    expect((await third.produce('new', batch('x'))).errorCode).toBe(0);
    const before = refusals;
    const isElsewhere = (): boolean => disk.list(empty).some((it) => it.name === 't-0');
    await waitFor('it is tried again', 15_000, () => Promise.resolve(refusals > before || isElsewhere()));
    expect((await third.fetch('t', 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(isElsewhere()).toBe(false);
  }, 40_000);

  it('waits for its directory when that cannot be opened at the start; the broker starts without it', async () => {
    const { brokers, disk, full, empty } = await oneSided();
    disk.rename(`${full}/t-1`, `${empty}/t-1`);
    const failing = full === '/data/a' ? empty : full;
    const [lost, kept] = failing === full ? [0, 1] : [1, 0];
    disk.inject = (call) => (call.path.startsWith(failing) ? EIO : undefined);
    await brokers.startBroker(3, TWO);
    const third = await brokers.client(3);
    const { logger } = brokers.broker(3);
    expect(logger.lines.find((it) => it.message.startsWith('log directory cannot be opened'))?.fields).toMatchObject({ folder: failing });
    expect(valuesIn((await third.fetch('t', 0, { partition: kept })).records)).toEqual([`of ${kept}`]);
    expect((await third.fetch('t', 0, { partition: lost })).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    const { results } = await third.ask(DescribeLogDirs, 4, { topics: null });
    expect(results.map((it) => [it.logDir, it.errorCode])).toEqual([['/data/a', 0], ['/data/b', ErrorCode.KAFKA_STORAGE_ERROR]]);
    await brokers.createTopic('new', { replicas: [[3]] });
    expect((await third.produce('new', batch('x'))).errorCode).toBe(0);
    await brokers.crash(3);
    const mended = disk.afterKill();
    brokers.disks.set(3, mended);
    await brokers.startBroker(3, TWO);
    expect(valuesIn((await (await brokers.client(3)).fetch('t', 0, { partition: lost })).records)).toEqual([`of ${lost}`]);
  }, 40_000);

  it('is told when it is in two of them, and the one that the cluster names counts', async () => {
    const { brokers, disk, full, empty } = await oneSided();
    disk.makeFolder(`${empty}/t-0`);
    await brokers.startBroker(3, TWO);
    expect(valuesIn((await (await brokers.client(3)).fetch('t', 0)).records)).toEqual(['of 0']);
    expect(brokers.broker(3).logger.lines.find((it) => it.message.startsWith('partition is in several log directories'))?.fields).toMatchObject({ partition: 't-0', counts: full });
  });
});

/** Syncs of the partition wait from now on. */
function heldUp(disk: FaultyFileSystem): { readonly count: number; readonly release: () => void } {
  let release = (): void => undefined;
  let count = 0;
  const until = new Promise<void>((resolve) => (release = resolve));
  disk.inject = (call) => (call.path.includes('t-0') && call.operation === 'sync' ? ((count += 1), { kind: 'delay', until }) : undefined);
  return {
    get count() {
      return count;
    },
    release: () => {
      disk.inject = () => undefined;
      release();
    },
  };
}
