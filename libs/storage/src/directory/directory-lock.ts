import { hasCode, OperationalError } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import type { Processes } from '../fs/processes.js';
import { readTextFile } from '../fs/whole-file.js';

const LOCK_FILE = '.lock';

/** One process at a time uses a log directory. The file names it; a lock whose process is dead is taken over. */
export class DirectoryLock {
  private constructor(private readonly fileSystem: FileSystem, private readonly path: string) {}

  /** Throws `DIRECTORY_LOCKED`, with the process id, when another process (a Millrace or an Apache Kafka broker) uses the directory. */
  static take(fileSystem: FileSystem, folder: string, processes: Processes): DirectoryLock {
    const path = `${folder}/${LOCK_FILE}`;
    const holder = holderOf(fileSystem, path, processes);
    if (holder !== undefined) {
      throw new OperationalError('DIRECTORY_LOCKED', `${folder} is used by process ${holder}${holder === processes.pid ? ' (this one)' : ''}; a log directory belongs to one broker at a time`);
    }
    fileSystem.remove(path);
    let file;
    try {
      file = fileSystem.open(path, 'exclusive');
    } catch (error) {
      if (!hasCode(error, 'FILE_EXISTS')) throw error;
      throw new OperationalError('DIRECTORY_LOCKED', `${folder} was taken by another process at this moment`, { cause: error });
    }
    try {
      file.append(Buffer.from(processes.identity(processes.pid) ?? String(processes.pid)));
    } finally {
      file.close();
    }
    return new DirectoryLock(fileSystem, path);
  }

  release(): void {
    this.fileSystem.remove(this.path);
  }
}

function holderOf(fileSystem: FileSystem, path: string, processes: Processes): number | undefined {
  const identity = readTextFile(fileSystem, path);
  if (identity === undefined) return undefined;
  const pid = Number.parseInt(identity, 10);
  if (Number.isInteger(pid) && processes.identity(pid) === identity) return pid;
  return processes.lockHolder(path);
}
