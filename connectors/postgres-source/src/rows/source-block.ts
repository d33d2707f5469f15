import type { ValueWriter } from '@millrace/connect-api';
import { scratchBytes } from '../columns/encoders/encode.js';
import { encodeThousandfold, writeDigits } from '../columns/encoders/decimals.js';
import { SOURCE_SCHEMA } from '../tables/envelope-schemas.js';
import type { Lsn } from '../wire/lsn.js';
import type { TransactionFacts } from './position.js';

export const SNAPSHOT_MARKERS = {
  none: Buffer.from('false'),
  inside: Buffer.from('true'),
  first: Buffer.from('first'),
  firstInTable: Buffer.from('first_in_data_collection'),
  lastInTable: Buffer.from('last_in_data_collection'),
  last: Buffer.from('last'),
} as const;

const QUOTE = 0x22;
const NULL_WORD = Buffer.from('null');

/** The `source` block of records: what is the same in all of them, and how the rest is written. */
export class SourceBlock {
  private readonly version: Buffer;
  private readonly connector = Buffer.from('postgresql');
  private readonly name: Buffer;
  private readonly database: Buffer;

  constructor(options: { readonly version: string; readonly name: string; readonly database: string }) {
    this.version = Buffer.from(options.version);
    this.name = Buffer.from(options.name);
    this.database = Buffer.from(options.database);
  }

  write(writer: ValueWriter, event: { readonly transaction: TransactionFacts; readonly lsn: Lsn; readonly marker: Buffer; readonly schema: Buffer; readonly table: Buffer }): void {
    if (!writer.beginStruct(SOURCE_SCHEMA)) return;
    const { transaction, lsn, marker } = event;
    const micros = transaction.commitMicros;
    utf8(writer, this.version);
    utf8(writer, this.connector);
    utf8(writer, this.name);
    writer.integer(Math.floor(micros / 1000));
    utf8(writer, marker);
    utf8(writer, this.database);
    writeSequence(writer, transaction.previousCommitLsn, lsn);
    writer.integer(micros);
    writeNanos(writer, micros);
    utf8(writer, event.schema);
    utf8(writer, event.table);
    if (transaction.xid === undefined) writer.null();
    else writer.integer(transaction.xid);
    writer.integer(lsn);
    writer.null();
    if (transaction.origin === undefined) writer.null();
    else utf8(writer, transaction.origin);
    if (transaction.originLsn === undefined) writer.null();
    else writer.integer(transaction.originLsn);
    writer.endStruct();
  }
}

export function utf8(writer: ValueWriter, bytes: Buffer): void {
  writer.utf8(bytes, 0, bytes.length);
}

/** Nanoseconds of microseconds: beyond what a JavaScript number holds. */
export function writeNanos(writer: ValueWriter, micros: number): void {
  encodeThousandfold(writer, micros);
}

/** `["<end of the last commit>","<position>"]`, as text. */
function writeSequence(writer: ValueWriter, commitLsn: Lsn | undefined, lsn: Lsn): void {
  const bytes = scratchBytes(64);
  let at = 0;
  bytes[at++] = 0x5b;
  if (commitLsn === undefined) {
    NULL_WORD.copy(bytes, at);
    at += 4;
  } else at = writeQuoted(bytes, at, commitLsn);
  bytes[at++] = 0x2c;
  at = writeQuoted(bytes, at, lsn);
  bytes[at++] = 0x5d;
  writer.utf8(bytes, 0, at);
}

function writeQuoted(bytes: Buffer, at: number, lsn: Lsn): number {
  bytes[at] = QUOTE;
  const end = writeDigits(bytes, at + 1, lsn);
  bytes[end] = QUOTE;
  return end + 1;
}
