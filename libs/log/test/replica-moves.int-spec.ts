import { AlterReplicaLogDirs, DeleteRecords, DescribeLogDirs, errorName, type DescribeLogDirsResponse } from '@millrace/protocol';
import { FaultyFileSystem, waitFor, type DiskFault } from '@millrace/testkit';
import { batchOf, valuesIn, type RawClient } from './local-broker.js';
import { ReplicatedBrokers } from './replicated-brokers.js';

const EIO: DiskFault = { kind: 'error', errno: 'EIO' };
const [A, B] = ['/data/a', '/data/b'];

let cluster: ReplicatedBrokers | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

/** Of which the last one has two directories on a disk of ours. */
async function start(count: number, disk: FaultyFileSystem, properties: Readonly<Record<string, string>> = {}): Promise<ReplicatedBrokers> {
  cluster = ReplicatedBrokers.empty({ 'replica.lag.time.max.ms': '30000', ...properties });
  cluster.disks.set(count, disk);
  for (let id = 1; id <= count; id++) await cluster.startBroker(id, id === count ? { 'log.dirs': `${A},${B}` } : {});
  return cluster;
}

async function alter(client: RawClient, path: string, topic = 't', partitions: readonly number[] = [0]): Promise<string[]> {
  const { results } = await client.ask(AlterReplicaLogDirs, 2, { dirs: [{ path, topics: [{ name: topic, partitions: [...partitions] }] }] });
  return results.flatMap((it) => it.partitions.map((partition) => errorName(partition.errorCode)));
}

/** `path: current` or `path: future, lag`. */
async function places(client: RawClient, topic = 't', partition = 0): Promise<string[]> {
  const { results } = await client.ask(DescribeLogDirs, 4, { topics: null });
  const of = (it: DescribeLogDirsResponse.Result): string[] => it.topics.filter(({ name }) => name === topic).flatMap((found) => found.partitions.filter((p) => p.partitionIndex === partition).map((p) => `${it.logDir}: ${p.isFutureKey ? `future, ${p.offsetLag}` : 'current'}`));
  return results.flatMap(of).sort();
}

async function other(client: RawClient, topic = 't'): Promise<string> {
  return (await places(client, topic))[0]?.startsWith(A) === true ? B : A;
}

async function untilIn(client: RawClient, path: string, topic = 't'): Promise<void> {
  await waitFor(`${topic} is in ${path}`, 10_000, async () => (await places(client, topic)).join() === `${path}: current`);
}

async function readAll(client: RawClient, from = 0, topic = 't'): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const answer = await client.fetch(topic, from + values.length);
    expect(answer.errorCode).toBe(0);
    const more = valuesIn(answer.records) as string[];
    if (more.length === 0) return values;
    values.push(...more);
  }
}

const names = (disk: FaultyFileSystem, folder: string): string[] => disk.list(folder).map((it) => it.name).filter((it) => it.startsWith('t-0'));

async function produce(client: RawClient, values: readonly string[], options: { acks?: number } = {}): Promise<void> {
  for (const value of values) expect((await client.produce('t', batchOf([{ value }]), options)).errorCode).toBe(0);
}

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** The controller hears nothing of the last broker from here on: its moves wait for it. */
function cutOff(brokers: ReplicatedBrokers, id: number): () => void {
  const { transport } = brokers.broker(id);
  transport.isCut = true;
  return () => (transport.isCut = false);
}

