import { Struct, type Headers, type OffsetMap, type Schema, type SourceRecord, type Value } from '@millrace/connect-api';
import type { ChunkWindow } from '../snapshot/incremental/chunk-window.js';
import { IncrementalState } from '../snapshot/incremental/incremental-state.js';
import type { SourceSettings } from '../config/source-settings.js';
import { nowMicros } from '../rows/clock.js';
import { MicrosText } from '../rows/digit-text.js';
import { ChangeRecord } from '../rows/change-record.js';
import { ChangeEnvelope, MessageEnvelope, Operation, RowKey, type RowBytes, type TransactionOrder } from '../rows/change-rows.js';
import type { MessageType, StoredPosition, TransactionFacts } from '../rows/position.js';
import { locateTuple, newSpans } from '../rows/row-spans.js';
import { SNAPSHOT_MARKERS, type SourceBlock } from '../rows/source-block.js';
import type { BinaryMode } from '../columns/encoders/binary.js';
import { MessageForm } from '../rows/message-form.js';
import { MESSAGE_KEY } from '../tables/envelope-schemas.js';
import type { TablePlan } from '../tables/table-plan.js';
import type { Lsn } from '../wire/lsn.js';
import { Change, readBegin, readLogicalMessage, readOrigin, readTruncatedOids, skipTuple, Tuple } from '../wire/pgoutput.js';
import { hasUnknownLabel, isSameKey, isSameRow } from './row-comparison.js';
import { ResumeFilter } from './resume-filter.js';
import type { TransactionLedger } from './transaction-ledger.js';

export interface ChangeDecoderOptions {
  readonly settings: SourceSettings;
  readonly source: SourceBlock;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  readonly stored: StoredPosition | undefined;
  readonly ledger: TransactionLedger | undefined;
  /** `schema.table` whose rows are signals. */
  readonly signalTable?: string | undefined;
}

/** A row of the signal table: its columns in their order, and whether it came or went. */
export interface SignalRow {
  readonly isDeleted: boolean;
  readonly columns: readonly (string | null)[];
}

/** Under which the transaction topic counts logical messages. */
const MESSAGE_COLLECTION = 'message';

const oldSpans = newSpans();
const newRowSpans = newSpans();

/** Turns the messages of a pgoutput stream into records. One per connection: the server describes its tables anew to each. */
export class ChangeDecoder {
  /** By the oid of the relation; null: known, and not captured. */
  private readonly plans = new Map<number, TablePlan | null>();
  private readonly uncheckedRelations = new Set<number>();
  private readonly resume: ResumeFilter;
  private readonly messageForm: MessageForm;
  private transaction: TransactionFacts | undefined;
  /** The end of the last commit that was read. */
  commitLsn: Lsn | undefined;
  private lastXid: number | undefined;
  lastCommitMicros: number;
  private eventLsn: Lsn = -1;
  private eventsAtLsn = 0;
  private clock = new MicrosText(0);

  /** Rows of the signal table that wait to be acted upon; to be emptied after each message. */
  readonly signals: SignalRow[] = [];
  /** How far an incremental snapshot has come: it is part of offsets. */
  snapshot = IncrementalState.IDLE;
  /** Rows of a snapshot that wait; changes to them are told to it. */
  window: ChunkWindow | undefined;
  private signalOid = 0;

  constructor(private readonly options: ChangeDecoderOptions) {
    this.resume = new ResumeFilter(options.stored);
    this.messageForm = new MessageForm(options.settings.values['binary.handling.mode'].toLowerCase() as BinaryMode);
    this.commitLsn = options.stored?.commitLsn;
    this.lastXid = options.stored?.xid;
    this.lastCommitMicros = options.stored?.commitMicros || nowMicros();
  }

  get isInTransaction(): boolean {
    return this.transaction !== undefined;
  }

  /** Whether all that committed before that position has been read. */
  hasPassed(lsn: Lsn, serverLsn: Lsn): boolean {
    return this.transaction ? this.transaction.finalLsn >= lsn : Math.max(this.commitLsn ?? 0, serverLsn) >= lsn;
  }

