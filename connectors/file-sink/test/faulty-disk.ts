import { type FileSystem, NODE_FILE_SYSTEM, type WritableFile } from '../src/disk/file-system.js';

/** The disk's operations, by name, as a fault is asked about them: `write`, `sync`, `link`, `rename`, … */
export type Fault = (operation: string, file: string) => string | undefined;

/** The real disk, with the failures that `fault` names (an error code, or nothing) before the operation, or of half a write. */
export function faultyDisk(fault: Fault): FileSystem {
  const check = (operation: string, file: string): void => {
    const code = fault(operation, file);
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${operation} ${file}`), { code, errno: -1 });
  };
  const wrap = (it: WritableFile, file: string): WritableFile => ({
    write: async (bytes, position) => {
      try {
        check('write', file);
      } catch (error) {
        await it.write(bytes.subarray(0, bytes.length >> 1), position);
        throw error;
      }
      await it.write(bytes, position);
    },
    sync: async () => {
      check('sync', file);
      await it.sync();
    },
    close: () => it.close(),
  });
  const real = NODE_FILE_SYSTEM;
  return {
    makeFolder: async (folder) => (check('makeFolder', folder), real.makeFolder(folder)),
    list: async (folder) => (check('list', folder), real.list(folder)),
    readText: async (file) => (check('readText', file), real.readText(file)),
    exists: (file) => real.exists(file),
    create: async (file) => (check('create', file), wrap(await real.create(file), file)),
    reopen: async (file) => (check('reopen', file), wrap(await real.reopen(file), file)),
    link: async (file, name) => (check('link', name), real.link(file, name)),
    rename: async (from, to) => (check('rename', to), real.rename(from, to)),
    remove: async (file) => (check('remove', file), real.remove(file)),
    syncFolder: async (folder) => (check('syncFolder', folder), real.syncFolder(folder)),
    realPath: (file) => real.realPath(file),
  };
}
