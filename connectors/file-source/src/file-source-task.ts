import { type OffsetMap, RetriableError, type SourceLag, type SourceRecord, SourceTask, type SourceTaskContext } from '@millrace/connect-api';
import { parseSourceSettings, type SourceSettings } from './config/source-settings.js';
import { FileBook } from './files/file-book.js';
import type { TrackedFile } from './files/tracked-file.js';
import { cleanUp } from './files/clean-up.js';
import { isSystemError } from './files/system-error.js';
import { Wake } from './watch/wake.js';
import { type ChangeWatch, type ChangeWatchOptions, watchChanges } from './watch/change-watch.js';
import { errorMessage } from './watch/error-message.js';

const WAIT_MS = 100;
/** A file that had something lately is looked at with every poll, whatever scans and watchers say. */
const HOT_MS = 10_000;
const HOT_FILES_MAX = 64;
const RETRY_MS = 1000;
/** How long a poll may read without finding a line. */
const BUSY_MS = 100;

/** Reads files as they grow: each poll takes a chunk of one file after the other. */
export class FileSourceTask extends SourceTask {
  private context!: SourceTaskContext;
  private settings!: SourceSettings;
  private book!: FileBook;
  private watch: ChangeWatch | undefined;
  private readonly wake = new Wake();
  private queue: TrackedFile[] = [];
  private readonly openFiles = new Set<TrackedFile>();
  private nextScanMs = 0;
  /** When the last scan that left out no file began, by the monotonic clock. */
  private scannedMs = 0;
  private readonly troubled = new Set<string>();

  constructor(private readonly watchWith: (options: ChangeWatchOptions) => Promise<ChangeWatch> = watchChanges) {
    super();
  }

  override async start(context: SourceTaskContext): Promise<void> {
    this.context = context;
    this.settings = parseSourceSettings(context.config);
    this.book = new FileBook({ settings: this.settings, logger: context.logger, offsets: (partitions) => context.offsets(partitions) });
    if (this.settings.isWatching) await this.startWatching();
    await this.scan();
  }

  override async poll(): Promise<readonly SourceRecord[]> {
    const out: SourceRecord[] = [];
    if (Date.now() >= this.nextScanMs) await this.retriably(() => this.scan());
    const untilMs = performance.now() + BUSY_MS;
    do await this.readInTurn(out);
    while (out.length === 0 && this.queue.length > 0 && performance.now() < untilMs && !this.context.signal.aborted);
    if (out.length === 0) await this.endFiles(out);
    if (out.length === 0 && this.queue.length === 0) {
      await this.wake.wait(Math.max(0, Math.min(WAIT_MS, this.nextScanMs - Date.now())), this.context.signal);
      this.warmUp();
    }
    return out;
  }

  override onCommitted(partition: OffsetMap, offset: OffsetMap): void {
    const file = this.book.byStream(partition);
    if (file && typeof offset.position === 'number') file.committed = offset.position;
  }

  /** Lines that were skipped at the end of what there is. */
  override offsetsWithoutRecords(): ReadonlyMap<OffsetMap, OffsetMap> | null {
    const offsets = new Map<OffsetMap, OffsetMap>();
    for (const file of this.book.files) {
      const offset = file.takeQuietOffset();
      if (offset !== undefined) offsets.set(file.partition, offset);
    }
    return offsets.size > 0 ? offsets : null;
  }

  override lag(): SourceLag {
    let bytes = 0;
    for (const file of this.book.files) bytes += file.unreadBytes;
    return { bytes };
  }

  override async stop(): Promise<void> {
    await this.watch?.close();
    for (const file of this.openFiles) await file.close();
    this.openFiles.clear();
  }