  /** The change that was read last. */
  place(): { readonly transaction: TransactionFacts; readonly lsn: Lsn } {
    const { transaction, commitLsn = 0 } = this;
    if (transaction) return { transaction, lsn: this.eventLsn < 0 ? commitLsn : this.eventLsn };
    return { transaction: { xid: this.lastXid, commitMicros: this.lastCommitMicros, finalLsn: commitLsn, previousCommitLsn: this.commitLsn, origin: undefined, originLsn: undefined }, lsn: commitLsn };
  }

  get committedXid(): number | undefined {
    return this.lastXid;
  }

  /** Where to go on after a lost connection: behind the last change that was made into a record. */
  position(): StoredPosition | undefined {
    const { transaction } = this;
    if (!transaction) {
      if (this.commitLsn === undefined) return this.options.stored;
      return { snapshot: 'none', lsn: this.commitLsn, commitLsn: this.commitLsn, xid: this.lastXid, messageType: 'COMMIT', eventsAtLsn: 0, commitMicros: this.lastCommitMicros };
    }
    const { stored } = this.options;
    const isBehindStored = this.resume.isReplaying && stored !== undefined && (this.eventLsn < stored.lsn || (this.eventLsn === stored.lsn && this.eventsAtLsn <= stored.eventsAtLsn));
    if (isBehindStored) return stored;
    const commitLsn = transaction.previousCommitLsn ?? stored?.commitLsn ?? stored?.lsn;
    const { xid, commitMicros } = transaction;
    // Its first change may lie before the last commit: nothing of it may be left out then.
    if (this.eventLsn < 0) return commitLsn === undefined ? stored : { snapshot: 'none', lsn: commitLsn, commitLsn, xid, messageType: 'COMMIT', eventsAtLsn: 0, commitMicros };
    return { snapshot: 'none', lsn: this.eventLsn, commitLsn, xid, messageType: 'INSERT', eventsAtLsn: this.eventsAtLsn, commitMicros };
  }

  setPlan(oid: number, plan: TablePlan | null): void {
    this.plans.set(oid, plan);
    if (plan !== null && plan.collection === this.options.signalTable) this.signalOid = oid;
  }

  /** Enum labels of this relation are not checked any more. */
  acceptLabels(oid: number): void {
    this.uncheckedRelations.add(oid);
  }

  /** Records that are made from now on carry this time. */
  tick(): void {
    this.clock = new MicrosText(nowMicros());
  }

  /**
   * Decodes one message other than a relation's description. Returns the oid of a relation whose types must be read again before the
   * same message can be decoded (an enum has a new label), or 0.
   */
  decode(bytes: Buffer, at: number, lsn: Lsn, out: SourceRecord[]): number {
    switch (bytes[at]) {
      case Change.begin:
        this.begin(bytes, at, lsn, out);
        return 0;
      case Change.commit:
        this.commit(lsn, out);
        return 0;
      case Change.insert:
      case Change.update:
      case Change.delete:
        return this.rowChange(bytes, at, lsn, out);
      case Change.truncate:
        this.truncate(bytes, at, lsn, out);
        return 0;
      case Change.message:
        this.message(bytes, at, lsn, out);
        return 0;
      case Change.origin:
        if (this.transaction) {
          const origin = readOrigin(bytes, at);
          this.transaction.origin = Buffer.from(origin.name);
          this.transaction.originLsn = origin.commitLsn;
        }
        return 0;
      default:
        return 0;
    }
  }

  private begin(bytes: Buffer, at: number, lsn: Lsn, out: SourceRecord[]): void {
    const { xid, commitMicros, finalLsn } = readBegin(bytes, at);
    this.transaction = { xid, commitMicros, finalLsn, previousCommitLsn: this.commitLsn, origin: undefined, originLsn: undefined };
    this.eventLsn = -1;
    this.eventsAtLsn = 0;
    this.resume.begin(xid, finalLsn);
    this.options.ledger?.begin(this.transaction, lsn, this.resume.isReplaying ? undefined : out);
  }

  private commit(lsn: Lsn, out: SourceRecord[]): void {
    const { transaction } = this;
    this.commitLsn = lsn;
    this.lastXid = transaction?.xid;
    this.lastCommitMicros = transaction?.commitMicros ?? this.lastCommitMicros;
    this.transaction = undefined;
    this.resume.commit();
    if (transaction) this.options.ledger?.commit(transaction, lsn, out);
  }

