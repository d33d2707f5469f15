import { ByteWriter, errorMessage, hasCode, OperationalError, type Codecs, type Logger, type TimestampMs } from '@millrace/foundation';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '@millrace/protocol';
import type { SnapshotChunk, SnapshotInfo, Voter } from '@millrace/raft';
import { batchesOf, isBatchCrcValid, RecordBatchBuilder, recordsOf, stampBatch } from '@millrace/records';
import { CHECKPOINT_PART_SUFFIX, parseSnapshotFileName, readWholeFile, snapshotFileName, type FileSystem, type OpenFile, type SnapshotId } from '@millrace/storage';
import { controlRecordsOf, snapshotFooterBatch, snapshotHeaderBatch } from './control-batches.js';

/** A batch of a snapshot is closed when it has become so large. */
const BATCH_BYTES = 256 * 1024;
const DELETED_SUFFIX = '.checkpoint.deleted';

/** What the records of a snapshot say of the quorum; undefined where it says nothing (kraft.version 0). */
export interface SnapshotQuorum {
  readonly kRaftVersion: number;
  readonly voters: readonly Voter[];
}

export interface SnapshotContent extends SnapshotQuorum {
  readonly records: readonly MetadataRecord[];
}

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
    const { codecs } = this.options;
    const file = this.begin(id);
    let nextOffset = 0;
    const put = (batch: Uint8Array, count: number): void => {
      stampBatch(batch, 0, nextOffset, id.epoch);
      file.append(batch);
      nextOffset += count;
    };
    const place = { codecs, timestampMs: lastContainedLogTimestamp, baseOffset: 0, leaderEpoch: id.epoch };
    try {
      put(snapshotHeaderBatch(content, lastContainedLogTimestamp, place), content.kRaftVersion > 0 ? 3 : 1);
      for (const { batch, count } of dataBatches(content.records, codecs, lastContainedLogTimestamp)) put(batch, count);
      put(snapshotFooterBatch(place), 1);
      await file.sync();
    } finally {
      file.close();
    }
    await this.finish(id);
  }

  /** Throws `CORRUPT_METADATA`. */
  read(id: SnapshotId): SnapshotContent {
    const { fileSystem, folder, codecs, decompressedBytesMax } = this.options;
    const path = `${folder}/${snapshotFileName(id)}`;
    const bytes = readWholeFile(fileSystem, path);
    if (bytes === undefined) throw new OperationalError('FILE_NOT_FOUND', `${path} is not there`);
    const records: MetadataRecord[] = [];
    let kRaftVersion = 0;
    let voters: readonly Voter[] = [];
    try {
      for (const { position, header } of batchesOf(bytes)) {
        if (!isBatchCrcValid(bytes, position, codecs.crc32c)) throw new OperationalError('CORRUPT_METADATA', `the batch at ${position} has a wrong checksum`);
        if (header.isControl) {
          for (const { record } of controlRecordsOf(bytes, position, { codecs, decompressedBytesMax })) {
            if (record.type === 'kRaftVersion') kRaftVersion = record.kRaftVersion;
            else if (record.type === 'voters') voters = record.voters;
          }
          continue;
        }
        const cursor = recordsOf(bytes, codecs, { position, decompressedBytesMax });
        while (cursor.next()) {
          const value = cursor.value();
          if (value !== null) records.push(decodeMetadataRecord(value));
        }
      }
    } catch (error) {
      throw new OperationalError('CORRUPT_METADATA', `${path} cannot be read: ${errorMessage(error)}`, { cause: error });
    }
    return { records, kRaftVersion, voters };
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

function* dataBatches(records: readonly MetadataRecord[], codecs: Codecs, timestampMs: TimestampMs): Generator<{ readonly batch: Uint8Array; readonly count: number }> {
  const writer = new ByteWriter(512);
  let builder = new RecordBatchBuilder(4096);
  let count = 0;
  let bytes = 0;
  for (const record of records) {
    encodeMetadataRecord(writer, record);
    const value = writer.take();
    builder.append(null, value, timestampMs);
    count += 1;
    bytes += value.length;
    if (bytes < BATCH_BYTES) continue;
    yield { batch: builder.build({ codecs }), count };
    builder = new RecordBatchBuilder(BATCH_BYTES);
    count = bytes = 0;
  }
  if (count > 0) yield { batch: builder.build({ codecs }), count };
}
