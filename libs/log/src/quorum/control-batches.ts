import { ByteReader, ByteWriter, type Codecs, type LeaderEpoch, type Offset, type TimestampMs } from '@millrace/foundation';
import { KRaftVersionRecord, LeaderChangeMessage, SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord } from '@millrace/protocol';
import type { ControlRecord, FetchedBatch, Voter } from '@millrace/raft';
import { batchesOf, buildControlBatch, controlRecordType, isBatchCrcValid, recordsOf, type ControlRecordType } from '@millrace/records';

interface EncodedControlRecord {
  readonly type: ControlRecordType;
  readonly value: Uint8Array;
}

export interface ControlBatchPlace {
  readonly codecs: Codecs;
  readonly timestampMs: TimestampMs;
  readonly baseOffset: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

/** One control batch of the quorum's own records. */
export function controlBatch(records: readonly ControlRecord[], place: ControlBatchPlace): Uint8Array {
  return buildControlBatch(records.map(encode), place);
}

/** The first batch of a snapshot: its header, and the quorum as it was, where the quorum's version has that in the log (KIP-853). */
export function snapshotHeaderBatch(control: { readonly kRaftVersion: number; readonly voters: readonly Voter[] }, lastContainedLogTimestamp: TimestampMs, place: ControlBatchPlace): Uint8Array {
  const header = encoded('snapshotHeader', (writer) => SnapshotHeaderRecord.encode(writer, { version: 0, lastContainedLogTimestamp }, 0));
  const quorum: ControlRecord[] = [];
  if (control.kRaftVersion > 0) quorum.push({ type: 'kRaftVersion', version: 0, kRaftVersion: control.kRaftVersion }, { type: 'voters', version: 0, voters: control.voters });
  return buildControlBatch([header, ...quorum.map(encode)], place);
}

export function snapshotFooterBatch(place: ControlBatchPlace): Uint8Array {
  return buildControlBatch([encoded('snapshotFooter', (writer) => SnapshotFooterRecord.encode(writer, { version: 0 }, 0))], place);
}

/** Splits what a Fetch brought: batches whole, of the records those of the quorum. Ends before a batch that is damaged or not whole: it is fetched again. */
export function fetchedBatches(bytes: Uint8Array, limits: { readonly codecs: Codecs; readonly decompressedBytesMax: number }): FetchedBatch[] {
  const batches: FetchedBatch[] = [];
  for (const { position, header } of batchesOf(bytes)) {
    if (position + header.sizeBytes > bytes.length || !isBatchCrcValid(bytes, position, limits.codecs.crc32c)) break;
    batches.push({
      baseOffset: header.baseOffset,
      lastOffset: header.lastOffset,
      leaderEpoch: header.leaderEpoch,
      bytes: bytes.subarray(position, position + header.sizeBytes),
      control: header.isControl ? controlRecordsOf(bytes, position, limits) : [],
    });
  }
  return batches;
}

/** The kRaftVersion and voters records of the control batch at `position`. */
export function controlRecordsOf(bytes: Uint8Array, position: number, { codecs, decompressedBytesMax }: { readonly codecs: Codecs; readonly decompressedBytesMax: number }): { readonly offset: Offset; readonly record: ControlRecord }[] {
  const found: { offset: Offset; record: ControlRecord }[] = [];
  const records = recordsOf(bytes, codecs, { position, decompressedBytesMax });
  while (records.next()) {
    const key = records.key();
    const value = records.value();
    if (key === null || value === null) continue;
    const record = decode(controlRecordType(key), new ByteReader(value));
    if (record !== undefined) found.push({ offset: records.offset, record });
  }
  return found;
}

function encoded(type: ControlRecordType, write: (writer: ByteWriter) => void): EncodedControlRecord {
  const writer = new ByteWriter(256);
  write(writer);
  return { type, value: writer.take() };
}

function encode(record: ControlRecord): EncodedControlRecord {
  switch (record.type) {
    case 'leaderChange': {
      const { version, leaderId, voters, grantingVoters } = record;
      const written = (it: (typeof voters)[number]) => ({ voterId: it.voterId, voterDirectoryId: it.voterDirectoryId });
      return encoded('leaderChange', (writer) => LeaderChangeMessage.encode(writer, { version, leaderId, voters: voters.map(written), grantingVoters: grantingVoters.map(written) }, version));
    }
    case 'kRaftVersion':
      return encoded('kraftVersion', (writer) => KRaftVersionRecord.encode(writer, { version: 0, kRaftVersion: record.kRaftVersion }, 0));
    case 'voters':
      return encoded('kraftVoters', (writer) =>
        VotersRecord.encode(
          writer,
          {
            version: 0,
            voters: record.voters.map((it) => ({
              voterId: it.voterId,
              voterDirectoryId: it.voterDirectoryId,
              endpoints: it.endpoints.map(({ name, host, port }) => ({ name, host, port })),
              kRaftVersionFeature: { ...it.kRaftVersionFeature },
            })),
          },
          0,
        ),
      );
  }
}

function decode(type: ControlRecordType | undefined, reader: ByteReader): ControlRecord | undefined {
  if (type === 'kraftVersion') return { type: 'kRaftVersion', version: 0, kRaftVersion: KRaftVersionRecord.decode(reader, 0).kRaftVersion };
  if (type === 'kraftVoters') return { type: 'voters', version: 0, voters: VotersRecord.decode(reader, 0).voters };
  return undefined;
}