  private rowChange(bytes: Buffer, at: number, lsn: Lsn, out: SourceRecord[]): number {
    const oid = bytes.readUInt32BE(at + 1);
    const plan = this.plans.get(oid);
    if (plan && plan.enums.length > 0 && bytes[at] !== Change.delete && !this.uncheckedRelations.has(oid) && this.isLabelUnknown(plan, bytes, at)) return oid;
    const index = this.count(lsn);
    if (!plan || !this.transaction) return 0;
    const order = this.options.ledger?.count(plan.collection);
    if (this.resume.isStored(lsn, index)) return 0;
    if (this.window !== undefined) this.window.changed(plan, bytes, at);
    if (oid === this.signalOid && bytes[at] !== Change.update) this.signals.push(signalRow(bytes, at));
    const { skipped } = this.options.settings;
    switch (bytes[at]) {
      case Change.insert:
        if (!skipped.has('c')) this.emit(out, plan, lsn, index, 'INSERT', Operation.create, undefined, rowAt(bytes, at + 6), order);
        break;
      case Change.update:
        if (!skipped.has('u')) this.update(out, plan, bytes, at, lsn, index, order);
        break;
      default:
        if (!skipped.has('d')) this.delete(out, plan, lsn, index, rowAt(bytes, at + 6), order, this.options.headers, 'DELETE');
    }
    return 0;
  }

  private isLabelUnknown(plan: TablePlan, bytes: Buffer, at: number): boolean {
    const marker = bytes[at + 5]!;
    return hasUnknownLabel(plan, bytes, marker === Tuple.new ? at + 6 : skipTuple(bytes, at + 6) + 1);
  }

  private update(out: SourceRecord[], plan: TablePlan, bytes: Buffer, at: number, lsn: Lsn, index: number, order: TransactionOrder | undefined): void {
    const marker = bytes[at + 5]!;
    if (marker === Tuple.new) return this.emit(out, plan, lsn, index, 'UPDATE', Operation.update, undefined, rowAt(bytes, at + 6), order);
    const before = rowAt(bytes, at + 6);
    const after = rowAt(bytes, locateTuple(bytes, at + 6, oldSpans) + 1);
    locateTuple(bytes, after.at, newRowSpans);
    if (plan.keySchema && !isSameKey(plan, bytes, oldSpans, newRowSpans)) return this.keyChange(out, plan, lsn, index, before, after, order);
    if (marker === Tuple.old && this.options.settings.values['skip.messages.without.change'] && isSameRow(plan, bytes, oldSpans, newRowSpans)) return;
    this.emit(out, plan, lsn, index, 'UPDATE', Operation.update, before, after, order);
  }

  /** A changed key is the end of one row and the start of another. */
  private keyChange(out: SourceRecord[], plan: TablePlan, lsn: Lsn, index: number, before: RowBytes, after: RowBytes, order: TransactionOrder | undefined): void {
    const schema = plan.keySchema!;
    const { headers } = this.options;
    const newKey = { key: '__debezium.newkey', schema, value: new RowKey(plan, schema, after) };
    const oldKey = { key: '__debezium.oldkey', schema, value: new RowKey(plan, schema, before) };
    const { skipped } = this.options.settings;
    const isCreated = !skipped.has('c');
    if (!skipped.has('d')) this.delete(out, plan, lsn, index, before, order, [newKey, ...headers], 'UPDATE', isCreated);
    if (!isCreated) return;
    const createOrder = skipped.has('d') ? order : this.options.ledger?.count(plan.collection);
    this.push(out, plan, lsn, index, 'UPDATE', this.envelope(plan, lsn, Operation.create, undefined, after, createOrder, before), plan.envelope, after, [oldKey, ...headers]);
  }

  /** Records before the last one of a change carry the offset of what was before it, so that none is left out after a restart between them. */
  private delete(out: SourceRecord[], plan: TablePlan, lsn: Lsn, index: number, before: RowBytes, order: TransactionOrder | undefined, headers: Headers, messageType: MessageType, isFollowed = false): void {
    const hasTombstone = this.options.settings.values['tombstones.on.delete'];
    this.push(out, plan, lsn, hasTombstone || isFollowed ? index - 1 : index, messageType, this.envelope(plan, lsn, Operation.delete, before, undefined, order), plan.envelope, before, headers);
    if (hasTombstone) this.push(out, plan, lsn, isFollowed ? index - 1 : index, messageType, null, null, before, headers);
  }

