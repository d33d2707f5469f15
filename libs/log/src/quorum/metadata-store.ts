import { ByteWriter, errorMessage, invariant, METADATA_TOPIC_UUID, OperationalError, type Clock, type Codecs, type LeaderEpoch, type Logger, type Offset, type TimestampMs } from '@millrace/foundation';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '@millrace/protocol';
import type { EpochLookup, LogAtStart, RaftAppend, VotersAtStart } from '@millrace/raft';
import { batchesOf, RecordBatchBuilder, recordsOf, stampBatch } from '@millrace/records';
import { DEFAULT_LOG_CONFIG, type FileSystem, type LogDirectory, type PartitionLog, type SnapshotId } from '@millrace/storage';
import { CLUSTER_METADATA } from '../internal-topics.js';
import { controlBatch, controlRecordsOf } from './control-batches.js';
import type { SnapshotContent } from './snapshot-content.js';
import { asSnapshotInfo, SnapshotFiles } from './snapshot-files.js';

const READ_BYTES = 8 * 1024 * 1024;

export interface MetadataStoreOptions {
  readonly fileSystem: FileSystem;
  readonly directory: LogDirectory;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly clock: Clock;
  readonly codecs: Codecs;
  readonly logger: Logger;
  readonly decompressedBytesMax: number;
}

/** Records of the log that stand in one batch. */
export interface MetadataBatch {
  readonly baseOffset: Offset;
  /** Behind the batch. */
  readonly nextOffset: Offset;
  readonly timestampMs: TimestampMs;
  readonly sizeBytes: number;
  /** None: a batch of the quorum's own records. */
  readonly records: readonly MetadataRecord[];
}

/** `__cluster_metadata-0` on the disk, in Kafka's formats: the log with its leader epochs, and the snapshots that stand for what was cut off its beginning. */
export class MetadataStore {
  private constructor(
    private readonly options: MetadataStoreOptions,
    readonly log: PartitionLog,
    readonly snapshots: SnapshotFiles,
    /** As the machine of the quorum is given them. */
    readonly atStart: LogAtStart,
    readonly control: VotersAtStart,
    /** What the state begins with, before the log is applied: the latest snapshot. Its content is given once. */
    readonly initial: { readonly id: SnapshotId; readonly content: SnapshotContent } | undefined,
  ) {}

  static async open(options: MetadataStoreOptions): Promise<MetadataStore> {
    const { directory, segmentBytes, segmentMs } = options;
    const log = await directory.openPartition({
      topic: CLUSTER_METADATA,
      partition: 0,
      topicId: METADATA_TOPIC_UUID,
      // Only what a snapshot stands for is deleted.
      config: { ...DEFAULT_LOG_CONFIG, segmentBytes, segmentMs, retentionMs: -1 },
    });
    const snapshots = new SnapshotFiles({ ...options, folder: log.folder });
    snapshots.removeRemains();
    const ids = snapshots.list();
    const latest = ids.at(-1);
    const initial = latest === undefined ? undefined : { id: latest, content: snapshots.read(latest) };
    // A snapshot that was installed just before the end: the log was to begin behind it.
    if (latest !== undefined && latest.endOffset > log.logEndOffset) await log.truncateFullyAndStartAt(latest.endOffset);
    await log.flush();
    const voterSets: { readonly offset: Offset; readonly voters: VotersAtStart['voterSets'][number]['voters'] }[] = [];
    const kRaftVersions: { readonly offset: Offset; readonly kRaftVersion: number }[] = [];
    if (initial !== undefined && initial.content.kRaftVersion > 0) {
      const offset = initial.id.endOffset - 1;
      kRaftVersions.push({ offset, kRaftVersion: initial.content.kRaftVersion });
      voterSets.push({ offset, voters: initial.content.voters });
    }
    for await (const { offset, record } of controlRecords(log, Math.max(log.logStartOffset, latest?.endOffset ?? 0), options)) {
      if (record.type === 'voters') voterSets.push({ offset, voters: record.voters });
      else if (record.type === 'kRaftVersion') kRaftVersions.push({ offset, kRaftVersion: record.kRaftVersion });
    }
    const infos = ids.filter((it) => it.endOffset > 0).map(asSnapshotInfo);
    const lastEpoch = log.latestEpoch >= 0 ? log.latestEpoch : (latest?.epoch ?? 0);
    const atStart: LogAtStart = { logStartOffset: log.logStartOffset, logEndOffset: log.logEndOffset, lastEpoch, snapshots: infos, epochs: epochLookup(log) };
    return new MetadataStore(options, log, snapshots, atStart, { voterSets, kRaftVersions }, initial);
  }

