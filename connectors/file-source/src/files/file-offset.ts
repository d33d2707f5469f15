import type { OffsetMap } from '@millrace/connect-api';
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';

/** How much of what stands before a position goes into its check. */
export const ANCHOR_BYTES = 64;

/** What an offset says of a file besides the position, so that it is only used for the file that it was made of. */
export interface FileMarks {
  readonly inode: string;
  /** 0: not known. */
  readonly birthMs: number;
  readonly fingerprint: string;
  readonly fingerprintBytes: number;
}

/** A stored offset, read back. Kafka's own file source stores the position alone. */
export interface StoredOffset {
  readonly position: number;
  readonly line: number | null;
  readonly inode: string | null;
  readonly birthMs: number;
  readonly fingerprint: string | null;
  readonly fingerprintBytes: number;
  readonly anchor: number | null;
  readonly anchorBytes: number;
  /** The last record had no line break: one that follows is its. */
  readonly isOpenEnded: boolean;
}

export function fingerprintOf(head: Buffer): string {
  return createHash('sha256').update(head).digest('hex').slice(0, 32);
}

/** The bytes that end at `end` are those that were read up to the position. */
export function offsetOf(marks: FileMarks, position: number, line: number | null, seen: Buffer, end: number, isOpenEnded: boolean): OffsetMap {
  const start = Math.max(0, end - ANCHOR_BYTES);
  return {
    position,
    ...(line === null ? {} : { line }),
    inode: marks.inode,
    ...(marks.birthMs === 0 ? {} : { born: marks.birthMs }),
    fingerprint: marks.fingerprint,
    'fingerprint.bytes': marks.fingerprintBytes,
    anchor: zlib.crc32(seen.subarray(start, end)),
    'anchor.bytes': end - start,
    ...(isOpenEnded ? { open: true } : {}),
  };
}

/** Null: no offset, or none of ours. */
export function storedOffset(offset: OffsetMap | null): StoredOffset | null {
  const position = numberOf(offset?.position);
  if (offset === null || position === null || position < 0) return null;
  return {
    position,
    line: numberOf(offset.line),
    inode: typeof offset.inode === 'string' ? offset.inode : null,
    birthMs: numberOf(offset.born) ?? 0,
    fingerprint: typeof offset.fingerprint === 'string' ? offset.fingerprint : null,
    fingerprintBytes: numberOf(offset['fingerprint.bytes']) ?? 0,
    anchor: numberOf(offset.anchor),
    anchorBytes: numberOf(offset['anchor.bytes']) ?? 0,
    isOpenEnded: offset.open === true,
  };
}

/** The head is that of the file in the offset, as far as the offset knows it. */
export function hasHeadOf(head: Buffer, offset: StoredOffset): boolean {
  return offset.fingerprint !== null && head.length >= offset.fingerprintBytes && fingerprintOf(head.subarray(0, offset.fingerprintBytes)) === offset.fingerprint;
}

export function isAnchorOf(bytes: Buffer, offset: StoredOffset): boolean {
  return offset.anchor === null || (bytes.length === offset.anchorBytes && zlib.crc32(bytes) === offset.anchor);
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : null;
}
