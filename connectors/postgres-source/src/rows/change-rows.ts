import { LazyStruct, type Schema, type ValueWriter } from '@millrace/connect-api';
import { TRANSACTION_BLOCK } from '../tables/envelope-schemas.js';
import type { TablePlan } from '../tables/table-plan.js';
import type { Lsn } from '../wire/lsn.js';
import type { MessageForm } from './message-form.js';
import type { MicrosText } from './digit-text.js';
import type { TransactionFacts } from './position.js';
import { locateCopyLine, locateTuple, newSpans, type RowSpans } from './row-spans.js';
import { SNAPSHOT_MARKERS, utf8, type SourceBlock } from './source-block.js';

/** A row in the bytes in which it came: a pgoutput tuple at `at`, or the line of COPY text from `at` to `end` when `end` is not zero. */
export interface RowBytes {
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
}

/** Counts within a transaction, when they are asked for. */
export interface TransactionOrder {
  readonly totalOrder: number;
  readonly collectionOrder: number;
}

export const Operation = { create: Buffer.from('c'), update: Buffer.from('u'), delete: Buffer.from('d'), read: Buffer.from('r'), truncate: Buffer.from('t'), message: Buffer.from('m') } as const;

const newColumns = newSpans();
const oldColumns = newSpans();

function locate(row: RowBytes, spans: RowSpans): void {
  if (row.end === 0) locateTuple(row.bytes, row.at, spans);
  else locateCopyLine(row.bytes, row.at, row.end, spans);
}

/** The key of a row. */
export class RowKey extends LazyStruct {
  constructor(
    private readonly plan: TablePlan,
    readonly schema: Schema,
    private readonly row: RowBytes,
  ) {
    super();
  }

  visit(writer: ValueWriter): void {
    locate(this.row, newColumns);
    this.plan.writeKey(writer, this.row.bytes, newColumns);
  }
}

/** What an envelope is made of. */
export interface ChangeFacts {
  readonly source: SourceBlock;
  readonly plan: TablePlan;
  readonly transaction: TransactionFacts;
  readonly lsn: Lsn;
  readonly operation: Buffer;
  readonly before: RowBytes | undefined;
  readonly after: RowBytes | undefined;
  /** The old row: where it has large values that were not sent with the new one, they are those. */
  readonly unchanged: RowBytes | undefined;
  readonly marker: Buffer;
  /** The connector's clock when the change was decoded. */
  readonly clock: MicrosText;
  readonly order: TransactionOrder | undefined;
}

/** Debezium's envelope around a row, or around none. */
export class ChangeEnvelope extends LazyStruct {
  constructor(private readonly facts: ChangeFacts) {
    super();
  }

  get schema(): Schema {
    return this.facts.plan.envelope;
  }

  visit(writer: ValueWriter): void {
    const { facts } = this;
    const { plan, before, after, unchanged, clock } = facts;
    if (!writer.beginStruct(plan.envelope)) return;
    if (before) {
      locate(before, oldColumns);
      plan.writeRow(writer, before.bytes, oldColumns, undefined);
    } else writer.null();
    if (after) {
      locate(after, newColumns);
      if (unchanged && unchanged !== before) locate(unchanged, oldColumns);
      plan.writeRow(writer, after.bytes, newColumns, unchanged && { bytes: unchanged.bytes, spans: oldColumns });
    } else writer.null();
    facts.source.write(writer, { transaction: facts.transaction, lsn: facts.lsn, marker: facts.marker, schema: plan.schemaBytes, table: plan.tableBytes });
    writeTransaction(writer, facts.transaction, facts.lsn, facts.order);
    utf8(writer, facts.operation);
    writer.integerText(clock.bytes, 0, clock.millisEnd);
    writer.integerText(clock.bytes, 0, clock.microsEnd);
    writer.integerText(clock.bytes, 0, clock.nanosEnd);
    writer.endStruct();
  }
}

const NO_NAME = Buffer.alloc(0);

/** The value of a logical message. */
export class MessageEnvelope extends LazyStruct {
  constructor(private readonly facts: { readonly form: MessageForm; readonly source: SourceBlock; readonly transaction: TransactionFacts; readonly lsn: Lsn; readonly clock: MicrosText; readonly order: TransactionOrder | undefined; readonly prefix: string; readonly content: Buffer }) {
    super();
  }

  get schema(): Schema {
    return this.facts.form.schema;
  }

  visit(writer: ValueWriter): void {
    const { form, source, transaction, lsn, clock, order, prefix, content } = this.facts;
    if (!writer.beginStruct(form.schema)) return;
    utf8(writer, Operation.message);
    writer.integerText(clock.bytes, 0, clock.millisEnd);
    source.write(writer, { transaction, lsn, marker: SNAPSHOT_MARKERS.none, schema: NO_NAME, table: NO_NAME });
    writeTransaction(writer, transaction, lsn, order);
    if (writer.beginStruct(form.block)) {
      writer.string(prefix);
      form.writeContent(writer, content);
      writer.endStruct();
    }
    writer.endStruct();
  }
}

function writeTransaction(writer: ValueWriter, transaction: TransactionFacts, lsn: Lsn, order: TransactionOrder | undefined): void {
  if (!order) return writer.null();
  if (!writer.beginStruct(TRANSACTION_BLOCK)) return;
  writer.string(`${transaction.xid ?? 'null'}:${lsn}`);
  writer.integer(order.totalOrder);
  writer.integer(order.collectionOrder);
  writer.endStruct();
}
