import { type ConnectLogger, DataError, type OffsetMap, type SourceRecord } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { recordOf } from '../lines/line-record.js';
import { type Line, LineSplitter } from '../lines/line-splitter.js';
import { type Content, GzipContent, PlainContent } from './content.js';
import { type FileMarks, fingerprintOf, isAnchorOf, offsetOf, type StoredOffset } from './file-offset.js';
import type { FoundFile } from './file-selection.js';
import { SeenBytes } from './seen-bytes.js';

export interface TrackedFileOptions {
  readonly settings: SourceSettings;
  readonly found: FoundFile;
  readonly head: Buffer;
  readonly isGzip: boolean;
  readonly logger: ConnectLogger;
  /** Where to begin; null: at the beginning. */
  readonly stored: StoredOffset | null;
  /** The stream's name in the offsets, given the file's marks. */
  readonly partition: (marks: FileMarks, isWhole: boolean) => OffsetMap;
}

/** `full`: the batch is. `more`: something may be left. `end`: not now. The others as a read answers them. */
export type TurnResult = 'full' | 'more' | 'end' | 'changed' | 'gone';

/** One file as far as it is read, whatever it is called now. */
export class TrackedFile {
  path: string;
  family: string;
  inode: string;
  size: number;
  mtimeMs: number;
  /** Since when (by the monotonic clock) its inode holds another file: only a copy can give the rest. */
  truncatedMs: number | undefined;
  /** Since when no scan finds it. */
  goneSinceMs: number | undefined;
  /** Since when it has not got the name under which it was found. */
  rotatedSinceMs: number | undefined;
  /** Something may be there to read. */
  hasMore = true;
  isQueued = false;
  /** A read has not found it: the next scan that does lets it be read again. */
  isUnsure = false;
  lastDataMs = 0;
  /** The position of the last record that is stored; -1: none is. */
  committed: number;
  /** Passed without a record since the last one. */
  private isAhead = false;
  private content: Content;
  private readonly splitter: LineSplitter;
  private readonly seenBytes: SeenBytes;
  private marks: FileMarks;
  private line: number | null;
  private isOpenEnded: boolean;
  private partitionKept: OffsetMap | undefined;
  private failure: Error | undefined;
  private birthMs: number;

  constructor(private readonly options: TrackedFileOptions) {
    const { found, head, stored, settings } = options;
    this.path = found.path;
    this.family = found.family;
    this.inode = found.inode;
    this.size = found.size;
    this.mtimeMs = found.mtimeMs;
    this.birthMs = found.birthMs;
    if (!found.isIncluded) this.rotatedSinceMs = 0;
    this.seenBytes = new SeenBytes(head, settings.fingerprintBytes);
    this.marks = this.marksNow();
    // Of a gzip file only the beginning was compared with the offset; the rest is when it is read.
    this.committed = stored === null || options.isGzip ? -1 : stored.position;
    this.line = stored === null ? 0 : stored.line;
    this.isOpenEnded = stored?.isOpenEnded ?? false;
    this.splitter = new LineSplitter(stored?.position ?? 0, settings.decoding, settings.lineBytesMax);
    this.content = this.contentOf(options.isGzip);
  }

  get position(): number {
    return this.splitter.position;
  }
  get readPosition(): number {
    return this.splitter.readPosition;
  }
  get isOpen(): boolean {
    return this.content.isOpen;
  }
  get isGzip(): boolean {
    return this.content instanceof GzipContent;
  }
  /** The first bytes, as many as are known. */
  get knownHead(): Buffer {
    return this.seenBytes.head;
  }
  get knownTail(): Buffer {
    return this.seenBytes.tail;
  }
  get birth(): number {
    return this.birthMs;
  }
  get isTruncated(): boolean {
    return this.truncatedMs !== undefined;
  }
  /** Something stands behind the last line break. */
  get hasRest(): boolean {
    return !this.splitter.hasChunk && this.splitter.hasRest;
  }
  /** All that was there is read. */
  get isAtEnd(): boolean {
    return !this.hasMore && !this.isUnsure && !this.splitter.hasChunk;
  }
  /** Everything of it became records that are stored. */
  get isStored(): boolean {
    const isRead = this.isGzip ? this.isAtEnd : this.position === this.size;
    return isRead && !this.splitter.hasChunk && !this.splitter.hasRest && this.committed === this.position && this.position > 0;
  }

