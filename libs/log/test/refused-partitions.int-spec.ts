import { DeleteRecords, ErrorCode, Fetch, ListOffsets } from '@millrace/protocol';
import type { Processes } from '@millrace/storage';
import { FaultyFileSystem, type DiskFault } from '@millrace/testkit';
import { batchOf, LocalBroker, RawClient, valuesIn } from './local-broker.js';

interface Started {
  readonly local: LocalBroker;
  readonly client: RawClient;
}

let processes = 2000;
/** Each start is that of a new process: the lock of a dead one is taken over. */
function anotherProcess(): Processes {
  const pid = (processes += 1);
  return { pid, identity: (it) => (it === pid ? `${pid} test` : undefined), lockHolder: () => undefined };
}

describe('a disk that refuses is told as the error of a partition, and the connection lives on', () => {
  const open: { stop: () => Promise<void>; close: () => void }[] = [];
  afterEach(async () => {
    for (const it of open.splice(0)) {
      it.close();
      await it.stop();
    }
  });

  async function start(disk: FaultyFileSystem, properties: Readonly<Record<string, string>> = {}): Promise<Started> {
    const local = await LocalBroker.start(properties, { fileSystem: disk, folder: '/data', processes: anotherProcess() });
    const client = await RawClient.connect(local.port);
    open.push({ stop: () => local.stop(), close: () => client.close() });
    return { local, client };
  }

  /** Does not take the log offline: the next read may go well. */
  const refused: DiskFault = { kind: 'error', errno: 'ENOSPC' };
  const FIRST_MS = 1_000_000;

  const valueOf = (i: number): string => `${i}`.repeat(500_000);

  /** Two partitions of three records, in two segments each. */
  async function startWithTwo(): Promise<Started & { readonly disk: FaultyFileSystem }> {
    const disk = new FaultyFileSystem();
    const started = await start(disk);
    await started.client.createTopic('t', { partitions: 2, configs: { 'segment.bytes': '1048576' } });
    for (const partition of [0, 1]) for (let i = 0; i < 3; i++) await started.client.produce('t', batchOf([{ value: valueOf(i), timestampMs: FIRST_MS + i }]), { partition });
    return { ...started, disk };
  }

  it.each([
    ['by a timestamp', FIRST_MS + 1],
    ['by the largest timestamp', -3],
  ])('when offsets are asked %s', async (_name, timestamp) => {
    const { client, disk, local } = await startWithTwo();
    const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: 't', partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp })) }] };
    const codes = async (): Promise<(number | undefined)[]> => (await client.ask(ListOffsets, 7, request)).topics[0]?.partitions.map((it) => it.errorCode) ?? [];
    disk.inject = (call) => (call.path.includes('t-0') && call.operation === 'read' ? refused : undefined);
    expect(await codes()).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NONE]);
    disk.inject = () => undefined;
    expect(await codes()).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
    expect(local.logger.complaints('request failed')).toEqual([]);
  });

  it('when a fetch of what is committed needs the aborted transactions', async () => {
    const before = await startWithTwo();
    before.client.close();
    await before.local.stop();
    const disk = before.disk.afterKill();
    // A new process has read none of them yet.
    const { client, local } = await start(disk);
    disk.open('/data/t-0/00000000000000000000.txnindex', 'write').close();
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_048_576 }));
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 10_000_000, isolationLevel: 1, topics: [{ topic: 't', partitions }], forgottenTopicsData: [] };
    const answers = async (): Promise<unknown> => (await client.ask(Fetch, 11, request)).responses[0]?.partitions.map((it) => [it.errorCode, valuesIn(it.records)]);
    const all = [0, 1].map(valueOf);
    disk.inject = (call) => (call.path.includes('t-0') && call.path.endsWith('.txnindex') ? refused : undefined);
    expect(await answers()).toEqual([[ErrorCode.KAFKA_STORAGE_ERROR, []], [ErrorCode.NONE, all]]);
    disk.inject = () => undefined;
    expect(await answers()).toEqual([[ErrorCode.NONE, all], [ErrorCode.NONE, all]]);
    expect(local.logger.complaints('request failed')).toEqual([]);
  });

  it('when records are deleted and the disk does not keep where a log begins', async () => {
    const disk = new FaultyFileSystem();
    const { local, client } = await start(disk, { 'log.dirs': '/data/a,/data/b', 'metadata.log.dir': '/data/a' });
    await client.createTopic('t', { partitions: 4 });
    for (let partition = 0; partition < 4; partition++) await client.produce('t', batchOf([{ value: 'gone' }]), { partition });
    const inA = new Set(disk.list('/data/a').map((it) => it.name));
    const request = { topics: [{ name: 't', partitions: [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, offset: -1 })) }], timeoutMs: 5000 };
    const answers = async (): Promise<unknown> => (await client.ask(DeleteRecords, 2, request)).topics[0]?.partitions.map((it) => [it.errorCode, it.lowWatermark]);
    const storageError = [ErrorCode.KAFKA_STORAGE_ERROR, -1];
    disk.inject = (call) => (call.path.startsWith('/data/b/log-start-offset-checkpoint') ? { kind: 'error', errno: 'EIO' } : undefined);
    expect(await answers()).toEqual([storageError, storageError, storageError, storageError]);
    // The directory is offline: asked again, the other one does it.
    const expected = [0, 1, 2, 3].map((it) => (inA.has(`t-${it}`) ? [ErrorCode.NONE, 1] : storageError));
    expect(expected).toContainEqual(storageError);
    expect(expected).toContainEqual([ErrorCode.NONE, 1]);
    expect(await answers()).toEqual(expected);
    expect(local.logger.complaints('request failed')).toEqual([]);
  });

  it('when records are deleted and the disk is full', async () => {
    const disk = new FaultyFileSystem();
    const { local, client } = await start(disk);
    await client.createTopic('t');
    await client.produce('t', batchOf([{ value: 'gone' }]));
    disk.inject = (call) => (call.path.startsWith('/data/log-start-offset-checkpoint') ? refused : undefined);
    const { topics } = await client.ask(DeleteRecords, 2, { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: -1 }] }], timeoutMs: 5000 });
    expect(topics[0]?.partitions[0]).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, lowWatermark: -1 });
    expect(local.logger.complaints('request failed')).toEqual([]);
  });
});
