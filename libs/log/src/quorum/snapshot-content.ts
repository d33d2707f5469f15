import { ByteWriter, errorMessage, OperationalError, type Codecs, type LeaderEpoch, type TimestampMs } from '@millrace/foundation';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '@millrace/protocol';
import type { Voter } from '@millrace/raft';
import { batchesOf, isBatchCrcValid, RecordBatchBuilder, recordsOf, stampBatch } from '@millrace/records';
import { readWholeFile, type FileSystem } from '@millrace/storage';
import { controlRecordsOf, snapshotFooterBatch, snapshotHeaderBatch } from './control-batches.js';

/** A batch of a snapshot is closed when it has become so large. */
const BATCH_BYTES = 256 * 1024;

/** What the records of a snapshot say of the quorum; undefined where it says nothing (kraft.version 0). */
export interface SnapshotQuorum {
  readonly kRaftVersion: number;
  readonly voters: readonly Voter[];
}

export interface SnapshotContent extends SnapshotQuorum {
  readonly records: readonly MetadataRecord[];
}

/** The whole of a snapshot in Kafka's `.checkpoint` format: a control batch with the header (and the quorum), batches of records, a control batch with the footer; offsets from 0 on. */
export function* snapshotBatches(content: SnapshotContent, { codecs, leaderEpoch, lastContainedLogTimestamp }: { readonly codecs: Codecs; readonly leaderEpoch: LeaderEpoch; readonly lastContainedLogTimestamp: TimestampMs }): Generator<Uint8Array> {
  let nextOffset = 0;
  const stamped = (batch: Uint8Array, count: number): Uint8Array => {
    stampBatch(batch, 0, nextOffset, leaderEpoch);
    nextOffset += count;
    return batch;
  };
  const place = { codecs, timestampMs: lastContainedLogTimestamp, baseOffset: 0, leaderEpoch };
  yield stamped(snapshotHeaderBatch(content, lastContainedLogTimestamp, place), content.kRaftVersion > 0 ? 3 : 1);
  for (const { batch, count } of dataBatches(content.records, codecs, lastContainedLogTimestamp)) yield stamped(batch, count);
  yield stamped(snapshotFooterBatch(place), 1);
}

/** Undefined when there is no such file. Throws `CORRUPT_METADATA`. */
export function readSnapshot(path: string, { fileSystem, codecs, decompressedBytesMax }: { readonly fileSystem: FileSystem; readonly codecs: Codecs; readonly decompressedBytesMax: number }): SnapshotContent | undefined {
  const bytes = readWholeFile(fileSystem, path);
  if (bytes === undefined) return undefined;
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