  get logEndOffset(): Offset {
    return this.log.logEndOffset;
  }

  /** Where the state begins: what the latest snapshot leaves out. */
  get firstOffset(): Offset {
    return this.initial?.id.endOffset ?? this.log.logStartOffset;
  }

  /** One batch of the active controller. */
  appendRecords(records: readonly MetadataRecord[], leaderEpoch: LeaderEpoch, timestampMs: TimestampMs): MetadataBatch {
    invariant(records.length > 0, 'a batch of metadata holds records');
    const builder = new RecordBatchBuilder(1024);
    const writer = new ByteWriter(512);
    for (const record of records) {
      encodeMetadataRecord(writer, record);
      builder.append(null, writer.take(), timestampMs);
    }
    const batch = builder.build({ codecs: this.options.codecs });
    const baseOffset = this.log.logEndOffset;
    stampBatch(batch, 0, baseOffset, leaderEpoch);
    this.log.append(batch, { origin: 'coordinator', leaderEpoch });
    return { baseOffset, nextOffset: this.log.logEndOffset, timestampMs, sizeBytes: batch.length, records };
  }

  append(append: RaftAppend): void {
    if (append.kind === 'fetched') {
      for (const { bytes } of append.batches) this.log.append(bytes, { origin: 'replication' });
      return;
    }
    const { baseOffset, leaderEpoch, timestampMs, records } = append;
    const batch = controlBatch(records, { codecs: this.options.codecs, timestampMs, baseOffset, leaderEpoch });
    this.log.append(batch, { origin: 'coordinator', leaderEpoch });
  }

  /** What stands in the log from `from` (the beginning of a batch) up to `to`, batch by batch. */
  async *read(from: Offset, to: Offset): AsyncGenerator<MetadataBatch> {
    const { codecs, decompressedBytesMax } = this.options;
    let offset = from;
    while (offset < to) {
      const read = await this.log.read({ offset, maxBytes: READ_BYTES, maxOffset: to, minOneBatch: true });
      invariant(read.nextOffset > offset, 'the metadata log is read to its end');
      for (const { position, header } of batchesOf(read.bytes)) {
        if (header.lastOffset < offset) continue;
        const batch = { baseOffset: header.baseOffset, nextOffset: header.lastOffset + 1, timestampMs: header.maxTimestampMs, sizeBytes: header.sizeBytes };
        yield { ...batch, records: header.isControl ? [] : metadataRecords(read.bytes, position, codecs, decompressedBytesMax) };
      }
      offset = read.nextOffset;
      read.release();
    }
  }
}

function metadataRecords(bytes: Uint8Array, position: number, codecs: Codecs, decompressedBytesMax: number): MetadataRecord[] {
  const found: MetadataRecord[] = [];
  const cursor = recordsOf(bytes, codecs, { position, decompressedBytesMax });
  while (cursor.next()) {
    const value = cursor.value();
    if (value !== null) found.push(decode(value, cursor.offset));
  }
  return found;
}

function decode(value: Uint8Array, offset: Offset): MetadataRecord {
  try {
    return decodeMetadataRecord(value);
  } catch (error) {
    throw new OperationalError('CORRUPT_METADATA', `record ${offset} of ${CLUSTER_METADATA} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

async function* controlRecords(log: PartitionLog, from: Offset, options: MetadataStoreOptions): AsyncGenerator<ReturnType<typeof controlRecordsOf>[number]> {
  let offset = from;
  while (offset < log.logEndOffset) {
    const read = await log.read({ offset, maxBytes: READ_BYTES, minOneBatch: true });
    invariant(read.nextOffset > offset, 'the metadata log is read to its end');
    for (const { position, header } of batchesOf(read.bytes)) if (header.isControl) yield* controlRecordsOf(read.bytes, position, options);
    offset = read.nextOffset;
    read.release();
  }
}

function epochLookup(log: PartitionLog): EpochLookup {
  return {
    endOffsetFor: (leaderEpoch) => {
      const { epoch, endOffset } = log.endOffsetForEpoch(leaderEpoch);
      return epoch < 0 ? null : { leaderEpoch: epoch, endOffset };
    },
  };
}
