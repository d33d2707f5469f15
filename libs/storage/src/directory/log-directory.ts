import { errorMessage, hasCode, invariant, OperationalError, randomUuid, topicPartitionName, type BrokerEpoch, type BrokerId, type Clock, type Codecs, type Logger, type Offset, type Random, type TopicPartition, type Uuid } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import { MovableFolder } from '../fs/movable-folder.js';
import { nodeProcesses } from '../fs/node-processes.js';
import type { Processes } from '../fs/processes.js';
import { readTextFile, replaceFileDurably } from '../fs/whole-file.js';
import type { LogConfig } from '../log/log-config.js';
import { PartitionLog } from '../log/partition-log.js';
import { ReadBuffers } from '../log/read-buffers.js';
import { TailMemory } from '../log/tail-memory.js';
import { CLEAN_SHUTDOWN_FILE, decodeCleanShutdown, encodeCleanShutdown } from './clean-shutdown-file.js';
import { DirectoryLock } from './directory-lock.js';
import { decodeMetaProperties, encodeMetaProperties, META_PROPERTIES_FILE } from './meta-properties.js';
import { CLEANER_OFFSET_FILE, decodeOffsetCheckpoint, encodeOffsetCheckpoint, HIGH_WATERMARK_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE, type CheckpointedOffset } from './offset-checkpoint.js';
import { decodePartitionMetadata, PARTITION_METADATA_FILE } from './partition-metadata.js';
import { deletedFolderName, folderKind, futureFolderName } from './partition-folder.js';

const MIB = 1024 * 1024;

export interface LogDirectoryOptions {
  readonly fileSystem: FileSystem;
  /** One of `log.dirs`; made when it is not there. */
  readonly folder: string;
  readonly nodeId: BrokerId;
  /** Of a new directory; one that has another id is refused with `INCONSISTENT_CLUSTER_ID`. Undefined: a new directory gets a random one, any other is accepted. */
  readonly clusterId?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly codecs: Codecs;
  readonly processes?: Processes;
  readonly producerIdExpirationMs?: number;
  /** Bound on the tails that are kept in memory; 64 MiB by default. */
  readonly tailBytesMax?: number;
  /** Bound on the read buffers that are kept for the next read; 32 MiB by default. */
  readonly readBufferBytesMax?: number;
  /** Told once when the directory can no longer be trusted; all its logs are offline then, and it stays so until the process is started again. */
  readonly onOffline?: (cause: OperationalError) => void;
}

/** A partition's folder that was there at start. */
export interface FoundPartition extends TopicPartition {
  /** Undefined when `partition.metadata` is missing or cannot be read. */
  readonly topicId: Uuid | undefined;
}

/** A log that was to take its partition's place when the process ended. */
export interface FoundFuture extends FoundPartition {
  /** The name of its folder. */
  readonly folder: string;
}

export interface PartitionToOpen extends TopicPartition {
  readonly topicId?: Uuid;
  readonly config: LogConfig;
}

/** What the checkpoint files said, by `topic-partition`. */
interface CheckpointsAtStart {
  readonly recoveryPoints: Map<string, Offset>;
  readonly logStartOffsets: Map<string, Offset>;
  readonly highWatermarks: Map<string, Offset>;
}

/**
 * One of a broker's log directories: its lock, its identity, its checkpoints, its logs. No timers inside: the owner calls `checkpoint` (each minute) and
 * `removeDeletedFiles`, and `close` for a clean shutdown.
 */
export class LogDirectory {
  readonly folder: string;
  private readonly logs = new Map<string, PartitionLog>();
  /** Logs that are filled to take the place of one in another directory. Checkpoints speak of them by the name of the partition. */
  private readonly futures = new Map<string, PartitionLog>();
  private readonly folders = new WeakMap<PartitionLog, MovableFolder>();
  private readonly tailMemory: TailMemory;
  private readonly readBuffers: ReadBuffers;
  /** Folders whose removal is put off; a log among them goes on serving those who still read it. */
  private readonly removals: { readonly path: string; readonly dueMs: number; readonly log: PartitionLog | undefined }[] = [];
  private writes: Promise<void> = Promise.resolve();
  private highWatermarks: readonly CheckpointedOffset[] | undefined;
  private offline: OperationalError | undefined;

