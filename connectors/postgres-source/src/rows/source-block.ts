import type { ValueWriter } from '@millrace/connect-api';
import { scratchBytes } from '../columns/encoders/encode.js';
import { SOURCE_SCHEMA } from '../tables/envelope-schemas.js';
import type { Lsn } from '../wire/lsn.js';
import { MicrosText, writeDigits } from './digit-text.js';
import type { TransactionFacts, TransactionText } from './position.js';

export const SNAPSHOT_MARKERS = {
  none: Buffer.from('false'),
  inside: Buffer.from('true'),
  first: Buffer.from('first'),
  firstInTable: Buffer.from('first_in_data_collection'),
  lastInTable: Buffer.from('last_in_data_collection'),
  last: Buffer.from('last'),
  incremental: Buffer.from('incremental'),
} as const;

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
    const text = (transaction.text ??= textOf(transaction));
    const { commit } = text;
    utf8(writer, this.version);
    utf8(writer, this.connector);
    utf8(writer, this.name);
    writer.integerText(commit.bytes, 0, commit.millisEnd);
    utf8(writer, marker);
    utf8(writer, this.database);
    writeSequence(writer, text, lsn);
    writer.integerText(commit.bytes, 0, commit.microsEnd);
    writer.integerText(commit.bytes, 0, commit.nanosEnd);
    utf8(writer, event.schema);
    utf8(writer, event.table);
    // Rows of an incremental snapshot are of no transaction.
    const isLogged = marker !== SNAPSHOT_MARKERS.incremental;
    if (transaction.xid === undefined || !isLogged) writer.null();
    else writer.integer(transaction.xid);
    if (isLogged) writer.integer(lsn);
    else writer.null();
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

/** `["<end of the last commit>","<position>"]`, as text. */
function writeSequence(writer: ValueWriter, text: TransactionText, lsn: Lsn): void {
  const { sequence, sequenceEnd } = text;
  const bytes = scratchBytes(64);
  for (let i = 0; i < sequenceEnd; i++) bytes[i] = sequence[i]!;
  const at = writeDigits(bytes, sequenceEnd, lsn);
  bytes[at] = 0x22;
  bytes[at + 1] = 0x5d;
  writer.utf8(bytes, 0, at + 2);
}

const NULL_SEQUENCE = Buffer.from('[null,"');

function textOf(transaction: TransactionFacts): TransactionText {
  const commit = new MicrosText(transaction.commitMicros);
  const { previousCommitLsn } = transaction;
  if (previousCommitLsn === undefined) return { commit, sequence: NULL_SEQUENCE, sequenceEnd: NULL_SEQUENCE.length };
  const sequence = Buffer.allocUnsafe(32);
  sequence[0] = 0x5b;
  sequence[1] = 0x22;
  const end = writeDigits(sequence, 2, previousCommitLsn);
  sequence[end] = 0x22;
  sequence[end + 1] = 0x2c;
  sequence[end + 2] = 0x22;
  return { commit, sequence, sequenceEnd: end + 3 };
}
