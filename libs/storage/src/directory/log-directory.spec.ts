import { FaultyFileSystem, ManualClock, RecordingLogger, SeededRandom } from '@millrace/testkit';
import { DEFAULT_LOG_CONFIG, LogDirectory, parseSnapshotFileName, QuorumStateFile, readTextFile, snapshotFileName, type LogDirectoryOptions, type Processes } from '../index.js';
import { baseOffsets, batch, codecs, contentOf, overwrite, readAll, START_MS } from '../../test/log-fixture.js';

const ID = 'c29tZXRvcGljaWRhYmNkZQ';
const config = { ...DEFAULT_LOG_CONFIG, segmentBytes: 300 };

function bench(more: Partial<LogDirectoryOptions> = {}): LogDirectoryOptions & { readonly fileSystem: FaultyFileSystem; readonly clock: ManualClock; readonly logger: RecordingLogger } {
  return { fileSystem: new FaultyFileSystem(), folder: '/data/logs', nodeId: 1, clusterId: 'the-cluster', clock: new ManualClock(START_MS), random: new SeededRandom(1), logger: new RecordingLogger(), codecs, ...more } as never;
}

const process = (pid: number, living: ReadonlyMap<number, string>, lockHolder?: number): Processes => ({ pid, identity: (it) => living.get(it), lockHolder: () => lockHolder });

describe('a future log', () => {
  const partition = { topic: 't', partition: 0, topicId: ID, config: { ...config, segmentBytes: 100_000 } };

  async function both(): Promise<{ fileSystem: FaultyFileSystem; source: LogDirectory; target: LogDirectory; content: () => Promise<string>; names: (folder: string) => string[] }> {
    const options = bench();
    const { fileSystem } = options;
    const source = await LogDirectory.open({ ...options, folder: '/a' });
    const target = await LogDirectory.open({ ...options, folder: '/b' });
    for (const log of [await source.openPartition(partition), await target.openFuture(partition)]) for (let i = 0; i < 5; i++) log.append(batch({ baseOffset: i, leaderEpoch: 3 }));
    const content = async (): Promise<string> => (await readAll(target.get('t', 0) ?? source.get('t', 0)!)).toString('hex');
    const names = (folder: string): string[] => fileSystem.list(folder).filter((it) => it.isFolder).map((it) => it.name.replace(/[0-9a-f]{32}/, '*'));
    return { fileSystem, source, target, content, names };
  }

  it('takes the place of a log, whose readers come to their end', async () => {
    const { source, target, content, names } = await both();
    expect([names('/a'), names('/b')]).toEqual([['t-0'], ['t-0.*-future']]);
    expect(target.findFutures()).toMatchObject([{ topic: 't', partition: 0, topicId: ID }]);
    const before = await content();
    const old = source.get('t', 0)!;
    await source.checkpointCleanedOffset(old, 2);
    const log = target.takeOver(partition, source);
    await target.afterTakeOver(log, source);
    expect([names('/a'), names('/b')]).toEqual([['t-0.*-delete'], ['t-0']]);
    expect([source.get('t', 0), target.get('t', 0), target.cleanedOffset(log)]).toEqual([undefined, log, 2]);
    expect((await readAll(old)).toString('hex')).toBe(before);
    expect(await content()).toBe(before);
    expect(await old.offsetForTimestamp(START_MS + 3)).toMatchObject({ offset: 3 });
    source.removeDeletedFiles();
    expect(source.offlineCause).toBeUndefined();
  });

  it.each(['/a', '/b'])('changes nothing when the disk of %s refuses', async (failing) => {
    const { fileSystem, source, target, content, names } = await both();
    const before = await content();
    fileSystem.inject = (call) => (call.operation === 'rename' && call.path.startsWith(failing) ? { kind: 'error', errno: 'EIO' } : undefined);
    expect(() => target.takeOver(partition, source)).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    fileSystem.inject = () => undefined;
    expect([names('/a'), names('/b')]).toEqual([['t-0'], ['t-0.*-future']]);
    expect([source.offlineCause === undefined, target.offlineCause === undefined]).toEqual([failing !== '/a', failing !== '/b']);
    if (failing === '/b') expect(await content()).toBe(before);
  });

  it('is found again with its checkpoints, and can be adopted', async () => {
    const { fileSystem, source, target } = await both();
    const future = target.findFutures()[0]!;
    source.get('t', 0)?.advanceLogStartOffset(2);
    (await target.openFuture(partition)).advanceLogStartOffset(2);
    for (const it of [source, target]) await it.close({ highWatermarks: [{ topic: 't', partition: 0, offset: 4 }] });
    const again = await LogDirectory.open({ ...bench({ fileSystem }), folder: '/b' });
    expect(again.findPartitions()).toEqual([]);
    await again.adoptFuture(future);
    const log = await again.openPartition(partition);
    expect([log.logStartOffset, log.logEndOffset, log.recoveryPoint, again.checkpointedHighWatermark('t', 0)]).toEqual([2, 5, 5, 4]);
  });

  it('is not made for a topic whose name is too long, and removes what stands in its way', async () => {
    const { target, names, fileSystem } = await both();
    await expect(target.openFuture({ ...partition, topic: 'x'.repeat(230) })).rejects.toMatchObject({ code: 'INVALID_TOPIC_EXCEPTION' });
    await target.removeFuture('t', 0);
    fileSystem.makeFolder('/b/t-0');
    await target.openFuture(partition);
    expect(names('/b').sort()).toEqual(['t-0.*-delete', 't-0.*-delete', 't-0.*-future']);
  });
});

