import type { OperationalError } from '@millrace/foundation';
import { CreateTopics, ErrorCode } from '@millrace/protocol';
import type { Processes } from '@millrace/storage';
import { FaultyFileSystem, SeededRandom, type DiskFault } from '@millrace/testkit';
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
