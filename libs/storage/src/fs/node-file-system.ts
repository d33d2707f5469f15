import * as fs from 'node:fs';
import { OperationalError } from '@millrace/foundation';
import type { FileSystem, FolderEntry, OpenFile, OpenMode } from './file-system.js';
import { storageError } from './storage-error.js';

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: fs.constants.O_RDONLY,
  update: fs.constants.O_RDWR,
  write: fs.constants.O_RDWR | fs.constants.O_CREAT,
  exclusive: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

/** The machine's own disk. */
export class NodeFileSystem implements FileSystem {
  open(path: string, mode: OpenMode): OpenFile {
    return attempt('open', path, () => {
      const descriptor = fs.openSync(path, FLAGS[mode], 0o644);
      try {
        return new NodeFile(path, descriptor, fs.fstatSync(descriptor).size);
      } catch (error) {
        fs.closeSync(descriptor);
        throw error;
      }
    });
  }

  list(folder: string): FolderEntry[] {
    return attempt('list', folder, () => {
      const entries: FolderEntry[] = [];
      for (const name of fs.readdirSync(folder)) {
        const stat = fs.statSync(`${folder}/${name}`, { throwIfNoEntry: false });
        if (stat !== undefined) entries.push({ name, isFolder: stat.isDirectory(), bytes: stat.isDirectory() ? 0 : stat.size, modifiedMs: Math.floor(stat.mtimeMs) });
      }
      return entries;
    });
  }

  makeFolder(path: string): void {
    attempt('make folder', path, () => fs.mkdirSync(path, { recursive: true }));
  }

  rename(from: string, to: string): void {
    attempt(`rename to ${to}`, from, () => fs.renameSync(from, to));
  }

  async replace(from: string, to: string): Promise<void> {
    try {
      await fs.promises.rename(from, to);
    } catch (error) {
      throw storageError(error, `rename to ${to}`, from);
    }
  }

  remove(path: string): void {
    attempt('remove', path, () => fs.rmSync(path, { recursive: true, force: true }));
  }

  async syncFolder(path: string): Promise<void> {
    try {
      const folder = await fs.promises.open(path, 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      throw storageError(error, 'sync folder', path);
    }
  }
}

class NodeFile implements OpenFile {
  private underWay = 0;
  private isClosed = false;

  constructor(readonly path: string, private readonly descriptor: number, public bytes: number) {}

  append(bytes: Uint8Array): void {
    this.expectOpen();
    try {
      let written = 0;
      while (written < bytes.length) written += fs.writeSync(this.descriptor, bytes, written, bytes.length - written, this.bytes + written);
    } catch (error) {
      throw storageError(error, 'append to', this.path);
    }
    this.bytes += bytes.length;
  }

  readSync(into: Uint8Array, position: number): number {
    this.expectOpen();
    try {
      let filled = 0;
      while (filled < into.length) {
        const count = fs.readSync(this.descriptor, into, filled, into.length - filled, position + filled);
        if (count === 0) break;
        filled += count;
      }
      return filled;
    } catch (error) {
      throw storageError(error, 'read', this.path);
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.expectOpen();
    let filled = 0;
    await this.whileOpen('read', async () => {
      while (filled < into.length) {
        const count = await readOnce(this.descriptor, into, filled, position + filled);
        if (count === 0) break;
        filled += count;
      }
    });
    return filled;
  }

  truncate(bytes: number): void {
    this.expectOpen();
    attempt('truncate', this.path, () => fs.ftruncateSync(this.descriptor, bytes));
    this.bytes = bytes;
  }

  async sync(): Promise<void> {
    this.expectOpen();
    await this.whileOpen('sync', () => new Promise<void>((resolve, reject) => fs.fdatasync(this.descriptor, (error) => (error ? reject(error) : resolve()))));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.underWay === 0) fs.closeSync(this.descriptor);
  }

  private expectOpen(): void {
    if (this.isClosed) throw new OperationalError('STORAGE_FAILED', `cannot use ${this.path}: it is closed`);
  }

  private async whileOpen(action: string, work: () => Promise<void>): Promise<void> {
    this.underWay += 1;
    try {
      await work();
    } catch (error) {
      throw storageError(error, action, this.path);
    } finally {
      this.underWay -= 1;
      if (this.isClosed && this.underWay === 0) fs.closeSync(this.descriptor);
    }
  }
}

function readOnce(descriptor: number, into: Uint8Array, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => fs.read(descriptor, into, offset, into.length - offset, position, (error, count) => (error ? reject(error) : resolve(count))));
}

function attempt<T>(action: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storageError(error, action, path);
  }
}
