import { ConnectError, DataError, type OffsetsToCommit, RetriableError, type SinkRecord, type SinkTaskContext, type TopicPartition } from '@millrace/connect-api';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { WholeFileSettings } from './config/sink-settings.js';
import { errorCode, type FileSystem } from './disk/file-system.js';
import type { RecordFormat } from './formats/record-format.js';
import { OpenFiles } from './ledger/open-files.js';
import type { PartFile } from './ledger/part-file.js';
import { PartitionWriter } from './ledger/partition-writer.js';

/** Small pieces of compressed files wait for more to come, but not for more memory than this. */
const BUFFERED_BYTES_MAX = 32 << 20;
const RETRY_MS = 1000;
/** A task that lost a partition is told so by its group; one that goes on for this long shares its folder with another connector. */
const LOST_GRACE_MS = 60_000;
const TIMER_MS_MAX = 2_147_483_647;

/** Whole files below a directory, each record once. */
export class WholeFileWriter {
  private readonly format: RecordFormat;
  private readonly openFiles: OpenFiles;
  private readonly writers = new Map<string, Map<number, PartitionWriter>>();
  private readonly confined = new Set<string>();
  /** Files with something that is not on the disk. */
  private readonly unwritten = new Set<PartFile>();
  /** Partitions that were moved by a seek within the put under way: what it has of them comes again, also when the put is tried again. */
  private readonly moved = new Set<PartitionWriter>();
  private timer: NodeJS.Timeout | undefined;
  private readonly owner = randomUUID();

  constructor(
    private readonly context: SinkTaskContext,
    private readonly settings: WholeFileSettings,
    private readonly disk: FileSystem,
  ) {
    this.format = settings.makeFormat();
    this.openFiles = new OpenFiles(settings.openFilesMax);
  }

  /** Claims the partitions and moves to where their files end. What the disk refuses now is tried again with the first records. */
  async open(partitions: readonly TopicPartition[]): Promise<void> {
    for (const partition of partitions) {
      await this.forget(partition);
      const writer = this.writer(partition);
      try {
        await this.claim(writer);
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        this.context.logger.warn({ ...partition, code: errorCode(error), error: (error as Error).message }, 'The folder of a partition cannot be used yet');
      }
    }
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    try {
      await this.write(records);
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      throw new RetriableError(`The disk did not take the records: ${(error as Error).message}`, { cause: error, retryAfterMs: RETRY_MS });
    } finally {
      this.schedule();
    }
  }

