import { ByteWriter, METADATA_TOPIC_UUID, OperationalError, errorMessage, invariant, type BrokerId, type Clock, type Codecs, type LeaderEpoch, type Logger, type Offset, type Uuid } from '@millrace/foundation';
import { leaderChangeMessage } from '@millrace/metadata';
import { decodeMetadataRecord, encodeMetadataRecord, LeaderChangeMessage, type MetadataRecord } from '@millrace/protocol';
import { batchesOf, buildControlBatch, RecordBatchBuilder, recordsOf, stampBatch } from '@millrace/records';
import { DEFAULT_LOG_CONFIG, QuorumStateFile, type FileSystem, type LogDirectory, type PartitionLog } from '@millrace/storage';
import { CLUSTER_METADATA } from '../internal-topics.js';

const LOAD_READ_BYTES = 8 * 1024 * 1024;

export interface MetadataLogOptions {
  readonly fileSystem: FileSystem;
  readonly directory: LogDirectory;
  readonly nodeId: BrokerId;
  readonly clock: Clock;
  readonly codecs: Codecs;
  readonly logger: Logger;
  readonly decompressedBytesMax: number;
}

/**
 * `__cluster_metadata-0` of a quorum with one voter: this node elects itself into a new epoch at each start, and what it has synced is committed. The files are those of
 * Kafka's Raft (log, quorum-state, leader change records), so a quorum of several voters can take this one's place.
 */
export class MetadataLog {
  private constructor(
    private readonly options: MetadataLogOptions,
    readonly log: PartitionLog,
    readonly epoch: LeaderEpoch,
  ) {}

  /** Replays what is there, then becomes the leader of the next epoch. */
  static async open(options: MetadataLogOptions, replay: (record: MetadataRecord, offset: Offset) => void): Promise<MetadataLog> {
    const { directory, fileSystem, nodeId } = options;
    const log = await directory.openPartition({
      topic: CLUSTER_METADATA,
      partition: 0,
      topicId: METADATA_TOPIC_UUID,
      // Nothing of it is deleted before there are snapshots to take its place.
      config: { ...DEFAULT_LOG_CONFIG, retentionMs: -1 },
    });
    const quorumState = new QuorumStateFile(fileSystem, log.folder);
    const before = quorumState.read();
    await load(log, options, replay);
    const epoch = Math.max(before?.leaderEpoch ?? 0, log.latestEpoch, 0) + 1;
    // The vote is durable before anything is written in its epoch.
    await quorumState.write({ leaderEpoch: epoch, leaderId: -1, votedId: nodeId, votedDirectoryId: directory.directoryId });
    log.assignLeaderEpoch(epoch);
    await quorumState.write({ leaderEpoch: epoch, leaderId: nodeId, votedId: nodeId, votedDirectoryId: directory.directoryId });
    const metadataLog = new MetadataLog(options, log, epoch);
    metadataLog.appendLeaderChange();
    await log.flush();
    return metadataLog;
  }

  get directoryId(): Uuid {
    return this.options.directory.directoryId;
  }

  get nextOffset(): Offset {
    return this.log.logEndOffset;
  }

  /** One batch. Returns its first offset; it is committed once `commit` of what is behind it has resolved. */
  append(records: readonly MetadataRecord[]): Offset {
    invariant(records.length > 0, 'a batch of metadata holds records');
    const builder = new RecordBatchBuilder(1024);
    const writer = new ByteWriter(512);
    const nowMs = this.options.clock.nowMs();
    for (const record of records) {
      encodeMetadataRecord(writer, record);
      builder.append(null, writer.take(), nowMs);
    }
    return this.appendBatch(builder.build({ codecs: this.options.codecs }));
  }

  async commit(): Promise<void> {
    await this.log.flush();
  }

  private appendLeaderChange(): void {
    const writer = new ByteWriter(64);
    LeaderChangeMessage.encode(writer, leaderChangeMessage(this.options.nodeId, [this.options.nodeId]), 0);
    const value = writer.take();
    this.appendBatch(buildControlBatch([{ type: 'leaderChange', value }], { codecs: this.options.codecs, timestampMs: this.options.clock.nowMs() }));
  }

  private appendBatch(batch: Uint8Array): Offset {
    const baseOffset = this.log.logEndOffset;
    stampBatch(batch, 0, baseOffset, this.epoch);
    this.log.append(batch, { origin: 'coordinator', leaderEpoch: this.epoch });
    return baseOffset;
  }
}

async function load(log: PartitionLog, options: MetadataLogOptions, replay: (record: MetadataRecord, offset: Offset) => void): Promise<void> {
  const { codecs, decompressedBytesMax } = options;
  let offset = log.logStartOffset;
  while (offset < log.logEndOffset) {
    const read = await log.read({ offset, maxBytes: LOAD_READ_BYTES, minOneBatch: true });
    invariant(read.nextOffset > offset, 'the metadata log is read to its end');
    for (const { position, header } of batchesOf(read.bytes)) {
      if (header.isControl) continue;
      const records = recordsOf(read.bytes, codecs, { position, decompressedBytesMax });
      while (records.next()) {
        const value = records.value();
        if (value !== null) replay(decode(value, records.offset), records.offset);
      }
    }
    offset = read.nextOffset;
    read.release();
  }
}

function decode(value: Uint8Array, offset: Offset): MetadataRecord {
  try {
    return decodeMetadataRecord(value);
  } catch (error) {
    throw new OperationalError('CORRUPT_METADATA', `record ${offset} of ${CLUSTER_METADATA} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}