  private emit(out: SourceRecord[], plan: TablePlan, lsn: Lsn, index: number, messageType: MessageType, operation: Buffer, before: RowBytes | undefined, after: RowBytes, order: TransactionOrder | undefined): void {
    this.push(out, plan, lsn, index, messageType, this.envelope(plan, lsn, operation, before, after, order), plan.envelope, after, this.options.headers);
  }

  private envelope(plan: TablePlan, lsn: Lsn, operation: Buffer, before: RowBytes | undefined, after: RowBytes | undefined, order: TransactionOrder | undefined, unchanged = before): ChangeEnvelope {
    return new ChangeEnvelope({ source: this.options.source, plan, transaction: this.transaction!, lsn, operation, before, after, unchanged, marker: SNAPSHOT_MARKERS.none, clock: this.clock, order });
  }

  private push(out: SourceRecord[], plan: TablePlan, lsn: Lsn, index: number, messageType: MessageType, value: Value, valueSchema: Schema | null, keyRow: RowBytes, headers: Headers): void {
    const key = plan.keySchema ? new RowKey(plan, plan.keySchema, keyRow) : null;
    out.push(new ChangeRecord(plan.topic, plan.keySchema, key, valueSchema, value, headers, this.options.partition, this.transaction!, lsn, messageType, index, this.snapshot));
  }

  private truncate(bytes: Buffer, at: number, lsn: Lsn, out: SourceRecord[]): void {
    for (const oid of readTruncatedOids(bytes, at)) {
      const index = this.count(lsn);
      const plan = this.plans.get(oid);
      if (!plan || !this.transaction || this.options.settings.skipped.has('t')) continue;
      const order = this.options.ledger?.count(plan.collection);
      if (this.resume.isStored(lsn, index)) continue;
      const value = this.envelope(plan, lsn, Operation.truncate, undefined, undefined, order);
      out.push(new ChangeRecord(plan.topic, null, null, plan.envelope, value, this.options.headers, this.options.partition, this.transaction, lsn, 'TRUNCATE', index, this.snapshot));
    }
  }

  private message(bytes: Buffer, at: number, lsn: Lsn, out: SourceRecord[]): void {
    const { isTransactional, prefix, content } = readLogicalMessage(bytes, at);
    const { settings, source, partition } = this.options;
    const index = isTransactional ? this.count(lsn) : 0;
    if (isTransactional ? this.resume.isStored(lsn, index) : this.resume.isStoredMessage(lsn)) return;
    if (!isTransactional) this.commitLsn = lsn;
    const transaction = this.transaction ?? { xid: undefined, commitMicros: this.lastCommitMicros, finalLsn: lsn, previousCommitLsn: this.commitLsn, origin: undefined, originLsn: undefined };
    if (!settings.filter.messagePrefix(prefix)) return;
    const { values } = settings;
    const order = isTransactional ? this.options.ledger?.count(MESSAGE_COLLECTION) : undefined;
    const value = new MessageEnvelope({ source, transaction, lsn, clock: this.clock, order, prefix, content, form: this.messageForm });
    const topic = `${values['topic.prefix']}.message`;
    out.push(new ChangeRecord(topic, MESSAGE_KEY, new Struct(MESSAGE_KEY, { prefix }), this.messageForm.schema, value, [], partition, transaction, lsn, 'MESSAGE', index, this.snapshot));
  }

  private count(lsn: Lsn): number {
    if (lsn === this.eventLsn) this.eventsAtLsn += 1;
    else {
      this.eventLsn = lsn;
      this.eventsAtLsn = 1;
    }
    return this.eventsAtLsn;
  }
}

function rowAt(bytes: Buffer, at: number): RowBytes {
  return { bytes, at, end: 0 };
}

function signalRow(bytes: Buffer, at: number): SignalRow {
  locateTuple(bytes, at + 6, newRowSpans);
  const columns = [0, 1, 2].map((i) => (newRowSpans.starts[i]! < 0 ? null : bytes.toString('utf8', newRowSpans.starts[i], newRowSpans.ends[i])));
  return { isDeleted: bytes[at] === Change.delete, columns };
}