  private constructor(
    private readonly options: LogDirectoryOptions,
    private readonly lock: DirectoryLock,
    readonly clusterId: string,
    readonly directoryId: Uuid,
    /** False: the logs are recovered when they are opened. */
    readonly hadCleanShutdown: boolean,
    /** The broker epoch of the clean shutdown (KIP-966); -1 for none. */
    readonly previousBrokerEpoch: BrokerEpoch,
    private readonly atStart: CheckpointsAtStart,
    /** Kept up to date: the cleaner asks here. */
    private readonly cleanedOffsets: Map<string, Offset>,
  ) {
    this.folder = options.folder;
    this.tailMemory = new TailMemory(options.tailBytesMax ?? 64 * MIB);
    this.readBuffers = new ReadBuffers(options.readBufferBytesMax ?? 32 * MIB);
  }

  /** Locks it, checks whom it belongs to, and takes the clean shutdown marker away. Throws `DIRECTORY_LOCKED`, `INCONSISTENT_CLUSTER_ID`, `INCONSISTENT_NODE_ID`. */
  static async open(options: LogDirectoryOptions): Promise<LogDirectory> {
    const { fileSystem, folder, logger } = options;
    fileSystem.makeFolder(folder);
    await fileSystem.syncFolder(folder.slice(0, Math.max(1, folder.lastIndexOf('/'))));
    const lock = DirectoryLock.take(fileSystem, folder, options.processes ?? nodeProcesses);
    try {
      const meta = await settleMeta(options);
      const marker = readTextFile(fileSystem, `${folder}/${CLEAN_SHUTDOWN_FILE}`);
      if (marker !== undefined) {
        fileSystem.remove(`${folder}/${CLEAN_SHUTDOWN_FILE}`);
        await fileSystem.syncFolder(folder);
      }
      const folders = new Set(fileSystem.list(folder).map((it) => partitionNameOf(it.name)));
      const read = (file: string): Map<string, Offset> => readCheckpoint(fileSystem, `${folder}/${file}`, folders, logger);
      const epoch = marker === undefined ? -1 : decodeCleanShutdown(marker);
      const atStart = { recoveryPoints: read(RECOVERY_POINT_FILE), logStartOffsets: read(LOG_START_OFFSET_FILE), highWatermarks: read(HIGH_WATERMARK_FILE) };
      return new LogDirectory(options, lock, meta.clusterId, meta.directoryId, marker !== undefined, epoch, atStart, read(CLEANER_OFFSET_FILE));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get offlineCause(): OperationalError | undefined {
    return this.offline;
  }

  /** The open logs. */
  all(): IterableIterator<PartitionLog> {
    return this.logs.values();
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.logs.get(topicPartitionName({ topic, partition }));
  }

  /** What `replication-offset-checkpoint` said at start; undefined for none. */
  checkpointedHighWatermark(topic: string, partition: number): Offset | undefined {
    return this.atStart.highWatermarks.get(topicPartitionName({ topic, partition }));
  }

  /** Below it the log is clean, says `cleaner-offset-checkpoint`; undefined for a log that was never cleaned. */
  cleanedOffset(log: PartitionLog): Offset | undefined {
    return this.cleanedOffsets.get(log.name);
  }

  /** Durable when it resolves. A log that is no longer here is passed over. */
  async checkpointCleanedOffset(log: PartitionLog, offset: Offset): Promise<void> {
    if (this.logs.get(log.name) !== log) return;
    this.cleanedOffsets.set(log.name, offset);
    await this.writeCheckpoint(CLEANER_OFFSET_FILE, this.cleanedOffsets, () => true, () => []);
  }

  /**
   * Before records below `upTo` are removed by a cleaning: what supersedes them is on the disk for good, and no recovery will scan where the cleaner leaves gaps.
   */
  async prepareCleaning(log: PartitionLog, upTo: Offset): Promise<void> {
    await log.flush(upTo);
    await this.writeRecoveryPoints();
  }

  /** The partitions that are on the disk. Folders of removed ones are removed for good; others that are not ours are named in the log and left alone. */
  findPartitions(): FoundPartition[] {
    const { fileSystem, logger } = this.options;
    const found: FoundPartition[] = [];
    for (const entry of fileSystem.list(this.folder)) {
      if (!entry.isFolder) continue;
      const path = `${this.folder}/${entry.name}`;
      const kind = folderKind(entry.name);
      if (kind.kind === 'partition') {
        found.push({ topic: kind.topic, partition: kind.partition, topicId: this.topicIdIn(entry.name) });
      } else if (kind.kind === 'deleted') {
        logger.info({ folder: path }, 'removing the folder of a partition that was deleted');
        fileSystem.remove(path);
      } else if (kind.kind !== 'future') {
        logger.warn({ folder: path, kind: kind.kind }, 'folder is no partition of this broker and is left alone');
      }
    }
    return found.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  }

  /** The future logs that are on the disk. */
  findFutures(): FoundFuture[] {
    return this.options.fileSystem.list(this.folder).flatMap(({ name }) => {
      const kind = folderKind(name);
      return kind.kind === 'future' ? [{ topic: kind.topic, partition: kind.partition, topicId: this.topicIdIn(name), folder: name }] : [];
    });
  }

  /** Opens the partition's log, or makes it. A log that is open is returned as it is. */
  async openPartition(partition: PartitionToOpen): Promise<PartitionLog> {
    return this.openIn(this.logs, partition, topicPartitionName(partition));
  }

  /**
   * Opens a future log that was found, or makes one: it belongs to a partition whose log is in another directory. Throws `INVALID_TOPIC_EXCEPTION` when the topic's name leaves no room for the name of its folder.
   */
  async openFuture(partition: PartitionToOpen, foundFolder?: string): Promise<PartitionLog> {
    const folder = foundFolder ?? futureFolderName(partition, this.options.random);
    if (folder === undefined) throw new OperationalError('INVALID_TOPIC_EXCEPTION', `the name of topic ${partition.topic} is too long for its partitions to be moved`);
    await this.makeWay(partition);
    return this.openIn(this.futures, partition, folder);
  }

  /** A folder that is not the partition's log (that is in another directory) would stand in the way of its future log. */
  private async makeWay(partition: TopicPartition): Promise<void> {
    const name = topicPartitionName(partition);
    if (this.isOpen(name) || !this.options.fileSystem.list(this.folder).some((it) => it.name === name)) return;
    this.options.logger.warn({ folder: `${this.folder}/${name}` }, 'the folder of a partition whose log is in another directory is removed');
    await this.removePartition(partition.topic, partition.partition);
  }

  /** At the start: a future log whose partition is nowhere else, since it was about to take its place, becomes its log. */
  async adoptFuture(found: FoundFuture): Promise<void> {
    this.expectUsable();
    this.options.fileSystem.rename(`${this.folder}/${found.folder}`, `${this.folder}/${topicPartitionName(found)}`);
    await this.options.fileSystem.syncFolder(this.folder);
  }

  /**
   * The partition's future log here takes the place of its log in `source`, at once; `afterTakeOver` is due then. It must hold what the other holds, and be as durable. A crash in between leaves the future log
   * alone. After a loss of power the old log can be there as well: the metadata tells which one counts. When the disk refuses, all is as before, and the directory that failed is offline.
   */
  takeOver(partition: TopicPartition, source: LogDirectory): PartitionLog {
    this.expectUsable();
    source.expectUsable();
    const name = topicPartitionName(partition);
    const [old, future] = [source.logs.get(name), this.futures.get(name)];
    invariant(old !== undefined && future !== undefined, 'a future log takes the place of a log');
    const [oldFolder, futureFolder] = [source.folderOf(old), this.folderOf(future)];
    const path = `${source.folder}/${deletedFolderName(partition, this.options.random)}`;
    source.guarded(() => oldFolder.moveTo(path));
    try {
      this.guarded(() => futureFolder.moveTo(`${this.folder}/${name}`));
    } catch (error) {
      source.guarded(() => oldFolder.moveTo(`${source.folder}/${name}`));
      throw error;
    }
    this.futures.delete(name);
    this.logs.set(name, future);
    const cleanedOffset = source.cleanedOffsets.get(name);
    if (cleanedOffset !== undefined) this.cleanedOffsets.set(name, cleanedOffset);
    source.forget(name);
    source.removals.push({ path, dueMs: this.options.clock.monotonicMs() + old.config.fileDeleteDelayMs, log: old });
    return future;
  }

  /** After `takeOver`: durable when it resolves. */
  async afterTakeOver(log: PartitionLog, source: LogDirectory): Promise<void> {
    await this.guardedAsync(this.options.fileSystem.syncFolder(this.folder));
    const cleanedOffset = this.cleanedOffset(log);
    if (cleanedOffset !== undefined) await this.checkpointCleanedOffset(log, cleanedOffset);
    await this.checkpoint();
    if (source.offline !== undefined) return;
    await source.guardedAsync(this.options.fileSystem.syncFolder(source.folder));
    await source.checkpoint();
  }

  /** Opens many, a few at a time. The result is in the order asked for; the first failure is thrown after those under way have ended. */
  async openPartitions(partitions: readonly PartitionToOpen[], concurrency = 4): Promise<PartitionLog[]> {
    const logs = new Array<PartitionLog>(partitions.length);
    const queue = partitions.entries();
    let failure: { readonly error: unknown } | undefined;
    const work = async (): Promise<void> => {
      for (const [i, partition] of queue) {
        if (failure !== undefined) return;
        try {
          logs[i] = await this.openPartition(partition);
        } catch (error) {
          failure ??= { error };
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, partitions.length) }, work));
    if (failure !== undefined) throw failure.error;
    return logs;
  }

  /** The partition is gone when it resolves; its files are removed after `file.delete.delay.ms`. */
  async removePartition(topic: string, partition: number): Promise<void> {
    this.expectUsable();
    const name = topicPartitionName({ topic, partition });
    await this.remove({ topic, partition }, `${this.folder}/${name}`, this.logs.get(name));
  }

  /** The same for the partition's future log: its place is not taken after all. */
  async removeFuture(topic: string, partition: number): Promise<void> {
    this.expectUsable();
    const log = this.futures.get(topicPartitionName({ topic, partition }));
    if (log !== undefined) await this.remove({ topic, partition }, this.folderOf(log).actual, log);
  }

  /** The same for one that was found at the start and is not wanted. */
  async removeFoundFuture(found: FoundFuture): Promise<void> {
    this.expectUsable();
    await this.remove(found, `${this.folder}/${found.folder}`, undefined);
  }

  /** Gives the partition's future log back; its folder stays for the next start. */
  abandonFuture(topic: string, partition: number): void {
    const name = topicPartitionName({ topic, partition });
    this.futures.get(name)?.abandon();
    this.futures.delete(name);
  }

  /** Removes files and folders whose delay is over. Returns how many. */
  removeDeletedFiles(): number {
    this.expectUsable();
    let count = 0;
    for (const log of this.open()) count += log.removeDeletedFiles();
    const nowMs = this.options.clock.monotonicMs();
    for (const removal of this.removals.filter((it) => it.dueMs <= nowMs)) {
      removal.log?.abandon();
      this.options.fileSystem.remove(removal.path);
      this.removals.splice(this.removals.indexOf(removal), 1);
      count += 1;
    }
    return count;
  }

  /** Writes recovery points, log start offsets and, when given, high watermarks. */
  async checkpoint(highWatermarks?: readonly CheckpointedOffset[]): Promise<void> {
    this.highWatermarks = highWatermarks ?? this.highWatermarks;
    await this.writeRecoveryPoints();
    await this.checkpointLogStartOffsets();
    await this.writeHighWatermarks();
  }

  /** Every few seconds on a broker with followers: high watermarks alone, when any has moved. */
  async checkpointHighWatermarks(highWatermarks: readonly CheckpointedOffset[]): Promise<void> {
    const known = new Map((this.highWatermarks ?? []).map((it) => [topicPartitionName(it), it.offset]));
    const hasMoved = highWatermarks.length !== known.size || highWatermarks.some((it) => known.get(topicPartitionName(it)) !== it.offset);
    if (!hasMoved) return;
    this.highWatermarks = highWatermarks;
    await this.writeHighWatermarks();
  }

  /** After DeleteRecords: what `advanceLogStartOffset` has set is durable when it resolves. */
  async checkpointLogStartOffsets(): Promise<void> {
    await this.writeCheckpoint(LOG_START_OFFSET_FILE, this.atStart.logStartOffsets, (name) => !this.isOpen(name), () =>
      this.open().filter((it) => it.logStartOffset > (it.segments[0]?.baseOffset ?? 0)).map((it) => ({ topic: it.topic, partition: it.partition, offset: it.logStartOffset })),
    );
  }

  /** Flushes and closes every log; only when all went well the next start will need no recovery. */
  async close(options: { readonly brokerEpoch?: BrokerEpoch; readonly highWatermarks?: readonly CheckpointedOffset[] } = {}): Promise<void> {
    try {
      if (this.offline !== undefined) return;
      for (const log of this.open()) await log.close();
      await this.checkpoint(options.highWatermarks);
      if (this.offline === undefined) await replaceFileDurably(this.options.fileSystem, `${this.folder}/${CLEAN_SHUTDOWN_FILE}`, Buffer.from(encodeCleanShutdown(options.brokerEpoch ?? -1)));
    } finally {
      this.giveBack();
    }
  }

  /** Gives everything back without writing, as if the process had died (but for the lock, which is released). */
  abandon(): void {
    for (const log of this.open()) log.abandon();
    this.giveBack();
  }

  private giveBack(): void {
    for (const { log } of this.removals) log?.abandon();
    this.logs.clear();
    this.futures.clear();
    this.lock.release();
  }

  private open(): PartitionLog[] {
    return [...this.logs.values(), ...this.futures.values()];
  }

  private isOpen(name: string): boolean {
    return this.logs.has(name) || this.futures.has(name);
  }

  private folderOf(log: PartitionLog): MovableFolder {
    const folder = this.folders.get(log);
    invariant(folder !== undefined, 'each open log has its folder here');
    return folder;
  }

  private topicIdIn(folder: string): Uuid | undefined {
    const text = readTextFile(this.options.fileSystem, `${this.folder}/${folder}/${PARTITION_METADATA_FILE}`);
    return text === undefined ? undefined : decodePartitionMetadata(text)?.topicId;
  }

  private async openIn(logs: Map<string, PartitionLog>, partition: PartitionToOpen, folderName: string): Promise<PartitionLog> {
    this.expectUsable();
    const name = topicPartitionName(partition);
    const open = logs.get(name);
    if (open !== undefined) return open;
    const folder = `${this.folder}/${name}`;
    const fileSystem = new MovableFolder(this.options.fileSystem, folder, `${this.folder}/${folderName}`);
    const log = await PartitionLog.open({
      ...this.options,
      ...partition,
      fileSystem,
      folder,
      hadCleanShutdown: this.hadCleanShutdown,
      recoveryPoint: this.atStart.recoveryPoints.get(name) ?? 0,
      logStartOffset: this.atStart.logStartOffsets.get(name) ?? 0,
      tailMemory: this.tailMemory,
      readBuffers: this.readBuffers,
      beforeRecoveryPointFalls: () => this.writeRecoveryPoints(),
      onOffline: (cause) => this.goOffline(cause),
    });
    this.folders.set(log, fileSystem);
    logs.set(name, log);
    await this.options.fileSystem.syncFolder(this.folder);
    return log;
  }

  private async remove(partition: TopicPartition, folder: string, log: PartitionLog | undefined): Promise<void> {
    const delayMs = log?.config.fileDeleteDelayMs ?? 0;
    log?.abandon();
    this.forget(topicPartitionName(partition));
    const path = `${this.folder}/${deletedFolderName(partition, this.options.random)}`;
    this.options.fileSystem.rename(folder, path);
    this.removals.push({ path, dueMs: this.options.clock.monotonicMs() + delayMs, log: undefined });
    await this.options.fileSystem.syncFolder(this.folder);
    await this.checkpoint();
  }

  private forget(name: string): void {
    this.logs.delete(name);
    this.futures.delete(name);
    for (const offsets of [...Object.values(this.atStart), this.cleanedOffsets]) offsets.delete(name);
    this.highWatermarks = this.highWatermarks?.filter((it) => topicPartitionName(it) !== name);
  }

  /** What the disk refuses for want of room is the caller's to try again; everything else ends the directory. */
  private guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.judged(error);
    }
  }

  private guardedAsync<T>(work: Promise<T>): Promise<T> {
    return work.catch((error: unknown) => {
      throw this.judged(error);
    });
  }

  private judged(error: unknown): unknown {
    if (hasCode(error, 'STORAGE_FULL')) return error;
    const failure = new OperationalError('KAFKA_STORAGE_ERROR', `a folder of ${this.folder} cannot be renamed: ${errorMessage(error)}`, { cause: error });
    this.goOffline(failure);
    return failure;
  }

  private async writeHighWatermarks(): Promise<void> {
    const known = this.highWatermarks ?? [];
    const names = new Set(known.map(topicPartitionName));
    await this.writeCheckpoint(HIGH_WATERMARK_FILE, this.atStart.highWatermarks, (name) => !names.has(name), () => known);
  }

  private async writeRecoveryPoints(): Promise<void> {
    await this.writeCheckpoint(RECOVERY_POINT_FILE, this.atStart.recoveryPoints, (name) => !this.isOpen(name), () =>
      this.open().map((it) => ({ topic: it.topic, partition: it.partition, offset: it.recoveryPoint })),
    );
  }

  /** One write at a time; the values are taken when its turn comes. Where they say nothing of a partition (it is not open yet), what was known of it is kept. */
  private writeCheckpoint(file: string, known: ReadonlyMap<string, Offset>, isKept: (name: string) => boolean, offsets: () => readonly CheckpointedOffset[]): Promise<void> {
    const write = this.writes.then(async () => {
      this.expectUsable();
      const values = [...offsets()];
      for (const [name, offset] of known) {
        const kind = folderKind(name);
        if (kind.kind === 'partition' && isKept(name)) values.push({ topic: kind.topic, partition: kind.partition, offset });
      }
      try {
        await replaceFileDurably(this.options.fileSystem, `${this.folder}/${file}`, Buffer.from(encodeOffsetCheckpoint(values)));
      } catch (error) {
        // The old one is still there.
        if (hasCode(error, 'STORAGE_FULL')) throw error;
        const failure = new OperationalError('KAFKA_STORAGE_ERROR', `${file} of ${this.folder} cannot be written`, { cause: error });
        this.goOffline(failure);
        throw failure;
      }
    });
    this.writes = write.catch(() => undefined);
    return write;
  }

  private expectUsable(): void {
    if (this.offline !== undefined) throw this.offline;
  }

  private goOffline(cause: OperationalError): void {
    if (this.offline !== undefined) return;
    this.offline = new OperationalError('KAFKA_STORAGE_ERROR', `log directory ${this.folder} is offline: ${cause.message}`, { cause });
    this.options.logger.error({ folder: this.folder, problem: cause.message }, 'log directory goes offline');
    for (const log of this.open()) log.takeOffline(this.offline);
    this.options.onOffline?.(this.offline);
  }
}