describe('a replica that moves to another log directory', () => {
  it('is there with all its records, and the controller knows', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk, { 'num.replica.alter.log.dirs.threads': '1' });
    await brokers.createTopic('t', { replicas: [[1]] });
    const client = await brokers.client(1);
    const values = numbered('v', 50);
    await produce(client, values);
    const target = await other(client);
    expect(await alter(client, target)).toEqual(['NONE']);
    await untilIn(client, target);
    expect(await readAll(client)).toEqual(values);
    await produce(client, ['last']);
    expect(await readAll(client)).toEqual([...values, 'last']);
    expect(names(disk, target)).toEqual(['t-0']);
    expect(names(disk, target === A ? B : A)).toEqual([expect.stringMatching(/^t-0\.[0-9a-f]{32}-delete$/)]);
    const { directories } = brokers.broker(1);
    expect(brokers.controller.image.partition('t', 0)?.directories).toEqual([directories.data.find((it) => it.folder === target)?.directoryId]);
    await brokers.crash(1);
    brokers.disks.set(1, disk.afterKill());
    await brokers.startBroker(1, { 'log.dirs': `${A},${B}` });
    const again = await brokers.client(1);
    expect(await readAll(again)).toEqual([...values, 'last']);
    expect(await places(again)).toEqual([`${target}: current`]);
    expect(brokers.broker(1).server.metrics()).toMatchObject({ movingPartitions: 0, alterLogDirsMaxLag: 0, alterLogDirsFailedPartitions: 0 });
  });

  it('is refused where there is no such directory or partition, and made there when it comes', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk);
    const client = await brokers.client(1);
    expect(await alter(client, '/data/c')).toEqual(['LOG_DIR_NOT_FOUND']);
    for (const [topic, path] of [['t', B], ['u', B], ['w', A]] as const) expect(await alter(client, path, topic)).toEqual(['UNKNOWN_TOPIC_OR_PARTITION']);
    for (const topic of ['t', 'u', 'w']) await brokers.createTopic(topic, { replicas: [[1]] });
    for (const [topic, path] of [['t', B], ['u', B], ['w', A]] as const) expect(await places(client, topic)).toEqual([`${path}: current`]);
  });

  it('of another broker is answered REPLICA_NOT_AVAILABLE', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(2, disk);
    await brokers.createTopic('t', { replicas: [[1]] });
    expect(await alter(await brokers.client(2), B)).toEqual(['REPLICA_NOT_AVAILABLE']);
  });

  it.each([1, 3])('is read and written all the while, also with flushes, as led by %i', async (leader) => {
    const disk = new FaultyFileSystem();
    const brokers = await start(3, disk);
    await brokers.createTopic('t', { replicas: [leader === 3 ? [3, 1, 2] : [1, 2, 3]], configs: { 'flush.messages': '1', 'min.insync.replicas': '3', 'segment.bytes': '1048576' } });
    const third = await brokers.client(3);
    const producer = await brokers.client(leader);
    const expected: string[] = [];
    let isDone = false;
    let hasProduced = false;
    const producing = (async () => {
      for (let i = 0; !isDone; i++) {
        const value = `v${i}`;
        expect((await producer.produce('t', batchOf([{ value }]), { acks: -1 })).errorCode).toBe(0);
        expected.push(value);
      }
      hasProduced = true;
    })();
    const reader = await brokers.client(leader);
    const seen: string[] = [];
    const reading = (async () => {
      while (!hasProduced || seen.length < expected.length) seen.push(...(valuesIn((await reader.fetch('t', seen.length, { maxWaitMs: 50 })).records) as string[]));
    })();
    for (let round = 0; round < 4; round++) {
      const target = await other(third);
      expect(await alter(third, target)).toEqual(['NONE']);
      await untilIn(third, target);
    }
    isDone = true;
    await Promise.all([producing, reading]);
    expect(seen).toEqual(expected);
    expect(new Set(expected).size).toBe(expected.length);
    expect(expected.length).toBeGreaterThan(20);
    expect(brokers.isrOf('t')).toEqual([1, 2, 3]);
    await waitFor('the third shows all', 5000, async () => (await readAll(third)).length === expected.length);
    expect(await readAll(third)).toEqual(expected);
  }, 30_000);

  it('waits for the controller, with a future log that stays up to date; asking for where it is calls it off', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk);
    await brokers.createTopic('t', { replicas: [[1]] });
    const client = await brokers.client(1);
    await produce(client, ['a', 'b']);
    const target = await other(client);
    const [here] = [target === A ? B : A];
    const rejoin = cutOff(brokers, 1);
    expect(await alter(client, target)).toEqual(['NONE']);
    const both = [`${here}: current`, `${target}: future, 0`].sort();
    await waitFor('the future log has all', 5000, async () => (await places(client)).join() === both.join());
    await produce(client, ['c']);
    await waitFor('and what is new', 5000, async () => (await places(client)).join() === both.join());
    expect(brokers.broker(1).server.metrics().movingPartitions).toBe(1);
    expect(names(disk, target)).toEqual([expect.stringMatching(/^t-0\.[0-9a-f]{32}-future$/)]);
    expect(await alter(client, here)).toEqual(['NONE']);
    expect(await places(client)).toEqual([`${here}: current`]);
    expect(names(disk, target)).toEqual([expect.stringMatching(/^t-0\.[0-9a-f]{32}-delete$/)]);
    rejoin();
    await produce(client, ['d']);
    expect(await readAll(client)).toEqual(['a', 'b', 'c', 'd']);
    const { directories } = brokers.broker(1);
    const id = directories.data.find((it) => it.folder === here)?.directoryId;
    await waitFor('the controller knows', 5000, () => Promise.resolve(brokers.controller.image.partition('t', 0)?.directories[0] === id));
  });

  it('is redirected to a third directory', async () => {
    const disk = new FaultyFileSystem();
    cluster = ReplicatedBrokers.empty();
    cluster.disks.set(1, disk);
    await cluster.startBroker(1, { 'log.dirs': '/data/a,/data/b,/data/c' });
    await cluster.createTopic('t', { replicas: [[1]] });
    const client = await cluster.client(1);
    await produce(client, ['a']);
    const [here] = (await places(client)).map((it) => it.split(':')[0] ?? '');
    const [first = '', second = ''] = ['/data/a', '/data/b', '/data/c'].filter((it) => it !== here);
    const rejoin = cutOff(cluster, 1);
    await alter(client, first);
    expect(await alter(client, second)).toEqual(['NONE']);
    rejoin();
    await untilIn(client, second);
    expect(names(disk, first)).toEqual([expect.stringMatching(/-delete$/)]);
    expect(await readAll(client)).toEqual(['a']);
  });

  it.each(['a kill', 'an orderly stop'])('goes on after %s', async (end) => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk);
    await brokers.createTopic('t', { replicas: [[1]] });
    const client = await brokers.client(1);
    await produce(client, ['a', 'b']);
    const target = await other(client);
    cutOff(brokers, 1);
    await alter(client, target);
    await produce(client, ['c']);
    if (end === 'a kill') await brokers.crash(1);
    else await brokers.broker(1).end('stop');
    brokers.disks.set(1, disk.afterKill());
    await brokers.startBroker(1, { 'log.dirs': `${A},${B}` });
    const again = await brokers.client(1);
    await untilIn(again, target);
    expect(await readAll(again)).toEqual(['a', 'b', 'c']);
  });

  it('is cut with its log: what a leader lost is not in its future log either', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(3, disk);
    await brokers.createTopic('t', { replicas: [[3, 1, 2]] });
    const third = await brokers.client(3);
    await produce(third, ['a']);
    for (const id of [1, 2]) brokers.broker(id).transport.cut();
    brokers.broker(3).isolate();
    const target = await other(third);
    await alter(third, target);
    await produce(third, ['lost', 'lost too'], { acks: 1 });
    const here = target === A ? B : A;
    await waitFor('the future log has it', 5000, async () => (await places(third)).join() === [`${here}: current`, `${target}: future, 0`].sort().join());
    brokers.fence(3);
    await brokers.settled();
    for (const id of [1, 2]) brokers.broker(id).transport.isCut = false;
    await produce(await brokers.client(brokers.leaderOf('t')), ['b'], { acks: 1 });
    brokers.broker(3).rejoin();
    await waitFor('3 is in sync again', 10_000, async () => (await readAll(third)).join() === 'a,b');
    await untilIn(third, target);
    expect(await readAll(third)).toEqual(['a', 'b']);
  }, 20_000);

  it('takes its log start offset along', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk);
    await brokers.createTopic('t', { replicas: [[1]] });
    const client = await brokers.client(1);
    await client.produce('t', batchOf(numbered('v', 10).map((value) => ({ value }))));
    const deleteUpTo = async (offset: number): Promise<void> => {
      const { topics } = await client.ask(DeleteRecords, 2, { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset }] }], timeoutMs: 5000 });
      expect(topics[0]?.partitions).toMatchObject([{ errorCode: 0, lowWatermark: offset }]);
    };
    // Inside of a batch.
    await deleteUpTo(4);
    const rejoin = cutOff(brokers, 1);
    const target = await other(client);
    await alter(client, target);
    await client.produce('t', batchOf(numbered('w', 3).map((value) => ({ value }))));
    await deleteUpTo(6);
    rejoin();
    await untilIn(client, target);
    await brokers.crash(1);
    brokers.disks.set(1, disk.afterKill());
    await brokers.startBroker(1, { 'log.dirs': `${A},${B}` });
    const again = await brokers.client(1);
    expect((await again.offsetAt('t', -2)).offset).toBe(6);
    expect((await again.fetch('t', 5)).errorCode).toBe(1);
    expect(valuesIn((await again.fetch('t', 6)).records).slice(-3)).toEqual(['w0', 'w1', 'w2']);
  });

  it('goes with its topic', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk);
    await brokers.createTopic('t', { replicas: [[1]] });
    const client = await brokers.client(1);
    await produce(client, ['a']);
    const rejoin = cutOff(brokers, 1);
    await alter(client, await other(client));
    rejoin();
    brokers.submit((controller) => controller.deleteTopics({ topics: [{ name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], topicNames: ['t'], timeoutMs: 1000 }));
    await brokers.settled();
    expect([...names(disk, A), ...names(disk, B)].every((it) => it.endsWith('-delete'))).toBe(true);
    expect(brokers.broker(1).server.metrics().movingPartitions).toBe(0);
    await brokers.createTopic('t', { replicas: [[1]] });
    expect(await readAll(client)).toEqual([]);
  });

  it('stays where it is when the disk of the other directory fails', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk);
    await brokers.createTopic('t', { replicas: [[1]] });
    const client = await brokers.client(1);
    await produce(client, ['a']);
    const target = await other(client);
    const rejoin = cutOff(brokers, 1);
    await alter(client, target);
    disk.inject = (call) => (call.path.startsWith(target) && call.operation === 'append' ? EIO : undefined);
    await produce(client, ['b']);
    await waitFor('the move is called off', 5000, () => Promise.resolve(brokers.broker(1).server.metrics().movingPartitions === 0));
    rejoin();
    await produce(client, ['c']);
    expect(await readAll(client)).toEqual(['a', 'b', 'c']);
    expect(await alter(client, target)).toEqual(['KAFKA_STORAGE_ERROR']);
  });

  it('is offline when the disk of its own directory fails, and led by others', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(3, disk);
    await brokers.createTopic('t', { replicas: [[3, 1, 2]] });
    const third = await brokers.client(3);
    await produce(third, ['a']);
    const target = await other(third);
    const here = target === A ? B : A;
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    // Its future log waits for its last flush, when the controller has agreed.
    disk.inject = (call) => (call.path.startsWith(target) && call.path.includes('-future') && call.operation === 'sync' ? { kind: 'delay', until } : undefined);
    await alter(third, target);
    const { directories } = brokers.broker(3);
    const id = directories.data.find((it) => it.folder === target)?.directoryId;
    await waitFor('the controller has agreed', 5000, () => Promise.resolve(brokers.controller.image.partition('t', 0)?.directories[0] === id));
    disk.inject = (call) => (call.path.startsWith(`${here}/t-0`) && call.operation === 'append' ? EIO : undefined);
    expect((await third.produce('t', batchOf([{ value: 'b' }]))).errorCode).toBe(56);
    release();
    await waitFor('another leads it', 10_000, () => Promise.resolve(brokers.leaderOf('t') !== 3));
    await produce(await brokers.client(brokers.leaderOf('t')), ['c'], { acks: 1 });
    expect(await readAll(await brokers.client(brokers.leaderOf('t')))).toEqual(['a', 'c']);
  }, 20_000);

  it('keeps to its rate', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk, { 'replica.fetch.max.bytes': '20000' });
    await brokers.createTopic('t', { replicas: [[1]] });
    brokers.setConfig(1, { 'replica.alter.log.dirs.io.max.bytes.per.second': '100000' });
    await brokers.settled();
    const client = await brokers.client(1);
    const value = 'x'.repeat(20_000);
    await produce(client, Array.from({ length: 15 }, () => value));
    const target = await other(client);
    const startedMs = performance.now();
    await alter(client, target);
    await untilIn(client, target);
    // 300 kB at 100 kB a second, the first samples of which come for free.
    expect(performance.now() - startedMs).toBeGreaterThan(1200);
    expect((await readAll(client)).every((it) => it === value)).toBe(true);
  }, 20_000);

  it('waits for room on a disk that is full', async () => {
    const disk = new FaultyFileSystem();
    const brokers = await start(1, disk);
    await brokers.createTopic('t', { replicas: [[1]] });
    const client = await brokers.client(1);
    await produce(client, numbered('v', 20));
    const target = await other(client);
    disk.inject = (call) => (call.path.startsWith(target) && call.path.endsWith('.log') && call.operation === 'append' ? { kind: 'error', errno: 'ENOSPC' } : undefined);
    await alter(client, target);
    await waitFor('it is told', 5000, () => Promise.resolve(brokers.broker(1).logger.lines.some((it) => it.message.startsWith('there is no room in the other log directory'))));
    disk.inject = () => undefined;
    await untilIn(client, target);
    expect(await readAll(client)).toEqual(numbered('v', 20));
  });
});