  /** What is in visible files; files that are due are completed first, and all when the task is about to stop. */
  async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    const nowMs = Date.now();
    for (const writer of this.all()) {
      if (writer.lostAtMs !== undefined || !(writer.isDue(nowMs) || this.context.signal.aborted)) continue;
      try {
        await this.commit(writer);
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        this.context.logger.warn({ code: errorCode(error), error: (error as Error).message }, 'Files could not be completed; trying again');
      }
    }
    this.schedule();
    const durable = new Map<TopicPartition, number>();
    for (const [partition, offset] of offsets) {
      const next = this.writers.get(partition.topic)?.get(partition.partition)?.next ?? null;
      if (next !== null && this.writers.get(partition.topic)?.get(partition.partition)?.lostAtMs === undefined) durable.set(partition, Math.min(next, offset));
    }
    return durable;
  }

  /** What was taken of these partitions is completed, so that the next owner need not read it again. */
  async close(partitions: readonly TopicPartition[]): Promise<void> {
    for (const { topic, partition } of partitions) {
      const writer = this.writers.get(topic)?.get(partition);
      if (writer === undefined) continue;
      try {
        if (writer.lostAtMs === undefined && writer.isClaimed) await writer.commit();
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        this.context.logger.warn({ topic, partition, code: errorCode(error), error: (error as Error).message }, 'The last files of a partition could not be completed; their records will be read again');
      }
      await this.forget({ topic, partition });
    }
    this.openFiles.forget();
    this.schedule();
  }

  private async forget({ topic, partition }: TopicPartition): Promise<void> {
    const writer = this.writers.get(topic)?.get(partition);
    if (writer === undefined) return;
    this.writers.get(topic)?.delete(partition);
    for (const part of writer.buffered) this.unwritten.delete(part);
    await writer.discard();
  }

  async stop(): Promise<void> {
    const left = [...this.writers].flatMap(([topic, byPartition]) => [...byPartition.keys()].map((partition) => ({ topic, partition })));
    await this.close(left);
    clearTimeout(this.timer);
  }

  private async write(records: readonly SinkRecord[]): Promise<void> {
    let lastTopic = '';
    let lastPartition = -1;
    let writer: PartitionWriter | undefined;
    let nowMs = Date.now();
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as SinkRecord;
      if (writer === undefined || record.originalPartition !== lastPartition || record.originalTopic !== lastTopic) {
        lastTopic = record.originalTopic;
        lastPartition = record.originalPartition;
        writer = this.writer({ topic: lastTopic, partition: lastPartition });
        if (!writer.isClaimed && (await this.claim(writer))) this.moved.add(writer);
      }
      if (this.moved.has(writer) || this.isLost(writer) || !writer.wants(record)) continue;
      if (writer.isCommitting) await this.commit(writer);
      const added = this.add(writer, record);
      const part = added instanceof Promise ? await added : added;
      if (part !== undefined) {
        this.unwritten.add(part);
        if (part.isFull) {
          await this.openFiles.use(part);
          await part.flush(false);
        }
      }
      if (i % 256 === 0) nowMs = Date.now();
      if (writer.isDue(nowMs)) await this.commit(writer);
    }
    await this.flush();
    this.moved.clear();
  }

  /** Undefined: the record has no line. A promise only where something must be waited for: most records cost no turn of the loop. */
  private add(writer: PartitionWriter, record: SinkRecord): PartFile | undefined | Promise<PartFile | undefined> {
    try {
      if (record.value === null && this.settings.tombstones !== 'write') {
        if (this.settings.tombstones === 'fail') throw new DataError('the value is null, and tombstone.policy is fail');
        writer.pass(record);
        return undefined;
      }
      const folder = this.folderOf(writer, record);
      if (!this.confined.has(folder)) return this.addConfined(writer, record, folder);
      return writer.add(record, folder, this.format.encode(record));
    } catch (error) {
      return this.report(writer, record, error);
    }
  }

  private async addConfined(writer: PartitionWriter, record: SinkRecord, folder: string): Promise<PartFile | undefined> {
    try {
      await this.confine(folder);
      return writer.add(record, folder, this.format.encode(record));
    } catch (error) {
      return this.report(writer, record, error);
    }
  }

  private async report(writer: PartitionWriter, record: SinkRecord, error: unknown): Promise<undefined> {
    if ((error as { code?: unknown }).code !== 'CONNECT_DATA') throw error;
    await this.context.errantRecordReporter.report(record, error as DataError);
    writer.pass(record);
    return undefined;
  }

  private folderOf(writer: PartitionWriter, record: SinkRecord): string {
    const { template } = this.settings;
    if (template.isByRecord) return template.render(record);
    const { topic, partition } = record;
    if (writer.folder?.topic !== topic || writer.folder.partition !== partition) writer.folder = { topic, partition, name: template.render(record) };
    return writer.folder.name;
  }

  /** A link in the way must not lead out of the directory. */
  private async confine(folder: string): Promise<void> {
    const { disk } = this;
    const { directory } = this.settings;
    let at = directory;
    await disk.makeFolder(directory);
    const base = await disk.realPath(directory);
    for (const name of folder.split('/')) {
      at = path.join(at, name);
      if (!(await disk.exists(at))) break;
      const real = await disk.realPath(at);
      if (real !== base && !real.startsWith(base + path.sep)) throw new DataError(`the folder ${folder} leads out of the directory`);
    }
    if (this.confined.size > 10_000) this.confined.clear();
    this.confined.add(folder);
  }

  private async commit(writer: PartitionWriter): Promise<void> {
    try {
      await writer.commit();
    } catch (error) {
      // After EIO nobody knows what the cache holds; a part that is gone will not come back: from the last commit again.
      if (writer.isCommitting || (errorCode(error) !== 'EIO' && errorCode(error) !== 'ENOENT')) throw error;
      await writer.discard();
      writer.isClaimed = false;
      if (writer.resumeAt !== null) this.context.seek(writer.partition, writer.resumeAt);
      throw error;
    } finally {
      this.openFiles.forget();
    }
    if (writer.lostAtMs !== undefined) this.context.logger.warn({}, 'Another task has taken a partition over; nothing more is written of it here');
  }

  /** Memory holds no more than a put; of compressed files, what makes a member. */
  private async flush(): Promise<void> {
    const isCompressed = this.settings.gzipLevel > 0;
    let bytes = 0;
    for (const part of this.unwritten) bytes += part.bufferedBytes;
    if (isCompressed && bytes <= BUFFERED_BYTES_MAX) return;
    for (const part of this.unwritten) {
      if (part.bufferedBytes > 0) {
        await this.openFiles.use(part);
        await part.flush(isCompressed);
      }
      this.unwritten.delete(part);
    }
  }

  /** True: the partition was moved. */
  private async claim(writer: PartitionWriter): Promise<boolean> {
    await writer.claim();
    const { resumeAt } = writer;
    if (resumeAt === null) return false;
    this.context.seek(writer.partition, resumeAt);
    return true;
  }

  private isLost(writer: PartitionWriter): boolean {
    if (writer.lostAtMs === undefined) return false;
    if (Date.now() - writer.lostAtMs > LOST_GRACE_MS) throw new ConnectError('Another connector or task writes the same partition to the same directory');
    return true;
  }

  /** Commits do not come by themselves when no record follows: one is asked for when the oldest file is due. */
  private schedule(): void {
    clearTimeout(this.timer);
    let isNeeded = false;
    for (const writer of this.all()) isNeeded ||= writer.hasRecords && writer.lostAtMs === undefined;
    if (!isNeeded) return;
    this.timer = setTimeout(() => this.context.requestCommit(), this.dueInMs());
    this.timer.unref();
  }

  private dueInMs(): number {
    let dueMs = TIMER_MS_MAX;
    const nowMs = Date.now();
    for (const writer of this.all()) if (writer.hasRecords) dueMs = Math.min(dueMs, writer.isDue(nowMs) ? RETRY_MS : writer.dueInMs(nowMs));
    return dueMs;
  }

  private writer({ topic, partition }: TopicPartition): PartitionWriter {
    let byPartition = this.writers.get(topic);
    if (byPartition === undefined) this.writers.set(topic, (byPartition = new Map()));
    let writer = byPartition.get(partition);
    if (writer === undefined) {
      writer = new PartitionWriter({
        disk: this.disk, settings: this.settings, partition: { topic, partition }, owner: this.owner, openFiles: this.openFiles,
        extension: `${this.format.extension}${this.settings.gzipLevel > 0 ? '.gz' : ''}`, head: (shape) => this.format.head(shape),
      });
      byPartition.set(partition, writer);
    }
    return writer;
  }

  private *all(): Iterable<PartitionWriter> {
    for (const byPartition of this.writers.values()) yield* byPartition.values();
  }
}
