import { hasCode } from '@millrace/foundation';
import type { FileSystem } from './file-system.js';

/** Undefined when there is no such file. */
export function readWholeFile(fileSystem: FileSystem, path: string): Uint8Array | undefined {
  let file;
  try {
    file = fileSystem.open(path, 'read');
  } catch (error) {
    if (hasCode(error, 'FILE_NOT_FOUND')) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafe(file.bytes);
    return bytes.subarray(0, file.readSync(bytes, 0));
  } finally {
    file.close();
  }
}

export function readTextFile(fileSystem: FileSystem, path: string): string | undefined {
  const bytes = readWholeFile(fileSystem, path);
  return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** Puts a new content in place of the old one: a reader, also after the death of the process, sees one or the other. Not durable before a sync of the folder and the file. */
export function replaceFile(fileSystem: FileSystem, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  const file = fileSystem.open(temporary, 'write');
  try {
    file.truncate(0);
    file.append(bytes);
  } finally {
    file.close();
  }
  fileSystem.rename(temporary, path);
}

/** The same in the background, and on the disk for good when the promise resolves. Nothing else may write this path until then. */
export async function replaceFileDurably(fileSystem: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = fileSystem.open(temporary, 'write');
  try {
    file.truncate(0);
    file.append(bytes);
    await file.sync();
  } finally {
    file.close();
  }
  await fileSystem.replace(temporary, path);
  await fileSystem.syncFolder(path.slice(0, path.lastIndexOf('/')));
}

/** Syncs what was written under this name; nothing when the file is gone. */
export async function syncFile(fileSystem: FileSystem, path: string): Promise<void> {
  let file;
  try {
    file = fileSystem.open(path, 'update');
  } catch (error) {
    if (hasCode(error, 'FILE_NOT_FOUND')) return;
    throw error;
  }
  try {
    await file.sync();
  } finally {
    file.close();
  }
}

export function exists(fileSystem: FileSystem, path: string): boolean {
  try {
    fileSystem.open(path, 'read').close();
    return true;
  } catch (error) {
    if (hasCode(error, 'FILE_NOT_FOUND')) return false;
    throw error;
  }
}
