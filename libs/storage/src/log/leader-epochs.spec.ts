import { FaultyFileSystem } from '@millrace/testkit';
import { readTextFile } from '../fs/whole-file.js';
import { LeaderEpochs } from './leader-epochs.js';

const PATH = '/p/leader-epoch-checkpoint';

describe('leader epochs on the disk', () => {
  let disk: FaultyFileSystem;
  let epochs: LeaderEpochs;

  beforeEach(() => {
    disk = new FaultyFileSystem();
    disk.makeFolder('/p');
    epochs = new LeaderEpochs(disk, PATH);
  });

  it.each(['sync', 'replace', 'syncFolder'] as const)('an epoch that begins during the %s of the one before is written by it too', async (operation) => {
    let release: () => void = () => undefined;
    disk.inject = (call) => {
      if (call.operation !== operation) return undefined;
      disk.inject = () => undefined;
      return { kind: 'delay', until: new Promise((resolve) => (release = resolve)) };
    };
    epochs.assign(1, 0);
    const synced = epochs.sync();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    epochs.assign(2, 10);
    epochs.writeOut();
    release();
    await synced;
    expect(readTextFile(disk, PATH)).toBe('0\n2\n1 0\n2 10\n');
    expect(Buffer.from(disk.durableContentOf(PATH) ?? []).toString()).toBe('0\n2\n1 0\n2 10\n');
    expect(disk.list('/p').map((it) => it.name)).toEqual(['leader-epoch-checkpoint']);
  });

  it('are known again from the whole file, and from no part of it', () => {
    epochs.assign(0, 0);
    epochs.assign(1, 420);
    epochs.writeOut();
    const text = readTextFile(disk, PATH) ?? '';
    const loaded = (content: string): LeaderEpochs | undefined => {
      const file = disk.open(PATH, 'write');
      file.truncate(0);
      file.append(Buffer.from(content));
      file.close();
      const again = new LeaderEpochs(disk, PATH);
      return again.load() ? again : undefined;
    };
    expect(loaded(text)?.all).toEqual([{ epoch: 0, startOffset: 0 }, { epoch: 1, startOffset: 420 }]);
    for (let bytes = 0; bytes < text.length; bytes++) expect(loaded(text.slice(0, bytes))).toBeUndefined();
  });
});
