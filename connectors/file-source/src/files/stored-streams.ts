import type { OffsetMap } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { readRange } from './content.js';
import { fingerprintOf, hasHeadOf, isAnchorOf, type StoredOffset, storedOffset } from './file-offset.js';
import type { FoundFile } from './file-selection.js';

/** A file with its first bytes, as far as fingerprints go (of a gzip file: of its text). */
export interface OpenedFile {
  readonly found: FoundFile;
  readonly head: Buffer;
  readonly isGzip: boolean;
}

/** What Connect has stored of earlier lives: finds the stream that a file is. */
export class StoredStreams {
  private readonly orphans: { readonly family: string; readonly offset: StoredOffset }[] = [];

  constructor(
    private readonly settings: SourceSettings,
    private readonly offsets: (partitions: readonly OffsetMap[]) => Promise<(OffsetMap | null)[]>,
  ) {}

  async offset(partition: OffsetMap): Promise<StoredOffset | null> {
    const [offset = null] = await this.offsets([partition]);
    return storedOffset(offset);
  }

  /** `isOwn`: the stream's name has the inode in it, because another file has the same fingerprint. */
  async offsetOf({ found, head, isGzip }: OpenedFile, isCollision: boolean): Promise<{ readonly offset: StoredOffset; readonly isOwn: boolean } | undefined> {
    const { settings } = this;
    const fingerprint = fingerprintOf(head);
    const isWhole = head.length >= settings.fingerprintBytes;
    const names: { readonly partition: OffsetMap; readonly isOwn: boolean }[] = [];
    if (settings.identity === 'path') names.push({ partition: { path: found.path }, isOwn: false });
    else if (settings.identity === 'inode') names.push({ partition: { inode: found.inode }, isOwn: false });
    else {
      if (isWhole) names.push({ partition: { fingerprint, inode: found.inode }, isOwn: true });
      if (isWhole && !isCollision) names.push({ partition: { fingerprint }, isOwn: false });
      names.push({ partition: { inode: found.inode }, isOwn: isCollision });
    }
    const offsets = await this.offsets(names.map((it) => it.partition));
    for (const [i, { partition, isOwn }] of names.entries()) {
      const offset = storedOffset(offsets[i] ?? null);
      if (offset !== null && (await isOffsetOf({ found, head, isGzip }, offset, 'fingerprint' in partition))) return { offset, isOwn };
    }
    return undefined;
  }

  /** An offset of another file stands under this fingerprint. */
  async isTaken(head: Buffer): Promise<boolean> {
    const { settings } = this;
    if (settings.filename !== null || settings.identity !== 'fingerprint' || head.length < settings.fingerprintBytes) return false;
    const [offset = null] = await this.offsets([{ fingerprint: fingerprintOf(head) }]);
    return offset !== null;
  }

  /** Offsets of short files whose inode holds another file by now: it was truncated while nobody looked, and a copy may have the rest. */
  async findOrphans(found: readonly FoundFile[], open: (found: FoundFile) => Promise<OpenedFile>): Promise<void> {
    const offsets = await this.offsets(found.map(({ inode }) => ({ inode })));
    for (const [i, it] of found.entries()) {
      const offset = storedOffset(offsets[i] ?? null);
      if (offset === null || offset.fingerprint === null || it.birthMs !== offset.birthMs) continue;
      if (!(await isOffsetOf(await open(it), offset, false))) this.orphans.push({ family: it.family, offset });
    }
  }

  /** The offset of such a file of which this is a copy; it is given once. */
  async orphanOf(opened: OpenedFile): Promise<StoredOffset | undefined> {
    for (const orphan of this.orphans) {
      if (orphan.family !== opened.found.family || !(await isOffsetOf(opened, orphan.offset, true))) continue;
      this.orphans.splice(this.orphans.indexOf(orphan), 1);
      return orphan.offset;
    }
    return undefined;
  }
}

/** The offset was made of this file. */
export async function isOffsetOf({ found, head, isGzip }: OpenedFile, offset: StoredOffset, isByContent: boolean): Promise<boolean> {
  if (offset.fingerprint === null) return offset.position <= found.size || isGzip;
  if (!hasHeadOf(head, offset)) return false;
  if (!isByContent && offset.birthMs > 0 && found.birthMs > 0 && offset.birthMs !== found.birthMs && offset.inode === found.inode) return false;
  if (isGzip) return true;
  if (offset.position > found.size) return false;
  const start = offset.position - offset.anchorBytes;
  const bytes = start < 0 ? undefined : await readRange(found.path, found.inode, start, offset.anchorBytes);
  return bytes !== undefined && isAnchorOf(bytes, offset);
}
