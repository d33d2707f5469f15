import { fingerprintOf } from './file-offset.js';
import type { FoundFile } from './file-selection.js';
import type { TrackedFile } from './tracked-file.js';

const FINISHED_MAX = 1000;

/** What is done with: files that are still there, and what tells later ones from them. */
export class DoneFiles {
  private readonly byInode = new Map<string, { readonly birthMs: number; readonly size: number }>();
  /** The last change of the last file of a family that is done: a later one is newer. */
  private readonly floors = new Map<string, number>();
  /** Fingerprints of what the one stream has passed: later copies of it are not new. */
  private readonly fingerprints = new Set<string>();

  constructor(private readonly fingerprintBytes: number) {}

  /** A file of which nothing was read, or nothing more will be. */
  leave({ inode, birthMs, size }: Pick<FoundFile, 'inode' | 'birthMs' | 'size'>): void {
    this.byInode.set(inode, { birthMs, size });
  }

  /** A file that was read to its end. */
  finish(file: TrackedFile): void {
    if (!file.isTruncated && file.goneSinceMs === undefined) this.leave({ inode: file.inode, birthMs: file.birth, size: file.size });
    if (file.knownHead.length >= this.fingerprintBytes) this.fingerprints.add(fingerprintOf(file.knownHead));
    if (this.fingerprints.size > FINISHED_MAX) for (const oldest of this.fingerprints) if (this.fingerprints.delete(oldest)) break;
    this.floors.set(file.family, Math.max(file.mtimeMs, this.floors.get(file.family) ?? 0));
  }

  has({ inode, birthMs, size }: FoundFile): boolean {
    const done = this.byInode.get(inode);
    return done !== undefined && done.birthMs === birthMs && size >= done.size;
  }

  hasContent(head: Buffer): boolean {
    return this.fingerprints.has(fingerprintOf(head));
  }

  /** When the last file of the family that is done had changed; undefined: none is. */
  floorMs(family: string): number | undefined {
    return this.floors.get(family);
  }

  /** Forgets what is there no more. */
  keep(inodes: { has(inode: string): boolean }): void {
    for (const inode of this.byInode.keys()) if (!inodes.has(inode)) this.byInode.delete(inode);
  }
}