  /** Bytes that are not read yet, as far as can be told. */
  get unreadBytes(): number {
    if (this.isGzip) return this.isAtEnd ? 0 : this.size;
    return this.isTruncated ? 0 : Math.max(0, this.size - this.position);
  }

  /** The same object as long as the stream has the same name. */
  get partition(): OffsetMap {
    return (this.partitionKept ??= this.options.partition(this.marks, this.seenBytes.isWhole));
  }

  /** A scan found it. */
  seen(found: FoundFile, nowMs: number): void {
    if (found.path !== this.path) this.rotatedSinceMs ??= nowMs;
    this.path = found.path;
    this.goneSinceMs = undefined;
    if (this.isUnsure || found.size !== this.size || found.mtimeMs !== this.mtimeMs || (!this.isGzip && found.size !== this.readPosition)) this.hasMore = true;
    this.isUnsure = false;
    this.size = found.size;
    this.mtimeMs = found.mtimeMs;
  }

  /** A short file has grown: the beginning tells more now. */
  async learnHead(): Promise<void> {
    const { seenBytes } = this;
    if (seenBytes.isWhole || this.isGzip || this.size <= seenBytes.head.length) return;
    if (await seenBytes.learnHead(this.path, this.inode)) this.headGrew();
  }

  /** Its inode still holds what was read of it (or cannot be asked now). */
  async isItself(): Promise<boolean> {
    if (this.isGzip || this.goneSinceMs !== undefined) return true;
    return this.seenBytes.isIn(this.path, this.inode, this.readPosition);
  }

  /** Goes on in another file with the same content: a copy, a compressed one. */
  async adopt(found: FoundFile, isGzip: boolean, nowMs: number): Promise<void> {
    await this.content.close();
    this.path = found.path;
    this.inode = found.inode;
    this.size = found.size;
    this.mtimeMs = found.mtimeMs;
    this.birthMs = found.birthMs;
    this.truncatedMs = undefined;
    this.goneSinceMs = undefined;
    this.rotatedSinceMs = found.isIncluded ? undefined : (this.rotatedSinceMs ?? nowMs);
    this.hasMore = true;
    this.isUnsure = false;
    this.marks = this.marksNow();
    if (!this.seenBytes.isWhole) this.partitionKept = undefined;
    this.content = this.contentOf(isGzip);
  }

  /** Adds records until the batch is full, the file is at its end, or one chunk was read. */
  async turn(out: SourceRecord[], nowMs: number): Promise<TurnResult> {
    if (this.failure) return this.failed(out);
    const { batchRecords } = this.options.settings;
    const { splitter } = this;
    for (let hasRead = false; ; ) {
      while (splitter.hasChunk) {
        if (out.length >= batchRecords) return 'full';
        const result = splitter.next();
        if (result === 'line') this.emit(out, splitter.line, false);
        else if (result === 'long') this.passLong();
        if (this.failure) return this.failed(out);
      }
      if (hasRead) return 'more';
      const result = await this.read();
      if (this.failure) return this.failed(out);
      if (result !== 'bytes') return result;
      hasRead = true;
      this.lastDataMs = nowMs;
    }
  }

  /** What stands behind the last line break becomes a record. */
  takeRest(out: SourceRecord[]): void {
    if (this.splitter.takeRest() === 'line') this.emit(out, this.splitter.line, true);
    else this.passLong();
    if (this.failure) this.failed(out);
  }

  /** The position when it has moved without a record. */
  takeQuietOffset(): OffsetMap | undefined {
    if (!this.isAhead) return undefined;
    this.isAhead = false;
    const { tail } = this.seenBytes;
    const seen = tail.subarray(0, Math.max(0, tail.length - (this.readPosition - this.position)));
    return offsetOf(this.marks, this.position, this.line, seen, seen.length, this.isOpenEnded);
  }

