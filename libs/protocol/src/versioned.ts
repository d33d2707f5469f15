import { ByteReader, ByteWriter, MalformedBytes } from '@millrace/foundation';
import type { MessageCodec } from './message-codec.js';

/** Bytes of a message behind its version as int16: values of the group and transaction logs, and what consumers pass through the coordinator. */
export function encodeVersioned<T, Input>(codec: MessageCodec<T, Input>, message: Input, version: number): Uint8Array {
  const writer = new ByteWriter();
  writer.int16(version);
  codec.encode(writer, message, version);
  return writer.take();
}

/**
 * The counterpart of encodeVersioned. Throws MalformedBytes for a version outside the codec's range, unless `newer` is `'as-latest'`:
 * then a newer version is read as the latest known one and bytes behind it are ignored, as consumers do with each other's subscriptions.
 */
export function decodeVersioned<T, Input>(codec: MessageCodec<T, Input>, bytes: Uint8Array, newer: 'refuse' | 'as-latest' = 'refuse'): { version: number; message: T } {
  const reader = new ByteReader(bytes);
  const version = reader.int16();
  if (version < codec.minVersion || (version > codec.maxVersion && newer === 'refuse')) throw new MalformedBytes(`${codec.name} of unknown version ${version}`);
  return { version, message: codec.decode(reader, Math.min(version, codec.maxVersion)) };
}

/** A key of the group or transaction log: the number of its kind as int16, then its fields. */
export function encodeLogKey<T, Input>(codec: MessageCodec<T, Input> & { readonly key: number }, message: Input): Uint8Array {
  const writer = new ByteWriter();
  writer.int16(codec.key);
  codec.encode(writer, message, codec.minVersion);
  return writer.take();
}

/** The kind of a log key: compare it with `OffsetCommitKey.key`, `GroupMetadataKey.key` and so on. Offset keys may also be of kind 0. */
export function logKeyKind(bytes: Uint8Array): number {
  return new ByteReader(bytes).int16();
}

/** The counterpart of encodeLogKey. Throws MalformedBytes when the key is of another kind. */
export function decodeLogKey<T, Input>(codec: MessageCodec<T, Input> & { readonly key: number }, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes);
  const kind = reader.int16();
  const isOldOffsetKey = kind === 0 && codec.name === 'OffsetCommitKey';
  if (kind !== codec.key && !isOldOffsetKey) throw new MalformedBytes(`key of kind ${kind}, not ${codec.name}`);
  return codec.decode(reader, codec.minVersion);
}
