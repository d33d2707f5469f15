import type { OffsetMap } from '@millrace/connect-api';
import { BSON } from 'mongodb';

/** Where a change stream goes on. */
export interface StoredPosition {
  /** Documents were being read when it was stored: they are read anew. */
  readonly isSnapshotRunning: boolean;
  /** The resume token as a BSON document; undefined: only a time is known. */
  readonly token: Buffer | undefined;
  /** Seconds and increment of the cluster time; -1 and -1: not known (a token of a quiet stream). */
  readonly seconds: number;
  readonly order: number;
}

/** The cluster time of an event, and the transaction it was part of. */
export interface EventTime {
  readonly seconds: number;
  readonly order: number;
  readonly lsid: string | undefined;
  readonly txnNumber: bigint | undefined;
}

/** Keys of an offset that are not about the stream: how far an incremental snapshot is. */
export type OffsetExtras = Readonly<Record<string, string>> | undefined;

/** The offset behind an event: Debezium's keys. */
export function eventOffset(time: EventTime, token: Buffer, extras: OffsetExtras): OffsetMap {
  const { seconds, order, lsid, txnNumber } = time;
  return { sec: seconds, ord: order, ...(lsid === undefined ? {} : { lsid }), ...(txnNumber === undefined ? {} : { txnNumber: Number(txnNumber) }), resume_token: token.toString('base64'), ...extras };
}

/** The offset of a position that no event is at. */
export function positionOffset(position: StoredPosition, extras?: OffsetExtras): OffsetMap {
  return {
    sec: position.seconds,
    ord: position.order,
    ...(position.isSnapshotRunning ? { initsync: true } : {}),
    ...(position.token ? { resume_token: position.token.toString('base64') } : {}),
    ...extras,
  };
}

/** A token alone, as a quiet stream has it. */
export function tokenPosition(token: Buffer): StoredPosition {
  return { isSnapshotRunning: false, token, seconds: -1, order: -1 };
}

/** Reads Connect's map: ours, or Debezium's. */
export function readStoredPosition(offset: OffsetMap | null): StoredPosition | undefined {
  if (!offset) return undefined;
  const text = offset.resume_token;
  const token = typeof text === 'string' && text !== '' ? readToken(text) : undefined;
  const seconds = numberOf(offset.sec) ?? -1;
  const isSnapshotRunning = offset.initsync === true || offset.initsync === 'true';
  if (!token && seconds <= 0 && !isSnapshotRunning) return undefined;
  return { isSnapshotRunning, token, seconds, order: numberOf(offset.ord) ?? -1 };
}

/** Base64 of a BSON document, or (old offsets) the token's `_data` itself. */
function readToken(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length >= 5 && bytes.readInt32LE(0) === bytes.length && bytes[bytes.length - 1] === 0) return bytes;
  return Buffer.from(BSON.serialize({ _data: text }));
}

function numberOf(value: OffsetMap[string] | undefined): number | undefined {
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
}

/** The cluster time in a token, as the server's tokens have it; undefined for another form. */
export function tokenSeconds(token: Buffer): { readonly seconds: number; readonly order: number } | undefined {
  const { _data } = BSON.deserialize(token) as { _data?: unknown };
  if (typeof _data !== 'string' || !/^82[0-9A-Fa-f]{16}/.test(_data)) return undefined;
  return { seconds: Number.parseInt(_data.slice(2, 10), 16), order: Number.parseInt(_data.slice(10, 18), 16) };
}
