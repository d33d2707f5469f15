import type { ConnectLogger, OffsetMap } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { readHead } from './content.js';
import { DoneFiles } from './done-files.js';
import type { FileMarks, StoredOffset } from './file-offset.js';
import type { FoundFile } from './file-selection.js';
import { hasReadPartOf, likenessOf } from './likeness.js';
import { isOffsetOf, type OpenedFile, StoredStreams } from './stored-streams.js';
import { isSystemError } from './system-error.js';
import { TrackedFile } from './tracked-file.js';

export interface FileBookOptions {
  readonly settings: SourceSettings;
  readonly logger: ConnectLogger;
  readonly offsets: (partitions: readonly OffsetMap[]) => Promise<(OffsetMap | null)[]>;
}

interface Shadow {
  readonly of: TrackedFile;
  readonly found: FoundFile;
  readonly isGzip: boolean;
}

/**
 * Which files there are, and which of them is which: a scan's findings are held against the files that are known, then against the stored
 * offsets; what is neither is new. A name is never taken for an identity (Invariant 2).
 */
export class FileBook {
  readonly files = new Set<TrackedFile>();
  private readonly byInode = new Map<string, TrackedFile>();
  private readonly byPartition = new Map<string, TrackedFile>();
  /** Copies of files that are there themselves. */
  private readonly shadows = new Map<string, Shadow>();
  private readonly done: DoneFiles;
  private readonly stored: StoredStreams;
  /** Inodes that were truncated: what they hold is new. */
  private readonly rewritten = new Set<string>();
  private readonly single: OffsetMap | null;
  private singleStored: StoredOffset | null = null;
  /** When the first scan began: of a family of which nothing is known, what has changed since is new. */
  private beganMs = 0;

  constructor(private readonly options: FileBookOptions) {
    const { filename, fingerprintBytes } = options.settings;
    this.single = filename === null ? null : { filename };
    this.done = new DoneFiles(fingerprintBytes);
    this.stored = new StoredStreams(options.settings, options.offsets);
  }

  /** Brings the book in line with what is there. False: something that is new was left out, because the disk did not let it be compared. */
  async reconcile(found: readonly FoundFile[], nowMs: number): Promise<boolean> {
    const byInode = new Map<string, FoundFile>();
    for (const it of found) if (!byInode.has(it.inode) || this.byInode.get(it.inode)?.path === it.path) byInode.set(it.inode, it);
    for (const file of this.files) {
      if (file.isTruncated) continue;
      const now = byInode.get(file.inode);
      if (now === undefined) file.goneSinceMs ??= nowMs;
      else if (now.birthMs !== file.birth) {
        // The inode is used again.
        file.goneSinceMs ??= nowMs;
        if (this.byInode.get(file.inode) === file) this.byInode.delete(file.inode);
      } else {
        file.seen(now, nowMs);
        await this.unlessRefused(now, () => file.learnHead());
      }
    }
    for (const inode of this.shadows.keys()) if (!byInode.has(inode)) this.shadows.delete(inode);
    this.done.keep(byInode);
    const isFirst = this.beganMs === 0;
    if (isFirst) this.beganMs = nowMs;
    if (isFirst && this.single !== null) this.singleStored = await this.stored.offset(this.single);
    if (isFirst && this.single === null && this.options.settings.identity === 'fingerprint') await this.stored.findOrphans(this.unknownOf(byInode), (it) => this.open(it));
    let isWhole = true;
    for (let unknown = this.unknownOf(byInode); ; ) {
      if (this.singleStored !== null) await this.resumeSingle(unknown);
      const known = new Set(this.byInode.keys());
      for (const it of unknown) {
        if (this.byInode.has(it.inode) || this.done.has(it)) continue;
        const isRewritten = this.rewritten.has(it.inode);
        if (await this.unlessRefused(it, () => this.identify(it, nowMs))) continue;
        isWhole = false;
        if (isRewritten) this.rewritten.add(it.inode);
      }
      // A copy that was found has shown that the inode of its file holds another one: that is looked at in the same pass.
      unknown = this.unknownOf(byInode).filter((it) => known.has(it.inode));
      if (unknown.length === 0) return isWhole;
    }
  }

