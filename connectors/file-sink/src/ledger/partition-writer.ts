import { ConnectError, type SinkRecord, type TopicPartition } from '@millrace/connect-api';
import type { WholeFileSettings } from '../config/sink-settings.js';
import { errorCode, type FileSystem } from '../disk/file-system.js';
import type { EncodedRecord } from '../formats/record-format.js';
import { type Commit, CommitChain, type CommitContent } from './commit-chain.js';
import type { OpenFiles } from './open-files.js';
import { PartFile } from './part-file.js';

export interface PartitionWriterOptions {
  readonly disk: FileSystem;
  readonly settings: WholeFileSettings;
  readonly partition: TopicPartition;
  /** With the dots. */
  readonly extension: string;
  /** What a file of a shape begins with. */
  readonly head: (shape: string) => string;
  readonly owner: string;
  readonly openFiles: OpenFiles;
}

/**
 * The files of one topic partition, as Kafka has it, whatever transformations have made of its name: a run of offsets at a time, spread over as many files as the template asks for, completed together.
 * Nothing is visible of a run before its commit, and all of it after (Invariant 1).
 */
export class PartitionWriter {
  /** Behind the last record in a visible file; null: none yet. */
  next: number | null = null;
  isClaimed = false;
  /** The folder of its records of one topic and partition, as transformations have left them, where the template looks at nothing else. */
  folder: { readonly topic: string; readonly partition: number; readonly name: string } | undefined;
  /** Since when another task has the partition. */
  lostAtMs: number | undefined;
  private readonly chain: CommitChain;
  private newestMs = -1;
  /** Behind the last record taken; undefined before the first. */
  private taken: number | undefined;
  private readonly parts = new Map<string, PartFile>();
  private finished: PartFile[] = [];
  private records = 0;
  private startedMs = 0;
  private isLarge = false;
  /** Where the first record of all was. */
  private start: number | undefined;
  /** A commit that has begun: its content is fixed until it is done. */
  private committing: CommitContent | undefined;
  /** Its link is made, its files are not all visible yet. */
  private committed: Commit | undefined;

  constructor(private readonly options: PartitionWriterOptions) {
    const { topic, partition } = options.partition;
    this.chain = new CommitChain(options.disk, options.settings.directory, `${topic}+${partition}`, options.owner);
  }

  get partition(): TopicPartition {
    return this.options.partition;
  }

  async claim(): Promise<void> {
    const { next, newestMs } = await this.chain.claim();
    this.next = next;
    this.newestMs = newestMs;
    this.isClaimed = true;
  }

  /** Where the partition has to be read from when what is not visible is given up; null: from wherever it comes. */
  get resumeAt(): number | null {
    return this.next ?? this.start ?? null;
  }

  /** Nothing may be added until the commit is done. */
  get isCommitting(): boolean {
    return this.committing !== undefined;
  }

  /** False for a record that is in a file already, or on its way into one. Throws when it cannot be a record of the topic that was written. */
  wants(record: SinkRecord): boolean {
    const from = this.taken ?? this.next;
    if (from === null || record.originalKafkaOffset >= from) return true;
    if (this.taken === undefined && this.newestMs >= 0 && record.timestampMs > this.newestMs) {
      const { topic, partition } = this.options.partition;
      throw new ConnectError(
        `Offset ${record.originalKafkaOffset} of ${topic}-${partition} is new, but the files go on at ${this.next}: the topic was made anew. Move its files and the folder .millrace/${topic}+${partition} away, or write to another directory.`,
      );
    }
    return false;
  }

  /** The record is done without a line (skipped, reported). */
  pass(record: SinkRecord): void {
    if (this.records === 0) this.startedMs = Date.now();
    this.start ??= record.originalKafkaOffset;
    this.records += 1;
    this.taken = record.originalKafkaOffset + 1;
    if (record.timestampMs > this.newestMs) this.newestMs = record.timestampMs;
  }

  add(record: SinkRecord, folder: string, encoded: EncodedRecord): PartFile {
    const { settings } = this.options;
    let part = this.parts.get(folder);
    if (part !== undefined && part.shape !== encoded.shape) {
      this.finished.push(part);
      part = undefined;
    }
    if (part === undefined) {
      const { part: name, file } = this.chain.partPath();
      part = new PartFile(this.options.disk, file, settings.gzipLevel, name, folder, encoded.shape, record.originalKafkaOffset);
      this.parts.set(folder, part);
      const head = this.options.head(encoded.shape);
      if (head !== '') part.append(head);
    }
    part.append(encoded.content);
    part.records += 1;
    part.lastOffset = record.originalKafkaOffset;
    if (part.bytes >= settings.rotateBytes) this.isLarge = true;
    this.pass(record);
    return part;
  }

  /** Time to complete the files. */
  isDue(nowMs: number): boolean {
    const { rotateRecords, rotateIntervalMs } = this.options.settings;
    return this.committing !== undefined || (this.records > 0 && (this.isLarge || this.records >= rotateRecords || nowMs - this.startedMs >= rotateIntervalMs));
  }

  dueInMs(nowMs: number): number {
    return Math.max(0, this.startedMs + this.options.settings.rotateIntervalMs - nowMs);
  }

  get hasRecords(): boolean {
    return this.records > 0;
  }

  get buffered(): Iterable<PartFile> {
    return this.parts.values();
  }

  /** Completes the files. May be called again after a failure. */
  async commit(): Promise<void> {
    if (this.records === 0 || this.taken === undefined) return;
    const files = [...this.finished, ...this.parts.values()];
    if (this.committing === undefined) {
      for (const file of files) {
        await this.options.openFiles.use(file);
        await file.finish();
      }
      this.committing = {
        next: this.taken,
        newestMs: this.newestMs,
        files: files.map((it) => ({ part: it.part, final: `${it.folder === '' ? '' : `${it.folder}/`}${this.fileName(it)}` })),
      };
    }
    if (this.committed === undefined) {
      const result = await this.chain.commit(this.committing);
      if (typeof result === 'string') return this.lose(result === 'taken');
      this.committed = result;
    }
    await this.chain.settle(this.committed);
    this.next = this.committed.next;
    this.reset();
  }

  /** Takes nothing more: another task has the partition, and what was not committed is its. */
  private async lose(isOurs: boolean): Promise<void> {
    this.lostAtMs = Date.now();
    if (isOurs) return this.discard();
    const files = [...this.finished, ...this.parts.values()];
    this.reset();
    for (const file of files) await file.close();
  }

  /** Forgets what is not visible yet; it has to be read again from `next`. */
  async discard(): Promise<void> {
    // Parts of a commit that may have been made are not ours to remove.
    const files = this.committing === undefined || this.lostAtMs !== undefined ? [...this.finished, ...this.parts.values()] : [];
    this.reset();
    this.taken = undefined;
    for (const file of files) await this.discardPart(file);
  }

  private async discardPart(file: PartFile): Promise<void> {
    try {
      await file.discard();
    } catch (error) {
      // A part that stays behind is removed by the partition's next owner.
      if (errorCode(error) === undefined) throw error;
    }
  }

  private reset(): void {
    this.parts.clear();
    this.finished = [];
    this.records = 0;
    this.isLarge = false;
    this.committing = undefined;
    this.committed = undefined;
  }

  private fileName(file: PartFile): string {
    const { topic, partition } = this.options.partition;
    return `${topic}+${partition}+${digits(file.firstOffset)}-${digits(file.lastOffset)}${this.options.extension}`;
  }
}

function digits(offset: number): string {
  return String(offset).padStart(20, '0');
}
