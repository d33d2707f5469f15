import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

/** A file that is being written. Writes are at a position, so that one that failed halfway can be done again. */
export interface WritableFile {
  /** All of the bytes, or a failure. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What the sink asks of the disk. Failures are Node's, with their `code`. */
export interface FileSystem {
  /** Makes it and its parents, durably. */
  makeFolder(folder: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  readText(file: string): Promise<string>;
  exists(file: string): Promise<boolean>;
  /** A new file; fails when there is one. */
  create(file: string): Promise<WritableFile>;
  reopen(file: string): Promise<WritableFile>;
  /** Gives a file a second name; fails with EEXIST when that is taken: the one atomic claim there is. */
  link(file: string, name: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Also when it is gone already. */
  remove(file: string): Promise<void>;
  /** Makes names in it durable. */
  syncFolder(folder: string): Promise<void>;
  /** Without symbolic links. */
  realPath(file: string): Promise<string>;
}

class NodeFile implements WritableFile {
  constructor(private readonly handle: fs.FileHandle) {}

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.handle.datasync();
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** The machine's own. */
export const NODE_FILE_SYSTEM: FileSystem = {
  async makeFolder(folder) {
    const first = await fs.mkdir(folder, { recursive: true });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = path.dirname(made)) await syncFolder(path.dirname(made));
  },
  list: (folder) => fs.readdir(folder),
  readText: (file) => fs.readFile(file, 'utf8'),
  exists: (file) =>
    fs.access(file).then(
      () => true,
      (error: unknown) => {
        if (errorCode(error) === 'ENOENT') return false;
        throw error;
      },
    ),
  create: async (file) => new NodeFile(await fs.open(file, 'wx')),
  reopen: async (file) => new NodeFile(await fs.open(file, constants.O_WRONLY)),
  link: (file, name) => fs.link(file, name),
  rename: (from, to) => fs.rename(from, to),
  remove: (file) => fs.rm(file, { force: true }),
  syncFolder,
  realPath: (file) => fs.realpath(file),
};

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; its file systems order names by themselves.
  if (process.platform === 'win32') return;
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Node's code of a failed call (`ENOSPC`), or undefined for any other failure. */
export function errorCode(error: unknown): string | undefined {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  return typeof code === 'string' && typeof errno === 'number' ? code : undefined;
}
