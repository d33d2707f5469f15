import { hasCode, OperationalError, type Codecs, type Logger, type TimestampMs } from '@millrace/foundation';
import type { SnapshotChunk, SnapshotInfo } from '@millrace/raft';
import { CHECKPOINT_PART_SUFFIX, parseSnapshotFileName, snapshotFileName, type FileSystem, type OpenFile, type SnapshotId } from '@millrace/storage';
import { readSnapshot, snapshotBatches, type SnapshotContent } from './snapshot-content.js';

const DELETED_SUFFIX = '.checkpoint.deleted';

export interface SnapshotFile extends SnapshotId {
  readonly sizeInBytes: number;
  readonly modifiedMs: TimestampMs;
}

export interface SnapshotFilesOptions {
  readonly fileSystem: FileSystem;
  /** The folder of `__cluster_metadata-0`. */
  readonly folder: string;
  readonly codecs: Codecs;
  readonly decompressedBytesMax: number;
  readonly logger: Logger;
}

/** The snapshots beside the metadata log, in Kafka's `.checkpoint` format: a control batch with the header, batches of records with offsets from 0 on, a control batch with the footer. */
export class SnapshotFiles {
  private download: { readonly id: SnapshotId; readonly file: OpenFile } | undefined;

  constructor(private readonly options: SnapshotFilesOptions) {}

  /** Remains of writes and of deletions that a crash left behind. */
  removeRemains(): void {
    const { fileSystem, folder } = this.options;
    for (const { name } of fileSystem.list(folder)) if (name.endsWith(CHECKPOINT_PART_SUFFIX) || name.endsWith(DELETED_SUFFIX)) fileSystem.remove(`${folder}/${name}`);
  }

  /** Oldest first; the bootstrap snapshot (0-0, which a formatting wrote) is among them. */
  list(): SnapshotFile[] {
    const { fileSystem, folder } = this.options;
    const found: SnapshotFile[] = [];
    for (const { name, bytes, modifiedMs } of fileSystem.list(folder)) {
      const id = parseSnapshotFileName(name);
      if (id !== undefined) found.push({ ...id, sizeInBytes: bytes, modifiedMs });
    }
    return found.sort((a, b) => a.endOffset - b.endOffset || a.epoch - b.epoch);
  }

  /** Durable under its name when it resolves. */
  async write(id: SnapshotId, content: SnapshotContent, lastContainedLogTimestamp: TimestampMs): Promise<void> {
    const file = this.begin(id);
    try {
      for (const batch of snapshotBatches(content, { codecs: this.options.codecs, leaderEpoch: id.epoch, lastContainedLogTimestamp })) file.append(batch);
      await file.sync();
    } finally {
      file.close();
    }
    await this.finish(id);
  }

  /** Throws `CORRUPT_METADATA`. */
  read(id: SnapshotId): SnapshotContent {
    const path = `${this.options.folder}/${snapshotFileName(id)}`;
    const content = readSnapshot(path, this.options);
    if (content === undefined) throw new OperationalError('FILE_NOT_FOUND', `${path} is not there`);
    return content;
  }

  /** Undefined when the snapshot is gone. */
  readChunk(id: SnapshotId, position: number, maxBytes: number): { readonly bytes: Uint8Array; readonly size: number } | undefined {
    const { fileSystem, folder } = this.options;
    let file: OpenFile;
    try {
      file = fileSystem.open(`${folder}/${snapshotFileName(id)}`, 'read');
    } catch (error) {
      if (hasCode(error, 'FILE_NOT_FOUND')) return undefined;
      throw error;
    }
    try {
      const into = Buffer.allocUnsafe(Math.max(0, Math.min(maxBytes, file.bytes - position)));
      return { bytes: into.subarray(0, file.readSync(into, position)), size: file.bytes };
    } finally {
      file.close();
    }
  }

  /** Bytes that another node sent, in order. Resolves when the last one made the snapshot durable. */
  async receive(chunk: SnapshotChunk): Promise<void> {
    const id = { endOffset: chunk.snapshotId.offset, epoch: chunk.snapshotId.epoch };
    if (chunk.position === 0) {
      this.dropDownload();
      this.download = { id, file: this.begin(id) };
    }
    const { download } = this;
    if (download === undefined || download.id.endOffset !== id.endOffset || download.id.epoch !== id.epoch || download.file.bytes !== chunk.position) {
      throw new OperationalError('CORRUPT_METADATA', `bytes at ${chunk.position} of snapshot ${snapshotFileName(id)} came out of order`);
    }
    download.file.append(chunk.bytes);
    if (!chunk.isLast) return;
    await download.file.sync();
    this.dropDownload();
    await this.finish(id);
  }

  remove(id: SnapshotId): void {
    this.options.fileSystem.remove(`${this.options.folder}/${snapshotFileName(id)}`);
    this.options.logger.info({ snapshot: snapshotFileName(id) }, 'a snapshot of metadata was removed');
  }

  close(): void {
    this.dropDownload();
  }

  private begin(id: SnapshotId): OpenFile {
    const { fileSystem, folder } = this.options;
    const file = fileSystem.open(`${folder}/${snapshotFileName(id, CHECKPOINT_PART_SUFFIX)}`, 'write');
    file.truncate(0);
    return file;
  }

  private async finish(id: SnapshotId): Promise<void> {
    const { fileSystem, folder } = this.options;
    fileSystem.rename(`${folder}/${snapshotFileName(id, CHECKPOINT_PART_SUFFIX)}`, `${folder}/${snapshotFileName(id)}`);
    await fileSystem.syncFolder(folder);
  }

  private dropDownload(): void {
    this.download?.file.close();
    this.download = undefined;
  }
}

export function asSnapshotInfo(it: SnapshotFile): SnapshotInfo {
  return { offset: it.endOffset, epoch: it.epoch, sizeInBytes: it.sizeInBytes };
}
