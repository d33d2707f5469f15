import { ByteReader, MalformedBytes, type ByteWriter } from '@millrace/foundation';
import { MetadataRecords } from './generated/apis.js';
import type { MessageCodec } from './message-codec.js';

const FRAME_VERSION = 1;

export type MetadataRecordType = keyof MetadataRecords;

/** A record of `__cluster_metadata` with its type: a union over all types, so that a switch on `type` narrows `record`. */
export type MetadataRecord = { [Type in MetadataRecordType]: { readonly type: Type; readonly version: number; readonly record: MetadataRecords[Type] } }[MetadataRecordType];

/** As MetadataRecord, for writing: what has a default may be left out; without a version the latest one is written. */
export type MetadataRecordInput = {
  [Type in MetadataRecordType]: { readonly type: Type; readonly version?: number; readonly record: Parameters<(typeof MetadataRecords)[Type]['encode']>[1] };
}[MetadataRecordType];

const TYPE_BY_KEY = new Map(Object.entries(MetadataRecords).map(([type, codec]) => [codec.key, type as MetadataRecordType]));

/** Kafka's framing: frame version, record type and version, each an unsigned varint; then the body. */
export function encodeMetadataRecord(writer: ByteWriter, input: MetadataRecordInput): void {
  const codec = MetadataRecords[input.type] as MessageCodec<unknown, unknown> & { readonly key: number };
  const version = input.version ?? codec.maxVersion;
  writer.uvarint(FRAME_VERSION);
  writer.uvarint(codec.key);
  writer.uvarint(version);
  codec.encode(writer, input.record, version);
}

/** Reads the value of a record of the metadata log. Throws MalformedBytes for another frame version, an unknown type or version, and bytes left over. */
export function decodeMetadataRecord(bytes: Uint8Array): MetadataRecord {
  const reader = new ByteReader(bytes);
  const frameVersion = reader.uvarint();
  if (frameVersion !== FRAME_VERSION) throw new MalformedBytes(`metadata record of frame version ${frameVersion}`);
  const key = reader.uvarint();
  const version = reader.uvarint();
  const type = TYPE_BY_KEY.get(key);
  if (type === undefined) throw new MalformedBytes(`metadata record of unknown type ${key}`);
  const codec = MetadataRecords[type];
  if (version < codec.minVersion || version > codec.maxVersion) throw new MalformedBytes(`${type} of unknown version ${version}`);
  const record = codec.decode(reader, version);
  if (reader.remaining > 0) throw new MalformedBytes(`${reader.remaining} bytes behind ${type}`);
  return { type, version, record } as MetadataRecord;
}
