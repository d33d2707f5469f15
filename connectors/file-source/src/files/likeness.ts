import fs from 'node:fs/promises';
import { readRange } from './content.js';
import type { FoundFile } from './file-selection.js';
import type { TrackedFile } from './tracked-file.js';

/** How much of two files that begin alike is compared. */
const COMPARED_BYTES = 4096;

/** The found file has what was read of the known one, as far as it goes. */
export async function hasReadPartOf(found: FoundFile, isGzip: boolean, file: TrackedFile): Promise<boolean> {
  const tail = file.knownTail;
  if (isGzip || file.isGzip || found.size < file.readPosition || tail.length === 0) return true;
  return (await readRange(found.path, found.inode, file.readPosition - tail.length, tail.length))?.equals(tail) === true;
}

/** What another file is to one that is there: the same as far as it goes, the same and more, or something else. */
export async function likenessOf(found: FoundFile, file: TrackedFile): Promise<'copy' | 'longer' | 'other'> {
  if (file.isGzip) return found.size > file.position && file.isAtEnd ? 'longer' : 'copy';
  // Without a name it cannot be compared but by what was read of it.
  const byTail = async (): Promise<'copy' | 'other'> => ((await hasReadPartOf(found, false, file)) ? 'copy' : 'other');
  const size = file.goneSinceMs === undefined ? await sizeOf(file.path) : undefined;
  if (size === undefined) return byTail();
  const end = Math.min(found.size, size);
  const start = Math.max(0, end - COMPARED_BYTES);
  const [theirs, ours] = await Promise.all([readRange(found.path, found.inode, start, end - start), readRange(file.path, file.inode, start, end - start)]);
  if (ours === undefined) return byTail();
  if (theirs?.equals(ours) !== true || size < file.readPosition) return 'other';
  return found.size > size ? 'longer' : 'copy';
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await fs.stat(path)).size;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
}
