import type { PartitionRegistration, TopicImage } from '@millrace/metadata';
import { nodeCodecs } from '@millrace/platform';
import { DEFAULT_LOG_CONFIG, LogDirectory } from '@millrace/storage';
import { FaultyFileSystem, ManualClock, RecordingLogger, SeededRandom } from '@millrace/testkit';
import { ReplicaPlacement } from './replica-placement.js';

const TOPIC_ID = 'c29tZXRvcGljaWRhYmNkZQ';
const FORMER_ID = 'Zm9ybWVydG9waWNpZGFiYw';
const PARTITION: PartitionRegistration = { partitionId: 0, replicas: [1], directories: [], isr: [1], removingReplicas: [], addingReplicas: [], eligibleLeaderReplicas: [], lastKnownElr: [], leader: 1, isRecovering: false, leaderEpoch: 0, partitionEpoch: 0 };

async function open(fileSystem: FaultyFileSystem): Promise<LogDirectory[]> {
  const logger = new RecordingLogger();
  const directories: LogDirectory[] = [];
  for (const folder of ['/a', '/b']) directories.push(await LogDirectory.open({ fileSystem, folder, nodeId: 1, clusterId: 'cluster', clock: new ManualClock(0), random: new SeededRandom(folder.length + directories.length), logger, codecs: nodeCodecs }));
  return directories;
}

/** Directories that a process before left with these logs. */
async function leftWith(logs: readonly { readonly folder: string; readonly topicId?: string; readonly isFuture?: boolean }[]): Promise<{ directories: LogDirectory[]; placement: ReplicaPlacement; placeFor: (assigned: string) => Promise<string>; names: (folder: string) => string[] }> {
  const fileSystem = new FaultyFileSystem();
  const before = await open(fileSystem);
  for (const { folder, topicId = TOPIC_ID, isFuture = false } of logs) {
    const directory = before.find((it) => it.folder === folder);
    const partition = { topic: 't', partition: 0, topicId, config: DEFAULT_LOG_CONFIG };
    await (isFuture ? directory?.openFuture(partition) : directory?.openPartition(partition));
  }
  for (const it of before) await it.close();
  const directories = await open(fileSystem);
  const placement = new ReplicaPlacement({ brokerId: 1, directories, unreadableFolders: [], isCordoned: () => false, logger: new RecordingLogger() });
  const placeFor = async (assigned: string): Promise<string> => {
    const partition = { ...PARTITION, directories: [directories.find((it) => it.folder === assigned)?.directoryId ?? 'elsewhere'] };
    const topic: TopicImage = { name: 't', topicId: TOPIC_ID, partitions: [partition] };
    return (await placement.directoryFor(topic, partition, [])).folder;
  };
  const names = (folder: string): string[] => fileSystem.list(folder).map((it) => it.name).filter((it) => it.startsWith('t-0')).map((it) => it.replace(/[0-9a-f]{32}/, '*'));
  return { directories, placement, placeFor, names };
}

describe('where the log of a partition is', () => {
  it('where its folder is, whatever the metadata says', async () => {
    const { placeFor, names } = await leftWith([{ folder: '/b' }]);
    expect(await placeFor('/a')).toBe('/b');
    expect([names('/a'), names('/b')]).toEqual([[], ['t-0']]);
  });

  it('of two the one that the metadata names, and the other one is left alone', async () => {
    for (const kept of ['/a', '/b']) {
      const { placeFor, names } = await leftWith([{ folder: '/a' }, { folder: '/b' }]);
      expect(await placeFor(kept)).toBe(kept);
      expect([names(kept), names(kept === '/a' ? '/b' : '/a')]).toEqual([['t-0'], ['t-0']]);
    }
  });

  it('of two of which the metadata names neither, none', async () => {
    const { placeFor, names } = await leftWith([{ folder: '/a' }, { folder: '/b' }]);
    for (let i = 0; i < 2; i++) await expect(placeFor('elsewhere')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect([names('/a'), names('/b')]).toEqual([['t-0'], ['t-0']]);
  });

  it('a future log stands aside while there is a log, and takes its place when there is none', async () => {
    const beside = await leftWith([{ folder: '/a' }, { folder: '/b', isFuture: true }]);
    expect(await beside.placeFor('/b')).toBe('/a');
    expect(beside.placement.opened('t-0').map((it) => it.directory.folder)).toEqual(['/b']);
    const alone = await leftWith([{ folder: '/b', isFuture: true }]);
    expect(await alone.placeFor('/a')).toBe('/b');
    expect(await alone.placeFor('/a')).toBe('/b');
    expect(alone.names('/b')).toEqual(['t-0']);
  });

  it('what belonged to a deleted topic of the same name goes', async () => {
    const { placeFor, names, placement, directories } = await leftWith([{ folder: '/a', topicId: FORMER_ID }, { folder: '/b', topicId: FORMER_ID, isFuture: true }]);
    const [, second] = directories;
    if (second !== undefined) placement.prefer({ topic: 't', partition: 0 }, second);
    expect(await placeFor('elsewhere')).toBe('/b');
    expect([names('/a'), names('/b')]).toEqual([['t-0.*-delete'], ['t-0.*-delete']]);
  });
});