async function settleMeta(options: LogDirectoryOptions): Promise<{ readonly clusterId: string; readonly directoryId: Uuid }> {
  const { fileSystem, folder, nodeId, random } = options;
  const path = `${folder}/${META_PROPERTIES_FILE}`;
  const text = readTextFile(fileSystem, path);
  const found = text === undefined ? undefined : decodeMetaProperties(text, path);
  if (found !== undefined && found.nodeId !== nodeId) throw new OperationalError('INCONSISTENT_NODE_ID', `${path} belongs to node ${found.nodeId}, this is node ${nodeId}`);
  if (found !== undefined && options.clusterId !== undefined && found.clusterId !== options.clusterId) {
    throw new OperationalError('INCONSISTENT_CLUSTER_ID', `${path} belongs to cluster ${found.clusterId}, not to ${options.clusterId}`);
  }
  const clusterId = found?.clusterId ?? options.clusterId ?? randomUuid(random);
  const directoryId = found?.directoryId ?? randomUuid(random);
  if (found?.directoryId === undefined) await replaceFileDurably(fileSystem, path, Buffer.from(encodeMetaProperties({ clusterId, nodeId, directoryId })));
  return { clusterId, directoryId };
}

/** An entry whose folder is gone says nothing about a partition that is made anew under its name. */
function readCheckpoint(fileSystem: FileSystem, path: string, folders: ReadonlySet<string>, logger: Logger): Map<string, Offset> {
  const text = readTextFile(fileSystem, path);
  // Kafka makes the file when it starts, and writes to it when there is something to say.
  const isWritten = text !== undefined && text !== '';
  const offsets = isWritten ? decodeOffsetCheckpoint(text) : undefined;
  if (isWritten && offsets === undefined) logger.warn({ file: path }, 'checkpoint cannot be read and is taken as empty');
  return new Map([...(offsets ?? [])].filter(([name]) => folders.has(name)));
}

/** Checkpoints speak of a future log by the name of its partition. */
function partitionNameOf(folder: string): string {
  const kind = folderKind(folder);
  return kind.kind === 'future' ? topicPartitionName(kind) : folder;
}
