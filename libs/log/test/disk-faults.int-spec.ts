import type { OperationalError } from '@millrace/foundation';
import { CreateTopics, DescribeGroups, ErrorCode, FindCoordinator, IncrementalAlterConfigs, JoinGroup, OffsetCommit, OffsetFetch, SyncGroup } from '@millrace/protocol';
import type { Processes } from '@millrace/storage';
import { FaultyFileSystem, SeededRandom, waitFor, type DiskFault } from '@millrace/testkit';
import { batchOf, LocalBroker, RawClient, valuesIn } from './local-broker.js';

let processes = 1000;
/** Each start is that of a new process: the lock of a dead one is taken over. */
function anotherProcess(): Processes {
  const pid = (processes += 1);
  return { pid, identity: (it) => (it === pid ? `${pid} test` : undefined), lockHolder: () => undefined };
}

describe('a broker on a failing disk', () => {
  const open: { stop: () => Promise<void>; close: () => void }[] = [];
  afterEach(async () => {
    for (const it of open.splice(0)) {
      it.close();
      await it.stop();
    }
  });

  interface Started {
    readonly local: LocalBroker;
    readonly client: RawClient;
    readonly failure: Promise<OperationalError>;
  }

  async function start(disk: FaultyFileSystem, properties: Readonly<Record<string, string>> = {}): Promise<Started> {
    let fail: (cause: OperationalError) => void = () => undefined;
    const failure = new Promise<OperationalError>((resolve) => (fail = resolve));
    const local = await LocalBroker.start(properties, { fileSystem: disk, folder: '/data', processes: anotherProcess(), onFailure: fail });
    const client = await RawClient.connect(local.port);
    open.push({ stop: () => local.stop(), close: () => client.close() });
    return { local, client, failure };
  }

  async function allValues(client: RawClient, topic: string): Promise<(string | null)[]> {
    const values: (string | null)[] = [];
    for (;;) {
      const { records, highWatermark, errorCode } = await client.fetch(topic, values.length);
      expect(errorCode).toBe(0);
      values.push(...valuesIn(records));
      if (values.length >= highWatermark) return values;
    }
  }

  it('refuses what a full disk cannot take, says so, and goes on when there is space again', async () => {
    const disk = new FaultyFileSystem();
    const { local, client } = await start(disk);
    await client.createTopic('full');
    expect(await client.produce('full', batchOf([{ value: 'before' }]))).toMatchObject({ errorCode: 0 });
    disk.spaceLeftBytes = 20;
    expect(await client.produce('full', batchOf([{ value: 'refused' }]))).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, baseOffset: -1 });
    const create = await client.ask(CreateTopics, 7, { topics: [{ name: 'no-room', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] });
    expect(create.topics[0]?.errorCode).not.toBe(0);
    expect(local.logger.complaints().length).toBeGreaterThan(0);
    expect(valuesIn((await client.fetch('full', 0)).records)).toEqual(['before']);
    disk.spaceLeftBytes = Number.POSITIVE_INFINITY;
    expect(await client.produce('full', batchOf([{ value: 'after' }]))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await allValues(client, 'full')).toEqual(['before', 'after']);
  });

  it('stays while the disk is full: checkpoints wait for space too', async () => {
    const disk = new FaultyFileSystem();
    const { local, client } = await start(disk, { 'log.flush.offset.checkpoint.interval.ms': '20' });
    await client.createTopic('full');
    expect(await client.produce('full', batchOf([{ value: 'before' }]))).toMatchObject({ errorCode: 0 });
    disk.spaceLeftBytes = 0;
    await waitFor('a checkpoint is refused', 5000, () => Promise.resolve(local.logger.lines.some((it) => String(it.fields.error ?? it.fields.problem).includes('checkpoint'))));
    disk.spaceLeftBytes = Number.POSITIVE_INFINITY;
    expect(await client.produce('full', batchOf([{ value: 'after' }]))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await allValues(client, 'full')).toEqual(['before', 'after']);
  });

  it('stops in order when its only disk fails under an append, and has what was acknowledged at the next start', async () => {
    const disk = new FaultyFileSystem();
    const { local, client, failure } = await start(disk);
    await client.createTopic('broken');
    for (let i = 0; i < 10; i++) expect(await client.produce('broken', batchOf([{ value: `${i}` }]))).toMatchObject({ errorCode: 0 });
    const eio: DiskFault = { kind: 'error', errno: 'EIO', keepBytes: 7 };
    disk.inject = (call) => (call.path.includes('broken-0') && (call.operation === 'append' || call.operation === 'truncate') ? eio : undefined);
    expect(await client.produce('broken', batchOf([{ value: 'lost' }]))).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR });
    expect((await failure).message).toContain('/data');
    expect(local.logger.complaints('the broker stops').length + local.logger.complaints('metadata log failed').length).toBeGreaterThan(0);
    await expect(client.produce('broken', batchOf([{ value: 'late' }]))).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    const again = await start(disk.afterKill());
    expect(await allValues(again.client, 'broken')).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`));
  });

  it('never acknowledges what a failed fsync may have lost', async () => {
    const disk = new FaultyFileSystem();
    const { client, failure } = await start(disk, { 'log.flush.interval.messages': '1' });
    await client.createTopic('synced');
    for (let i = 0; i < 5; i++) expect(await client.produce('synced', batchOf([{ value: `${i}` }]))).toMatchObject({ errorCode: 0 });
    disk.inject = (call) => (call.operation === 'sync' && call.path.includes('synced-0') ? { kind: 'error', errno: 'EIO' } : undefined);
    expect(await client.produce('synced', batchOf([{ value: 'unsynced' }]))).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR });
    await failure;
    const again = await start(disk.afterPowerLoss(new SeededRandom(7)), { 'log.flush.interval.messages': '1' });
    expect((await allValues(again.client, 'synced')).slice(0, 5)).toEqual(['0', '1', '2', '3', '4']);
  });

  it('shows nobody what is not flushed yet when every record must be', async () => {
    const disk = new FaultyFileSystem();
    const { local, client } = await start(disk, { 'log.flush.interval.messages': '1' });
    await client.createTopic('hidden');
    let flush: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (flush = resolve));
    disk.inject = (call) => (call.operation === 'sync' && call.path.includes('hidden-0') ? { kind: 'delay', until } : undefined);
    const produced = client.produce('hidden', batchOf([{ value: 'hidden' }]));
    const reader = await RawClient.connect(local.port);
    open.push({ stop: () => Promise.resolve(), close: () => reader.close() });
    expect(await reader.fetch('hidden', 0)).toMatchObject({ errorCode: 0, highWatermark: 0 });
    disk.inject = () => undefined;
    flush();
    expect(await produced).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await allValues(reader, 'hidden')).toEqual(['hidden']);
  });

  it('flushes before it acknowledges a duplicate of what was not flushed', async () => {
    const disk = new FaultyFileSystem();
    const { client } = await start(disk);
    await client.createTopic('again');
    const identity = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    expect(await client.produce('again', batchOf([{ value: 'once' }], identity))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    const change = { resourceType: 2, resourceName: 'again', configs: [{ name: 'flush.messages', configOperation: 0, value: '1' }] };
    expect((await client.ask(IncrementalAlterConfigs, 1, { resources: [change], validateOnly: false })).responses[0]).toMatchObject({ errorCode: 0 });
    let syncs = 0;
    disk.inject = (call) => {
      if (call.operation === 'sync' && call.path.includes('again-0')) syncs += 1;
      return undefined;
    };
    expect(await client.produce('again', batchOf([{ value: 'once' }], identity))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(syncs).toBeGreaterThan(0);
    const again = await start(disk.afterPowerLoss(new SeededRandom(3)));
    expect(await allValues(again.client, 'again')).toEqual(['once']);
  });

  it('loads a group shard again that could not be read', async () => {
    const disk = new FaultyFileSystem();
    const first = await start(disk, { 'offsets.topic.num.partitions': '1' });
    await first.client.createTopic('t');
    const commit = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 42, committedMetadata: 'm' }] }] };
    const committed = async (): Promise<number | undefined> => (await first.client.ask(OffsetCommit, 8, commit)).topics[0]?.partitions[0]?.errorCode;
    await first.client.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
    while ((await committed()) !== 0);
    first.client.close();
    await first.local.stop();
    const copy = disk.afterKill();
    let isLed = false;
    let refusals = 0;
    copy.inject = (call) => {
      if (!call.path.includes('__consumer_offsets-0')) return undefined;
      isLed ||= call.operation === 'rename' && call.path.includes('leader-epoch-checkpoint');
      if (!isLed || call.operation !== 'read' || refusals > 0) return undefined;
      refusals += 1;
      // Nothing that takes the log offline: the next read may go well.
      return { kind: 'error', errno: 'ENOSPC' };
    };
    const again = await start(copy, { 'offsets.topic.num.partitions': '1' });
    const fetched = async () => (await again.client.ask(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }], requireStable: false })).groups[0];
    const { errorCode } = (await fetched()) ?? {};
    expect([ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]).toContain(errorCode);
    let group = await fetched();
    for (const deadline = Date.now() + 10_000; group?.errorCode !== 0 && Date.now() < deadline; ) group = await fetched();
    expect(group?.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, committedOffset: 42, metadata: 'm' });
    expect(refusals).toBe(1);
    expect(again.local.logger.complaints('group coordinator cannot be loaded')).toHaveLength(1);
  });

  it('keeps what it loaded of a group when the memory of that read serves the next one', async () => {
    const disk = new FaultyFileSystem();
    const properties = { 'offsets.topic.num.partitions': '1' };
    const first = await start(disk, properties);
    await first.client.createTopic('noise');
    await first.client.produce('noise', batchOf([{ value: 'x'.repeat(800) }]));
    const [metadata, assignment] = [Buffer.alloc(300, 1), Buffer.alloc(300, 2)];
    const join = { groupId: 'g', sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 5000, memberId: '', protocolType: 'connect', protocols: [{ name: 'p', metadata }] };
    await first.client.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
    let joined = await first.client.ask(JoinGroup, 3, join);
    while (joined.errorCode !== 0) joined = await first.client.ask(JoinGroup, 3, join);
    const { generationId, memberId } = joined;
    expect(await first.client.ask(SyncGroup, 3, { groupId: 'g', generationId, memberId, assignments: [{ memberId, assignment }] })).toMatchObject({ errorCode: 0 });
    first.client.close();
    await first.local.stop();
    const again = await start(disk.afterKill(), properties);
    const described = async () => (await again.client.ask(DescribeGroups, 5, { groups: ['g'] })).groups[0];
    while ((await described())?.errorCode !== 0);
    for (let i = 0; i < 3; i++) expect(valuesIn((await again.client.fetch('noise', 0, { partitionMaxBytes: 50_000_000 })).records)).toEqual(['x'.repeat(800)]);
    const [member] = (await described())?.members ?? [];
    expect({ memberId: member?.memberId, metadata: Buffer.from(member?.memberMetadata ?? []), assignment: Buffer.from(member?.memberAssignment ?? []) }).toEqual({ memberId, metadata, assignment });
  });

  it.each([1, 2, 3, 4, 5, 6])('loses nothing acknowledged to a loss of power with flush.messages=1 (seed %i)', async (seed) => {
    const random = new SeededRandom(seed);
    const disk = new FaultyFileSystem();
    const { client } = await start(disk);
    await client.createTopic('power', { configs: { 'flush.messages': '1' } });
    const crashAt = disk.changeCount + 5 + random.integer(60);
    disk.inject = (call) => (call.number >= crashAt && call.operation !== 'read' ? { kind: 'crash', keepBytes: random.integer(80) } : undefined);
    const acknowledged: string[] = [];
    for (let i = 0; !disk.hasCrashed; i++) {
      const answer = await client.produce('power', batchOf([{ value: `${i}` }])).catch(() => undefined);
      if (answer?.errorCode === 0) acknowledged.push(`${i}`);
    }
    const again = await start(disk.afterPowerLoss(random));
    const values = await allValues(again.client, 'power');
    expect({ seed, values: values.slice(0, acknowledged.length) }).toEqual({ seed, values: acknowledged });
  });
});