describe('LogDirectory', () => {
  it('keeps its identity, and belongs to one cluster and one node', async () => {
    const options = bench();
    const first = await LogDirectory.open(options);
    expect([first.clusterId, first.hadCleanShutdown, first.previousBrokerEpoch]).toEqual(['the-cluster', false, -1]);
    await first.close({ brokerEpoch: 42 });
    const text = readTextFile(options.fileSystem, '/data/logs/meta.properties')!;
    expect(text.split('\n').filter((it) => !it.startsWith('#')).sort()).toEqual(['', 'cluster.id=the-cluster', `directory.id=${first.directoryId}`, 'node.id=1', 'version=1']);
    const again = await LogDirectory.open({ ...options, clusterId: undefined });
    expect([again.clusterId, again.directoryId, again.hadCleanShutdown, again.previousBrokerEpoch]).toEqual(['the-cluster', first.directoryId, true, 42]);
    again.abandon();
    expect((await LogDirectory.open(options).then((it) => (it.abandon(), it))).hadCleanShutdown).toBe(false);
    await expect(LogDirectory.open({ ...options, clusterId: 'other' })).rejects.toMatchObject({ code: 'INCONSISTENT_CLUSTER_ID' });
    await expect(LogDirectory.open({ ...options, nodeId: 2 })).rejects.toMatchObject({ code: 'INCONSISTENT_NODE_ID' });
    overwrite(options.fileSystem, '/data/logs/meta.properties', Buffer.from('version=0\n'));
    await expect(LogDirectory.open(options)).rejects.toMatchObject({ code: 'INVALID_META_PROPERTIES', message: expect.stringContaining('/data/logs/meta.properties') });
  });

  it('refuses a second process and says which has it; takes over from a dead one', async () => {
    const living = new Map([[10, '10@500'], [20, '20@600']]);
    const options = bench({ processes: process(10, living) });
    const first = await LogDirectory.open(options);
    await expect(LogDirectory.open({ ...options, processes: process(20, living) })).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED', message: expect.stringContaining('process 10;') });
    await expect(LogDirectory.open(options)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED', message: expect.stringContaining('(this one)') });
    living.set(10, '10@900');
    const second = await LogDirectory.open({ ...options, processes: process(20, living) });
    second.abandon();
    overwrite(options.fileSystem, '/data/logs/.lock', Buffer.alloc(0));
    await expect(LogDirectory.open({ ...options, processes: process(20, living, 77) })).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED', message: expect.stringContaining('process 77;') });
    first.abandon();
    (await LogDirectory.open({ ...options, processes: process(20, living) })).abandon();
  });

  it('finds its partitions again, with what was checkpointed of each', async () => {
    const options = bench();
    const directory = await LogDirectory.open(options);
    const [a, b] = await directory.openPartitions([{ topic: 'a.b-c', partition: 0, topicId: ID, config }, { topic: 'a.b-c', partition: 11, config }]);
    for (let i = 0; i < 9; i++) a!.append(batch({ baseOffset: i }));
    a!.advanceLogStartOffset(4);
    b!.append(batch({ baseOffset: 0 }));
    await a!.flush();
    await directory.checkpoint([{ topic: 'a.b-c', partition: 0, offset: 7 }]);
    expect(readTextFile(options.fileSystem, '/data/logs/recovery-point-offset-checkpoint')).toBe('0\n2\na.b-c 0 9\na.b-c 11 0\n');
    expect(readTextFile(options.fileSystem, '/data/logs/log-start-offset-checkpoint')).toBe('0\n1\na.b-c 0 4\n');
    expect(readTextFile(options.fileSystem, '/data/logs/replication-offset-checkpoint')).toBe('0\n1\na.b-c 0 7\n');
    directory.abandon();
    options.fileSystem.makeFolder('/data/logs/x-0.0123456789abcdef0123456789abcdef-delete');
    options.fileSystem.makeFolder('/data/logs/not a partition');
    const again = await LogDirectory.open(options);
    expect(again.findPartitions()).toEqual([{ topic: 'a.b-c', partition: 0, topicId: ID }, { topic: 'a.b-c', partition: 11, topicId: undefined }]);
    expect(options.fileSystem.list('/data/logs').filter((it) => it.isFolder).map((it) => it.name).sort()).toEqual(['a.b-c-0', 'a.b-c-11', 'not a partition']);
    expect(options.logger.complaints('left alone')).toHaveLength(1);
    const log = await again.openPartition({ topic: 'a.b-c', partition: 0, topicId: ID, config });
    expect([log.logStartOffset, log.recoveryPoint, log.logEndOffset, again.checkpointedHighWatermark('a.b-c', 0)]).toEqual([4, 9, 9, 7]);
    // The partition that was not opened keeps its place in the checkpoints.
    await again.checkpoint();
    expect(readTextFile(options.fileSystem, '/data/logs/recovery-point-offset-checkpoint')).toContain('a.b-c 11 0\n');
    await again.close();
  });

  it('forgets a removed partition: one of the same name begins at zero', async () => {
    const options = bench();
    const first = await LogDirectory.open(options);
    const old = await first.openPartition({ topic: 't', partition: 0, topicId: ID, config });
    for (let i = 0; i < 9; i++) old.append(batch({ baseOffset: i }));
    old.advanceLogStartOffset(8);
    await first.close({ highWatermarks: [{ topic: 't', partition: 0, offset: 9 }] });
    const directory = await LogDirectory.open(options);
    const again = await directory.openPartition({ topic: 't', partition: 0, topicId: ID, config });
    expect([again.logStartOffset, again.logEndOffset]).toEqual([8, 9]);
    await directory.removePartition('t', 0);
    expect(() => again.append(batch({ baseOffset: 9 }))).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    const fresh = await directory.openPartition({ topic: 't', partition: 0, topicId: 'YW5vdGhlcnRvcGljaWR4eA', config });
    fresh.append(batch({ baseOffset: 0 }));
    expect([fresh.logStartOffset, fresh.recoveryPoint, directory.checkpointedHighWatermark('t', 0)]).toEqual([0, 0, undefined]);
    const folders = (): string[] => options.fileSystem.list('/data/logs').filter((it) => it.isFolder).map((it) => it.name).sort();
    expect(folders()).toEqual(['t-0', expect.stringMatching(/^t-0\.[0-9a-f]{32}-delete$/)]);
    options.clock.advance(60_000);
    expect(directory.removeDeletedFiles()).toBe(1);
    expect(folders()).toEqual(['t-0']);
    directory.abandon();
    const killed = await LogDirectory.open(options);
    expect(baseOffsets(await readAll(await killed.openPartition({ topic: 't', partition: 0, config })))).toEqual([0]);
  });

  it('recovers a log that the process which stopped in order had never opened', async () => {
    const options = bench();
    const killed = await LogDirectory.open(options);
    const [log] = await killed.openPartitions([{ topic: 'a', partition: 0, config: { ...config, segmentBytes: 100_000 } }]);
    for (let i = 0; i < 3; i++) log!.append(batch({ baseOffset: i }));
    await log!.flush();
    await killed.checkpoint();
    for (let i = 3; i < 6; i++) log!.append(batch({ baseOffset: i }));
    killed.abandon();
    const path = '/data/logs/a-0/00000000000000000000.log';
    const bytes = contentOf(options.fileSystem, path);
    // What a loss of power leaves: the batch at 4 is not what was written.
    bytes[Math.floor((bytes.length / 6) * 4.8)]! ^= 0xff;
    overwrite(options.fileSystem, path, bytes);
    await (await LogDirectory.open(options)).close();
    const again = await LogDirectory.open(options);
    expect(again.hadCleanShutdown).toBe(true);
    const found = await again.openPartition({ topic: 'a', partition: 0, config });
    expect([found.logEndOffset, found.recoveryPoint]).toEqual([4, 3]);
  });

  it('goes offline as a whole when a disk call fails, tells so once, and does not pretend a clean shutdown', async () => {
    const causes: string[] = [];
    const options = bench({ onOffline: (cause) => causes.push(cause.message) });
    const directory = await LogDirectory.open(options);
    const [a, b] = await directory.openPartitions([{ topic: 'a', partition: 0, config }, { topic: 'b', partition: 0, config }]);
    a!.append(batch({ baseOffset: 0 }));
    options.fileSystem.inject = (call) => (call.operation === 'sync' && call.path.includes('/a-0/') ? { kind: 'error', errno: 'EIO' } : undefined);
    await expect(a!.flush()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(causes).toEqual([expect.stringContaining('/data/logs/a-0/00000000000000000000.log')]);
    expect(() => b!.append(batch({ baseOffset: 0 }))).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    await expect(directory.openPartition({ topic: 'c', partition: 0, config })).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await expect(directory.checkpoint()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await directory.close();
    options.fileSystem.inject = () => undefined;
    const again = await LogDirectory.open(options);
    expect([again.hadCleanShutdown, (await again.openPartition({ topic: 'a', partition: 0, config })).logEndOffset]).toEqual([false, 1]);
  });

  it.each(['missing', 'garbage', 'cut'])('recovers everything when its checkpoints are %s', async (damage) => {
    const options = bench();
    const directory = await LogDirectory.open(options);
    const log = await directory.openPartition({ topic: 't', partition: 0, config });
    for (let i = 0; i < 9; i++) log.append(batch({ baseOffset: i }));
    const all = await readAll(log);
    await log.flush();
    await directory.checkpoint([{ topic: 't', partition: 0, offset: 9 }]);
    directory.abandon();
    for (const name of ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint', 'replication-offset-checkpoint']) {
      const path = `/data/logs/${name}`;
      if (damage === 'missing') options.fileSystem.remove(path);
      else overwrite(options.fileSystem, path, damage === 'cut' ? Buffer.from('0\n1\nt 0') : Buffer.from([1, 2, 3, 255]));
    }
    const again = await LogDirectory.open(options);
    const found = await again.openPartition({ topic: 't', partition: 0, config });
    expect((await readAll(found)).equals(all)).toBe(true);
    expect(options.logger.complaints('checkpoint cannot be read')).toHaveLength(damage === 'missing' ? 0 : 3);
  });

  it('opens many, a few at a time, and reports the first failure', async () => {
    const options = bench();
    const directory = await LogDirectory.open(options);
    const many = Array.from({ length: 50 }, (_, partition) => ({ topic: 'm', partition, config }));
    expect((await directory.openPartitions(many, 7)).map((it) => it.partition)).toEqual(many.map((it) => it.partition));
    await directory.close();
    const again = await LogDirectory.open(options);
    options.fileSystem.inject = (call) => (call.path.includes('/m-3/') && call.operation === 'read' ? { kind: 'error', errno: 'EACCES' } : undefined);
    await expect(again.openPartitions(many, 7)).rejects.toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining('/data/logs/m-3/') });
  });
});

describe('files of the metadata quorum', () => {
  it('remember a vote', async () => {
    const fileSystem = new FaultyFileSystem();
    fileSystem.makeFolder('/m');
    await fileSystem.syncFolder('/');
    const file = new QuorumStateFile(fileSystem, '/m');
    expect(file.read()).toBeUndefined();
    const state = { leaderEpoch: 4, leaderId: -1, votedId: 2, votedDirectoryId: ID };
    await file.write(state);
    expect(new QuorumStateFile(fileSystem.afterPowerLoss(new SeededRandom(1)), '/m').read()).toEqual(state);
    overwrite(fileSystem, '/m/quorum-state', Buffer.from('{"leaderId":1,"leaderEpoch":9,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}'));
    expect(file.read()).toEqual({ leaderEpoch: 9, leaderId: 1, votedId: -1, votedDirectoryId: 'AAAAAAAAAAAAAAAAAAAAAA' });
    for (const text of ['', '{', '{"data_version":7,"leaderId":1,"leaderEpoch":1,"votedId":1}', '{"data_version":1}']) {
      overwrite(fileSystem, '/m/quorum-state', Buffer.from(text));
      expect(() => file.read()).toThrow(expect.objectContaining({ code: 'INVALID_QUORUM_STATE' }));
    }
  });

  it('are named as Kafka names them', () => {
    expect(snapshotFileName({ endOffset: 1234, epoch: 7 })).toBe('00000000000000001234-0000000007.checkpoint');
    expect(parseSnapshotFileName('00000000000000001234-0000000007.checkpoint')).toEqual({ endOffset: 1234, epoch: 7 });
    expect(parseSnapshotFileName('00000000000000001234-0000000007.checkpoint.part')).toBeUndefined();
  });
});