  private async retriably(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      throw isSystemError(error) ? new RetriableError(`A file cannot be read: ${errorMessage(error)}`, { cause: error, retryAfterMs: RETRY_MS }) : error;
    }
  }

  private async scan(): Promise<void> {
    const { selection, scanIntervalMs } = this.settings;
    const troubled = new Set<string>();
    const startedMs = performance.now();
    const found = await selection.scan((folder, error) => {
      troubled.add(folder);
      if (!this.troubled.has(folder)) this.context.logger.warn({ folder, error: error.message }, 'A folder cannot be looked through');
    });
    this.troubled.clear();
    for (const it of troubled) this.troubled.add(it);
    const isWhole = await this.book.reconcile(found, Date.now());
    for (const file of this.book.files) if (file.hasMore) this.enqueue(file);
    if (this.settings.cleanup !== 'none') await cleanUp(this.book, this.settings, this.context.logger, Date.now());
    if (isWhole) this.scannedMs = startedMs;
    this.nextScanMs = Date.now() + scanIntervalMs;
  }

  /** One chunk of each file that has something, until the batch is full. */
  private async readInTurn(out: SourceRecord[]): Promise<void> {
    const single = this.settings.file === null ? undefined : this.currentOfStream();
    for (let left = this.queue.length; left > 0 && out.length < this.settings.batchRecords; left--) {
      const file = this.queue.shift();
      if (file === undefined) return;
      file.isQueued = false;
      if (!this.book.files.has(file)) continue;
      // One stream of several files: the others wait.
      if (this.settings.file !== null && file !== single) continue;
      await this.turn(file, out);
    }
  }

  private async turn(file: TrackedFile, out: SourceRecord[]): Promise<void> {
    let result;
    try {
      result = await file.turn(out, Date.now());
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.enqueue(file);
      if (out.length > 0) return;
      throw new RetriableError(`A file cannot be read: ${errorMessage(error)}`, { cause: error, retryAfterMs: RETRY_MS });
    }
    await this.keepBounded(file);
    if (result === 'full' || result === 'more') this.enqueue(file);
    else if (result === 'changed') {
      this.book.truncated(file);
      await file.close();
      this.nextScanMs = 0;
    } else if (result === 'gone') {
      file.hasMore = false;
      file.isUnsure = true;
      this.nextScanMs = Math.min(this.nextScanMs, Date.now() + WAIT_MS);
    }
  }

  /** Last lines whose break does not come, and files of which nothing more will come. */
  private async endFiles(out: SourceRecord[]): Promise<void> {
    const nowMs = Date.now();
    const { lastLineIdleMs } = this.settings;
    const current = this.settings.file === null ? undefined : this.currentOfStream();
    for (const file of [...this.book.files]) {
      if (this.settings.file !== null && file !== current) continue;
      if (out.length >= this.settings.batchRecords) return;
      const isReadable = !file.isTruncated && (file.goneSinceMs === undefined || file.isOpen);
      if (isReadable && !file.isAtEnd) continue;
      const isIdle = lastLineIdleMs >= 0 && nowMs - file.lastDataMs >= lastLineIdleMs;
      let isOver = this.isOver(file, nowMs);
      if (isOver && isReadable) {
        // Once more: a writer may have been slow to see the rotation.
        file.hasMore = true;
        await this.turn(file, out);
        isOver = file.isAtEnd && !file.isTruncated;
      }
      if (file.hasRest && (isOver || isIdle) && out.length < this.settings.batchRecords) file.takeRest(out);
      if (isOver && !file.hasRest && (!isReadable || file.goneSinceMs !== undefined || this.settings.file !== null)) await this.finish(file);
    }
  }

  /** Of a truncated file a copy is looked for once; a rotated one is watched for a while. */
  private isOver(file: TrackedFile, nowMs: number): boolean {
    if (file.truncatedMs !== undefined) return this.scannedMs > file.truncatedMs;
    const endedMs = file.goneSinceMs ?? file.rotatedSinceMs;
    return endedMs !== undefined && nowMs - Math.max(endedMs, file.lastDataMs) >= this.settings.rotateWaitMs;
  }

  private async finish(file: TrackedFile): Promise<void> {
    if (await this.book.continueInCopy(file, Date.now())) return;
    if (file.unreadBytes > 0) this.context.logger.warn({ path: file.path, bytes: file.unreadBytes }, 'A file was removed before it was read to its end');
    this.book.finish(file);
    this.openFiles.delete(file);
    await file.close();
    // The next file of the stream has waited for this one.
    for (const it of this.book.files) if (it.hasMore) this.enqueue(it);
  }

  /** Of one stream: the file that is read now. Those that were rotated away come before the one that has the name. */
  private currentOfStream(): TrackedFile | undefined {
    let last: TrackedFile | undefined;
    for (const file of this.book.files) {
      if (file.path !== this.settings.file || file.isTruncated || file.goneSinceMs !== undefined) return file;
      last ??= file;
    }
    return last;
  }

  private enqueue(file: TrackedFile): void {
    if (file.isQueued) return;
    file.isQueued = true;
    this.queue.push(file);
  }

  /** A file that is gone stays open: its content has no other name. */
  private async keepBounded(file: TrackedFile): Promise<void> {
    this.openFiles.delete(file);
    if (file.isOpen) this.openFiles.add(file);
    if (this.openFiles.size <= this.settings.openFilesMax) return;
    for (const it of this.openFiles) {
      if (this.openFiles.size <= this.settings.openFilesMax) return;
      if (it.goneSinceMs !== undefined) continue;
      this.openFiles.delete(it);
      await it.close();
    }
  }

  private warmUp(): void {
    const sinceMs = Date.now() - HOT_MS;
    let left = HOT_FILES_MAX;
    for (const file of this.book.files) {
      if (file.lastDataMs < sinceMs || file.isTruncated) continue;
      file.hasMore = true;
      this.enqueue(file);
      if (--left === 0) return;
    }
  }

  private async startWatching(): Promise<void> {
    const { selection } = this.settings;
    const trouble = (reason: string): void => this.context.logger.warn({ reason }, 'Changes are not reported by the system; they are found by scanning alone');
    try {
      this.watch = await this.watchWith({
        roots: selection.roots,
        isWanted: (file) => selection.classify(file) !== undefined,
        onChange: (path) => this.changed(path),
        onFiles: () => {
          this.nextScanMs = 0;
          this.wake.up();
        },
        onTrouble: trouble,
      });
    } catch (error) {
      trouble(errorMessage(error));
    }
  }

  private changed(path: string): void {
    for (const file of this.book.files) {
      if (file.path !== path || file.isTruncated) continue;
      file.hasMore = true;
      this.enqueue(file);
      this.wake.up();
      return;
    }
    this.nextScanMs = 0;
    this.wake.up();
  }
}
