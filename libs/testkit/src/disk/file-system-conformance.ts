import type { FileSystem } from '@millrace/storage';

export interface FileSystemUnderTest {
  readonly fileSystem: FileSystem;
  /** An empty folder. */
  readonly folder: string;
  cleanUp(): void;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** What every FileSystem must do alike: call it in a spec of each. */
export function describeFileSystem(name: string, make: () => FileSystemUnderTest): void {
  describe(`${name} as a FileSystem`, () => {
    let under: FileSystemUnderTest;
    beforeEach(() => (under = make()));
    afterEach(() => under.cleanUp());

    const read = (path: string): string => {
      const file = under.fileSystem.open(path, 'read');
      const into = Buffer.alloc(file.bytes);
      expect(file.readSync(into, 0)).toBe(into.length);
      file.close();
      return into.toString();
    };
    const write = (path: string, text: string): void => {
      const file = under.fileSystem.open(path, 'write');
      file.append(bytes(text));
      file.close();
    };
    const names = (folder: string): string[] => under.fileSystem.list(folder).map((it) => it.name).sort();

    it('appends, reads at any position and cuts', async () => {
      const path = `${under.folder}/a`;
      const file = under.fileSystem.open(path, 'write');
      file.append(bytes('hello '));
      file.append(bytes('world'));
      expect(file.bytes).toBe(11);
      const into = Buffer.alloc(8, '.');
      expect(file.readSync(into, 6)).toBe(5);
      expect(into.toString()).toBe('world...');
      expect(await file.read(into, 2)).toBe(8);
      expect(into.toString()).toBe('llo worl');
      expect(await file.read(into, 11)).toBe(0);
      expect(file.readSync(into, 99)).toBe(0);
      file.truncate(4);
      file.append(bytes('!'));
      await file.sync();
      file.close();
      expect(read(path)).toBe('hell!');
    });

    it('goes on at the end of a file that is opened again', () => {
      write(`${under.folder}/a`, 'one');
      write(`${under.folder}/a`, 'two');
      expect(read(`${under.folder}/a`)).toBe('onetwo');
      expect(under.fileSystem.list(under.folder)).toMatchObject([{ name: 'a', isFolder: false, bytes: 6 }]);
    });

    it('tells apart what is there and what is not', () => {
      const { fileSystem, folder } = under;
      expect(() => fileSystem.open(`${folder}/no`, 'read')).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND', message: expect.stringContaining(`${folder}/no`) }));
      expect(() => fileSystem.open(`${folder}/no`, 'update')).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
      expect(() => fileSystem.open(`${folder}/no/deeper`, 'write')).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
      expect(() => fileSystem.list(`${folder}/no`)).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
      expect(() => fileSystem.rename(`${folder}/no`, `${folder}/yes`)).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
      fileSystem.open(`${folder}/x`, 'exclusive').close();
      expect(() => fileSystem.open(`${folder}/x`, 'exclusive')).toThrow(expect.objectContaining({ code: 'FILE_EXISTS' }));
      expect(() => fileSystem.open(`${folder}/x`, 'read').append(bytes('x'))).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
      fileSystem.remove(`${folder}/no`);
    });

    it('renames over what is there, and open files follow', () => {
      const { fileSystem, folder } = under;
      write(`${folder}/old`, 'old');
      const file = fileSystem.open(`${folder}/new`, 'write');
      file.append(bytes('ne'));
      fileSystem.rename(`${folder}/new`, `${folder}/old`);
      file.append(bytes('w'));
      file.close();
      expect(read(`${folder}/old`)).toBe('new');
      expect(names(folder)).toEqual(['old']);
    });

    it('replaces in the background', async () => {
      const { fileSystem, folder } = under;
      write(`${folder}/old`, 'old');
      write(`${folder}/new`, 'new');
      await fileSystem.replace(`${folder}/new`, `${folder}/old`);
      expect(read(`${folder}/old`)).toBe('new');
      expect(names(folder)).toEqual(['old']);
      await expect(fileSystem.replace(`${folder}/no`, `${folder}/yes`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', message: expect.stringContaining(`${folder}/no`) });
    });

    it('keeps an open file readable when its name is gone', async () => {
      const { fileSystem, folder } = under;
      write(`${folder}/a`, 'still here');
      const file = fileSystem.open(`${folder}/a`, 'read');
      fileSystem.remove(`${folder}/a`);
      const into = Buffer.alloc(10);
      const reading = file.read(into, 0);
      file.close();
      expect(await reading).toBe(10);
      expect(into.toString()).toBe('still here');
      expect(() => file.readSync(into, 0)).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    });

    it('makes, renames and removes folders with what is in them', async () => {
      const { fileSystem, folder } = under;
      fileSystem.makeFolder(`${folder}/p/q`);
      fileSystem.makeFolder(`${folder}/p/q`);
      write(`${folder}/p/q/a`, 'x');
      await fileSystem.syncFolder(`${folder}/p`);
      fileSystem.rename(`${folder}/p`, `${folder}/r`);
      expect(names(folder)).toEqual(['r']);
      expect(names(`${folder}/r`)).toEqual(['q']);
      expect(read(`${folder}/r/q/a`)).toBe('x');
      fileSystem.remove(`${folder}/r`);
      expect(names(folder)).toEqual([]);
    });
  });
}
