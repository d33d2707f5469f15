import type { ValueWriter } from '@millrace/connect-api';
import { SOURCE_SCHEMA } from './schemas.js';

/** What differs between the source blocks of records. */
export interface SourceFacts {
  /** Milliseconds since 1970 of the change at the source. */
  readonly timeMs: number;
  readonly snapshot: string;
  readonly database: string;
  readonly collection: string;
  /** The increment within the second; -1 when not known. */
  readonly order: number;
  readonly lsid: string | undefined;
  readonly txnNumber: bigint | undefined;
  readonly wallTimeMs: number | undefined;
}

const digits = Buffer.alloc(32);

/** The `source` block of records. */
export class SourceBlock {
  constructor(
    private readonly version: string,
    private readonly name: string,
  ) {}

  write(writer: ValueWriter, facts: SourceFacts): void {
    if (!writer.beginStruct(SOURCE_SCHEMA)) return;
    const end = digits.write(`${facts.timeMs}000000`, 'latin1');
    writer.string(this.version);
    writer.string('mongodb');
    writer.string(this.name);
    writer.integerText(digits, 0, end - 6);
    writer.string(facts.snapshot);
    writer.string(facts.database);
    writer.null();
    writer.integerText(digits, 0, end - 3);
    writer.integerText(digits, 0, end);
    writer.string(facts.collection);
    writer.integer(facts.order);
    if (facts.lsid === undefined) writer.null();
    else writer.string(facts.lsid);
    if (facts.txnNumber === undefined) writer.null();
    else writer.long(facts.txnNumber);
    if (facts.wallTimeMs === undefined) writer.null();
    else writer.integer(facts.wallTimeMs);
    writer.endStruct();
  }
}
