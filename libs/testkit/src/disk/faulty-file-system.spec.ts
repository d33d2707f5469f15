import fc from 'fast-check';
import { SeededRandom } from '../doubles/seeded-random.js';
import { CrashedDisk, FaultyFileSystem } from './faulty-file-system.js';
import { describeFileSystem } from './file-system-conformance.js';

describeFileSystem('FaultyFileSystem', () => {
  const fileSystem = new FaultyFileSystem();
  fileSystem.makeFolder('/data');
  return { fileSystem, folder: '/data', cleanUp: () => undefined };
});

describe('FaultyFileSystem', () => {
  const content = (disk: FaultyFileSystem, path: string): string => {
    const file = disk.open(path, 'read');
    const into = Buffer.alloc(file.bytes);
    file.readSync(into, 0);
    return into.toString();
  };

  it('keeps after a loss of power all that was synced, of the rest at most what was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const disk = new FaultyFileSystem();
        disk.makeFolder('/d');
        await disk.syncFolder('/');
        const file = disk.open('/d/a', 'write');
        file.append(Buffer.from('synced'));
        await file.sync();
        await disk.syncFolder('/d');
        file.append(Buffer.from('-lost'));
        disk.open('/d/b', 'write').close();
        disk.crash();
        expect(() => file.append(Buffer.from('x'))).toThrow(CrashedDisk);
        const found = content(disk.afterPowerLoss(new SeededRandom(seed)), '/d/a').replace(/\0/g, '');
        expect('synced-lost'.startsWith(found) && found.length >= 6).toBe(true);
        expect(content(disk.afterKill(), '/d/a')).toBe('synced-lost');
      }),
      { numRuns: 50 },
    );
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const disk = new FaultyFileSystem();
      disk.makeFolder('/d');
      await disk.syncFolder('/');
      disk.open('/d/a', 'write').close();
      outcomes.add(disk.afterPowerLoss(new SeededRandom(seed)).list('/d').map((it) => it.name).join());
    }
    expect([...outcomes].sort()).toEqual(['', 'a']);
  });

  it('keeps a name that one process made and the next one synced', async () => {
    const disk = new FaultyFileSystem();
    disk.makeFolder('/d');
    await disk.syncFolder('/');
    disk.open('/d/a', 'write').close();
    const next = disk.afterKill();
    const file = next.open('/d/a', 'update');
    file.append(Buffer.from('kept'));
    await file.sync();
    await next.syncFolder('/d');
    for (let seed = 0; seed < 10; seed++) expect(content(next.afterPowerLoss(new SeededRandom(seed)), '/d/a')).toBe('kept');
  });

  it('fills up in the middle of a write and takes the same write once there is space', () => {
    const disk = new FaultyFileSystem();
    disk.spaceLeftBytes = 3;
    const file = disk.open('/a', 'write');
    expect(() => file.append(Buffer.from('hello'))).toThrow(expect.objectContaining({ code: 'STORAGE_FULL', isRetriable: true }));
    expect(file.bytes).toBe(0);
    file.truncate(0);
    disk.spaceLeftBytes = 100;
    file.append(Buffer.from('hello'));
    expect(content(disk, '/a')).toBe('hello');
  });

  it('fails and delays single calls', async () => {
    const disk = new FaultyFileSystem();
    const file = disk.open('/a', 'write');
    disk.inject = (call) => (call.operation === 'sync' ? { kind: 'error', errno: 'EIO' } : undefined);
    await expect(file.sync()).rejects.toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining('/a') });
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    disk.inject = (call) => (call.operation === 'sync' ? { kind: 'delay', until } : undefined);
    let isDone = false;
    const syncing = file.sync().then(() => (isDone = true));
    await new Promise(setImmediate);
    expect(isDone).toBe(false);
    release();
    await syncing;
  });

  /** Syncs that end when they are told to, in the order in which they were begun. */
  async function withHeldSyncs(work: (disk: FaultyFileSystem, endSync: (index: number) => Promise<void>) => Promise<void>): Promise<FaultyFileSystem> {
    const disk = new FaultyFileSystem();
    await disk.syncFolder('/');
    const ends: (() => void)[] = [];
    disk.inject = (call) => (call.operation === 'sync' ? { kind: 'delay', until: new Promise<void>((resolve) => ends.push(resolve)) } : undefined);
    await work(disk, async (index) => {
      ends[index]?.();
      await new Promise(setImmediate);
    });
    return disk;
  }

  it('does not take back what a later sync made durable when an earlier one ends behind it', async () => {
    const disk = await withHeldSyncs(async (held, endSync) => {
      const file = held.open('/a', 'write');
      await held.syncFolder('/');
      file.append(Buffer.from('first'));
      void file.sync();
      file.append(Buffer.from('-second'));
      void file.sync();
      await endSync(1);
      await endSync(0);
    });
    for (let seed = 0; seed < 20; seed++) expect(content(disk.afterPowerLoss(new SeededRandom(seed)), '/a')).toBe('first-second');
  });

  it('has after a sync what stood there when it began, though it was cut off and written over meanwhile', async () => {
    const disk = await withHeldSyncs(async (held, endSync) => {
      const file = held.open('/a', 'write');
      await held.syncFolder('/');
      file.append(Buffer.from('abcdefgh'));
      void file.sync();
      file.truncate(4);
      file.append(Buffer.from('XY'));
      await endSync(0);
    });
    const found = new Set<string>();
    for (let seed = 0; seed < 60; seed++) found.add(content(disk.afterPowerLoss(new SeededRandom(seed)), '/a').replace(/\0/g, ''));
    expect([...found].filter((it) => !['abcdefgh', 'abcd', 'abcdX', 'abcdY', 'abcdXY'].includes(it))).toEqual([]);
    expect(found).toContain('abcdefgh');
    expect(found).toContain('abcdXY');
  });
});