  close(): Promise<void> {
    return this.content.close();
  }

  private async read(): Promise<'bytes' | 'end' | 'changed' | 'gone'> {
    const { splitter } = this;
    const { decoding } = this.options.settings;
    const result = await this.readContent();
    if (result.kind !== 'bytes') {
      if (result.kind === 'end') {
        this.hasMore = false;
        this.proveStored();
      }
      return result.kind;
    }
    const position = splitter.readPosition;
    const bytes = decoding.unit === 2 && (position + result.bytes.length) % 2 === 1 ? result.bytes.subarray(0, -1) : result.bytes;
    if (bytes.length === 0) {
      this.hasMore = false;
      return 'end';
    }
    if (this.seenBytes.add(bytes, position)) this.headGrew();
    splitter.feed(bytes);
    if (position === 0 && decoding.mark.length > 0 && bytes.subarray(0, decoding.mark.length).equals(decoding.mark)) splitter.skip(decoding.mark.length);
    return 'bytes';
  }

  /** A gzip file that has nothing behind its stored offset, and before it what the offset was made of. */
  private proveStored(): void {
    const { stored } = this.options;
    if (stored === null || this.committed >= 0 || this.position !== stored.position || !(this.content instanceof GzipContent)) return;
    const { passed } = this.content;
    if (isAnchorOf(passed.subarray(Math.max(0, passed.length - stored.anchorBytes)), stored)) this.committed = stored.position;
  }

  private async readContent(): Promise<{ readonly kind: 'bytes'; readonly bytes: Buffer } | { readonly kind: 'end' | 'changed' | 'gone' }> {
    try {
      const { head, tail } = this.seenBytes;
      return await this.content.read({ position: this.splitter.readPosition, head, tail });
    } catch (error) {
      const code = String((error as { code?: unknown }).code);
      if (!code.startsWith('Z_')) throw error;
      this.bad(`${this.path} is not whole gzip (${code})`);
      this.hasMore = false;
      return { kind: 'end' };
    }
  }

  /** The beginning tells more: once it tells all, the stream has its name by it. */
  private headGrew(): void {
    this.marks = this.marksNow();
    if (this.seenBytes.isWhole) this.partitionKept = undefined;
  }

  private marksNow(): FileMarks {
    const { head } = this.seenBytes;
    return { inode: this.inode, birthMs: this.birthMs, fingerprint: fingerprintOf(head), fingerprintBytes: head.length };
  }

  private contentOf(isGzip: boolean): Content {
    return isGzip ? new GzipContent(() => this.path, this.inode) : new PlainContent(() => this.path, this.inode);
  }

  private emit(out: SourceRecord[], line: Line, isOpenEnded: boolean): void {
    if (this.isOpenEnded && line.start === line.end && !isOpenEnded) {
      // The line break of a line that became a record without it.
      this.isOpenEnded = false;
      this.isAhead = true;
      return;
    }
    if (this.line !== null) this.line += 1;
    this.isOpenEnded = isOpenEnded;
    try {
      const { path, mtimeMs, partition, marks, line: number } = this;
      out.push(recordOf(line, { path, mtimeMs, partition, marks, number, isOpenEnded }, this.options.settings));
      this.isAhead = false;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.bad(`the line at byte ${line.position} of ${this.path} is ${error.message}`);
    }
  }

  private passLong(): void {
    if (this.line !== null) this.line += 1;
    this.bad(`the line at byte ${this.splitter.line.position} of ${this.path} is longer than ${this.options.settings.lineBytesMax} bytes`);
  }

  private bad(reason: string): void {
    if (this.options.settings.badRecords === 'fail') {
      this.failure = new DataError(`${reason} (bad.record.policy is fail)`);
      return;
    }
    this.isAhead = true;
    this.options.logger.warn({ reason }, 'A bad record is skipped');
  }

  /** What was made before the failure is handed over first. */
  private failed(out: readonly SourceRecord[]): TurnResult {
    if (out.length === 0 && this.failure) throw this.failure;
    return 'full';
  }
}
