import { readFileSync } from 'node:fs';
import { FaultyFileSystem, waitFor } from '@millrace/testkit';
import { QuorumCluster } from './quorum-cluster.js';

const THREE = { 1: 'broker,controller', 2: 'broker,controller', 3: 'broker,controller' } as const;
const DISK = '/data';

let cluster: QuorumCluster;
afterEach(() => cluster.stop(), 60_000);

/** How it ended, or that it did not. */
async function outcomeWithin(ms: number, work: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<string>((resolve) => (timer = setTimeout(() => resolve('still under way'), ms)));
  const ended = work.then(
    () => 'done',
    (error: unknown) => (error as { code?: unknown }).code,
  );
  return await Promise.race([ended, limit]).finally(() => clearTimeout(timer));
}

function cleanMarker(folder: string): string | undefined {
  try {
    return readFileSync(`${folder}/.kafka_cleanshutdown`, 'utf8');
  } catch {
    return undefined;
  }
}

describe('a node that stops', () => {
  it('as the active controller, while the disk of the metadata fails, comes to its end', async () => {
    cluster = await QuorumCluster.prepare(THREE, { 'log.dirs': DISK });
    for (const it of cluster.nodes.values()) it.disk = new FaultyFileSystem();
    await Promise.all([1, 2, 3].map((id) => cluster.startNode(id)));
    const active = await cluster.activeController();
    const { disk } = cluster.node(active);
    // What the controller decides about the broker that stops is appended, and never committed.
    if (disk !== undefined) disk.inject = (call) => (call.operation === 'sync' && call.path.includes('__cluster_metadata-0') ? { kind: 'error', errno: 'EIO' } : undefined);
    expect(await outcomeWithin(12_000, cluster.stopNode(active))).toBe('done');
    const others = cluster.up.map((it) => it.id);
    await waitFor('the others have a controller', 10_000, async () => others.includes(await cluster.activeController()));
  }, 60_000);

  it('while it waits for a quorum, waits no longer', async () => {
    cluster = await QuorumCluster.prepare(THREE);
    const { broker } = cluster.node(1);
    const starting = broker.start();
    expect(await outcomeWithin(500, starting)).toBe('still under way');
    expect(await outcomeWithin(5000, broker.stop())).toBe('done');
    expect(await outcomeWithin(100, starting)).toBe('NO_CONTROLLER');
  });

  it('before it could register, leaves the marker of the clean end before it', async () => {
    cluster = await QuorumCluster.start(THREE);
    await Promise.all([1, 2, 3].map((id) => cluster.stopNode(id)));
    const marker = cleanMarker(cluster.folderOf(1));
    expect(JSON.parse(marker ?? '{}')).toMatchObject({ brokerEpoch: expect.any(Number) as number });
    const starting = cluster.startNode(1);
    expect(await outcomeWithin(500, starting)).toBe('still under way');
    await cluster.stopNode(1);
    expect(cleanMarker(cluster.folderOf(1))).toBe(marker);
    expect(await outcomeWithin(100, starting)).toBe('NO_CONTROLLER');
  }, 60_000);

  it('before it could register, and whose logs are to be recovered, leaves no marker', async () => {
    cluster = await QuorumCluster.start(THREE);
    await cluster.crash(1);
    await Promise.all([2, 3].map((id) => cluster.stopNode(id)));
    const starting = cluster.startNode(1);
    expect(await outcomeWithin(500, starting)).toBe('still under way');
    await cluster.stopNode(1);
    expect(cleanMarker(cluster.folderOf(1))).toBeUndefined();
    expect(await outcomeWithin(100, starting)).toBe('NO_CONTROLLER');
  }, 60_000);

  it('as the last one of a quorum that is lost, gives up handing over', async () => {
    cluster = await QuorumCluster.start(THREE);
    await Promise.all([2, 3].map((id) => cluster.crash(id)));
    expect(await outcomeWithin(12_000, cluster.stopNode(1))).toBe('done');
  }, 60_000);
});

describe('a node that starts without a quorum', () => {
  it('is up as soon as there is one', async () => {
    cluster = await QuorumCluster.prepare(THREE);
    const first = cluster.startNode(1);
    expect(await outcomeWithin(2000, first)).toBe('still under way');
    const second = cluster.startNode(2);
    expect(await outcomeWithin(15_000, Promise.all([first, second]))).toBe('done');
  }, 60_000);
});