  /** False: the disk has failed; one file must not keep the others from being read. */
  private async unlessRefused({ path }: FoundFile, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.options.logger.warn({ path, error: error.message }, 'A file cannot be read; it is tried again with the next scan');
      return false;
    }
  }

  /** What has come, the oldest first. */
  private unknownOf(found: ReadonlyMap<string, FoundFile>): FoundFile[] {
    const unknown = [...found.values()].filter((it) => it.size > 0 && !this.byInode.has(it.inode) && !this.done.has(it));
    return unknown.sort((a, b) => a.mtimeMs - b.mtimeMs || (a.path < b.path ? 1 : -1));
  }

  /** Its inode holds another file now. */
  truncated(file: TrackedFile): void {
    this.byInode.delete(file.inode);
    this.rewritten.add(file.inode);
    file.truncatedMs = performance.now();
    file.hasMore = false;
  }

  /** Nothing more comes of it. */
  finish(file: TrackedFile): void {
    this.files.delete(file);
    if (this.byInode.get(file.inode) === file) this.byInode.delete(file.inode);
    this.done.finish(file);
    for (const [key, it] of this.byPartition) if (it === file) this.byPartition.delete(key);
  }

  /** Which file a stream of the offsets is. */
  byStream(partition: OffsetMap): TrackedFile | undefined {
    return this.byPartition.get(JSON.stringify(partition));
  }

  /** Goes on in a copy of a file that is at its end under its own name. False: there is none. */
  async continueInCopy(file: TrackedFile, nowMs: number): Promise<boolean> {
    for (const [inode, { of, found, isGzip }] of this.shadows) {
      if (of !== file) continue;
      this.shadows.delete(inode);
      if (this.single !== null && found.path !== this.options.settings.file) {
        this.done.leave(found);
        continue;
      }
      await this.moveTo(file, found, isGzip, nowMs);
      return true;
    }
    return false;
  }

  private async moveTo(file: TrackedFile, found: FoundFile, isGzip: boolean, nowMs: number): Promise<void> {
    if (this.byInode.get(file.inode) === file) this.byInode.delete(file.inode);
    await file.adopt(found, isGzip, nowMs);
    this.byInode.set(found.inode, file);
  }

  private async identify(found: FoundFile, nowMs: number): Promise<void> {
    const shadow = this.shadows.get(found.inode);
    if (shadow && shadow.found.size === found.size && shadow.found.path === found.path && shadow.found.birthMs === found.birthMs && this.files.has(shadow.of) && !isLost(shadow.of)) return;
    this.shadows.delete(found.inode);
    const opened = await this.open(found);
    const { head, isGzip } = opened;
    if (head.length === 0) return;
    const isRewritten = this.rewritten.delete(found.inode);
    const known = await this.known(opened);
    if (known !== undefined && known !== 'other') {
      if (known.isShorter || isLost(known.file)) {
        await this.moveTo(known.file, found, isGzip, nowMs);
      } else {
        this.shadows.set(found.inode, { of: known.file, found, isGzip });
      }
      return;
    }
    const isCollision = known === 'other';
    if (!isRewritten && this.single === null) {
      const stored = await this.stored.offsetOf(opened, isCollision);
      if (stored !== undefined) {
        this.track(opened, stored.offset, stored.isOwn);
        return;
      }
      const orphan = await this.stored.orphanOf(opened);
      if (orphan !== undefined) {
        this.track(opened, orphan, isCollision);
        return;
      }
    }
    if (this.single !== null && found.path !== this.options.settings.file && this.done.hasContent(head)) return;
    if (this.isNew(found, isGzip)) this.track(opened, null, isCollision || (await this.stored.isTaken(head)));
  }

  /** The known file that has this content (`isShorter`: and not all of it), or `other` when one begins alike but is not this one. */
  private async known({ found, head, isGzip }: OpenedFile): Promise<{ readonly file: TrackedFile; readonly isShorter: boolean } | 'other' | undefined> {
    const { settings } = this.options;
    if (settings.identity !== 'fingerprint' && this.single === null) return undefined;
    let isOther = false;
    for (const file of this.files) {
      const mine = file.knownHead;
      const isWhole = mine.length >= settings.fingerprintBytes && head.length >= settings.fingerprintBytes;
      if (!isWhole && (file.family !== found.family || mine.length === 0 || (found.birthMs > 0 && found.birthMs < file.birth && !isGzip))) continue;
      const common = Math.min(mine.length, head.length);
      if (!mine.subarray(0, common).equals(head.subarray(0, common))) continue;
      const likeness = isLost(file) ? 'other' : isGzip ? (isWhole || file.goneSinceMs !== undefined ? 'copy' : 'other') : file.isGzip && !isWhole ? 'other' : await likenessOf(found, file);
      // Of two files with one content the longer is the one that goes on. A short beginning alone does not tell that.
      if (likeness === 'copy' || (likeness === 'longer' && isWhole)) return { file, isShorter: likeness === 'longer' };
      if (!isLost(file) && !(await file.isItself())) this.truncated(file);
      if (isLost(file) && common === Math.min(mine.length, settings.fingerprintBytes) && (await hasReadPartOf(found, isGzip, file))) return { file, isShorter: false };
      isOther ||= isWhole;
    }
    return isOther ? 'other' : undefined;
  }

  /** A file under its first name, or one that has lived and been rotated away between two scans. */
  private isNew(found: FoundFile, isGzip: boolean): boolean {
    if (this.single === null ? found.isIncluded : found.path === this.options.settings.file) return true;
    let oldest = this.done.floorMs(found.family) ?? Infinity;
    for (const file of this.files) if (file.family === found.family && !file.isTruncated) oldest = Math.min(oldest, file.mtimeMs);
    if (oldest === Infinity) return found.mtimeMs > this.beganMs && (found.birthMs === 0 || found.birthMs > this.beganMs);
    // Clocks of files tick slowly: two generations may have one time. A compressed one has that of its original.
    return isGzip ? found.mtimeMs > oldest : found.mtimeMs >= oldest;
  }

  /** One stream through several files: finds the one in which it was left. */
  private async resumeSingle(unknown: readonly FoundFile[]): Promise<void> {
    const offset = this.singleStored;
    if (offset === null || unknown.length === 0) return;
    const { file, filename } = this.options.settings;
    const ordered = [...unknown].sort((a, b) => rank(a, offset) - rank(b, offset));
    for (const found of ordered) {
      if (offset.fingerprint === null && found.path !== file) continue;
      const opened = await this.open(found);
      if (!(await isOffsetOf(opened, offset, found.inode !== offset.inode))) continue;
      this.singleStored = null;
      this.track(opened, offset, false);
      // What was changed before the file in which the stream was left is done.
      for (const it of unknown.slice(0, unknown.indexOf(found))) if (it.path !== file) this.done.leave(it);
      return;
    }
    if (!unknown.some((it) => it.path === file)) return;
    this.singleStored = null;
    this.options.logger.warn({ file: filename, position: offset.position }, 'The file in which reading was left is there no more: what it had behind this position is lost; the file is read from its beginning');
  }

  private track({ found, head, isGzip }: OpenedFile, stored: StoredOffset | null, isOwn: boolean): void {
    const file: TrackedFile = new TrackedFile({
      settings: this.options.settings,
      found,
      head,
      isGzip,
      logger: this.options.logger,
      stored,
      partition: (marks, isWhole) => {
        const partition = this.partition(found, marks, isWhole, isOwn || this.isShared(marks, file));
        this.byPartition.set(JSON.stringify(partition), file);
        return partition;
      },
    });
    this.files.add(file);
    this.byInode.set(found.inode, file);
    this.options.logger.debug({ path: found.path, position: file.position, isKnown: stored !== null }, 'A file is read');
  }

  /** Another file that is there begins alike. */
  private isShared({ fingerprint }: FileMarks, file: TrackedFile): boolean {
    const other = this.byPartition.get(JSON.stringify({ fingerprint }));
    return other !== undefined && other !== file;
  }

  private partition(found: FoundFile, { inode, fingerprint }: FileMarks, isWhole: boolean, isOwn: boolean): OffsetMap {
    const { identity } = this.options.settings;
    if (this.single !== null) return this.single;
    if (identity === 'path') return { path: found.path };
    if (identity === 'inode' || !isWhole) return { inode };
    return isOwn ? { fingerprint, inode } : { fingerprint };
  }

  private async open(found: FoundFile): Promise<OpenedFile> {
    try {
      return { found, ...(await readHead(found.path, found.inode, this.options.settings.fingerprintBytes)) };
    } catch (error) {
      this.options.logger.warn({ path: found.path, error: (error as Error).message }, 'A file cannot be read; it is tried again with the next scan');
      return { found, head: Buffer.alloc(0), isGzip: false };
    }
  }
}

/** Only another file can give the rest of it. */
function isLost(file: TrackedFile): boolean {
  return file.isTruncated || (file.goneSinceMs !== undefined && !file.isOpen);
}

/** The file of the same inode first, then the newest. */
function rank(found: FoundFile, offset: StoredOffset): number {
  return found.inode === offset.inode ? -Infinity : -found.mtimeMs;
}
