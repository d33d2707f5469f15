import { readUint64, type Lsn } from './lsn.js';

/** Types of the messages of pgoutput, protocol version 1. */
export const Change = {
  begin: 0x42,
  commit: 0x43,
  origin: 0x4f,
  relation: 0x52,
  type: 0x59,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
  message: 0x4d,
} as const;

/** The markers before a tuple: the new row, the old key columns, the whole old row. */
export const Tuple = { new: 0x4e, key: 0x4b, old: 0x4f } as const;

const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;

export interface Begin {
  /** Where the commit record starts. */
  readonly finalLsn: Lsn;
  /** Since 1970. */
  readonly commitMicros: number;
  readonly xid: number;
}

export function readBegin(bytes: Buffer, at: number): Begin {
  return { finalLsn: readUint64(bytes, at + 1), commitMicros: readMicros(bytes, at + 9), xid: bytes.readUInt32BE(at + 17) };
}

export interface Origin {
  readonly commitLsn: Lsn;
  readonly name: string;
}

export function readOrigin(bytes: Buffer, at: number): Origin {
  return { commitLsn: readUint64(bytes, at + 1), name: readName(bytes, at + 9).text };
}

export interface RelationColumn {
  readonly name: string;
  readonly isIdentity: boolean;
  readonly typeOid: number;
  readonly typeModifier: number;
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** d default, n nothing, f full, i index. */
  readonly identity: string;
  readonly columns: readonly RelationColumn[];
}

export function readRelation(bytes: Buffer, at: number): Relation {
  const schema = readName(bytes, at + 5);
  const table = readName(bytes, schema.next);
  const columns: RelationColumn[] = [];
  const count = bytes.readUInt16BE(table.next + 1);
  let next = table.next + 3;
  for (let i = 0; i < count; i++) {
    const name = readName(bytes, next + 1);
    columns.push({ name: name.text, isIdentity: (bytes[next]! & 1) === 1, typeOid: bytes.readUInt32BE(name.next), typeModifier: bytes.readInt32BE(name.next + 4) });
    next = name.next + 8;
  }
  // The namespace is empty for pg_catalog.
  return { oid: bytes.readUInt32BE(at + 1), schema: schema.text || 'pg_catalog', table: table.text, identity: String.fromCharCode(bytes[table.next]!), columns };
}

export function readTruncatedOids(bytes: Buffer, at: number): number[] {
  const count = bytes.readUInt32BE(at + 1);
  return Array.from({ length: count }, (_, i) => bytes.readUInt32BE(at + 6 + i * 4));
}

export interface LogicalMessage {
  readonly isTransactional: boolean;
  readonly lsn: Lsn;
  readonly prefix: string;
  readonly content: Buffer;
}

export function readLogicalMessage(bytes: Buffer, at: number): LogicalMessage {
  const prefix = readName(bytes, at + 10);
  const length = bytes.readUInt32BE(prefix.next);
  return { isTransactional: bytes[at + 1] === 1, lsn: readUint64(bytes, at + 2), prefix: prefix.text, content: bytes.subarray(prefix.next + 4, prefix.next + 4 + length) };
}

/** Where a tuple ends. */
export function skipTuple(bytes: Buffer, at: number): number {
  const count = bytes.readUInt16BE(at);
  let next = at + 2;
  for (let i = 0; i < count; i++) {
    const kind = bytes[next++];
    if (kind === 0x74 || kind === 0x62) next += 4 + bytes.readUInt32BE(next);
  }
  return next;
}

function readMicros(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4) + POSTGRES_EPOCH_MICROS;
}

function readName(bytes: Buffer, at: number): { text: string; next: number } {
  const end = bytes.indexOf(0, at);
  return { text: bytes.toString('utf8', at, end), next: end + 1 };
}
