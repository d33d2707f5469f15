import { ConnectError, type Headers, type OffsetMap, type SourceRecord } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { ChangeEnvelope, DocumentKey } from '../records/change-values.js';
import { ChangeRecord } from '../records/change-record.js';
import type { CollectionPlanner } from '../records/collection-plan.js';
import type { EventTime, OffsetExtras, StoredPosition } from '../records/position.js';
import type { ChangeEvent } from './change-event.js';

export interface ChangeRecordsOptions {
  readonly settings: SourceSettings;
  readonly planner: CollectionPlanner;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  /** Where the stream begins. */
  readonly position: StoredPosition | undefined;
}

const OPERATIONS: Readonly<Record<string, 'c' | 'u' | 'd' | undefined>> = { insert: 'c', update: 'u', replace: 'u', delete: 'd' };

/** Makes records of change events. */
export class ChangeRecords {
  /** Of the last event, or of the start: what a record that is not the last of its event carries. */
  private passed: { readonly time: EventTime; readonly token: Buffer } | undefined;
  private lastMs: number | undefined;
  /** Goes into the offsets of the records that are made from now on. */
  extras: OffsetExtras;

  constructor(private readonly options: ChangeRecordsOptions) {
    const { position } = options;
    if (position?.token) this.passed = { time: { seconds: position.seconds, order: position.order, lsid: undefined, txnNumber: undefined }, token: position.token };
  }

  /** Behind the last event. */
  get position(): StoredPosition | undefined {
    if (!this.passed) return this.options.position;
    const { time, token } = this.passed;
    return { isSnapshotRunning: false, token: Buffer.from(token), seconds: time.seconds, order: time.order };
  }

  /** When the last change that became a record was made, in milliseconds since 1970. */
  get lastTimeMs(): number | undefined {
    return this.lastMs;
  }

  /** Adds what becomes of the event: nothing, a record, or a delete with its tombstone. */
  add(event: ChangeEvent, nowMs: number, into: SourceRecord[]): void {
    const { planner, settings, partition, headers } = this.options;
    if (!event.token) throw new ConnectError('A change event came without its resume token: cursor.pipeline must not remove or change _id');
    const { time, token } = event;
    const operation = OPERATIONS[event.operationType];
    const plan = operation && planner.planFor(event.database, event.collection);
    if (!plan || settings.skipped.has(operation)) {
      this.passed = { time, token };
      return;
    }
    const timeMs = event.wallTimeMs ?? time.seconds * 1000;
    this.lastMs = timeMs;
    const key = new DocumentKey(plan.keySchema, event.id);
    const value = new ChangeEnvelope({
      plan,
      operation,
      before: operation === 'c' ? undefined : event.before,
      after: operation === 'd' ? undefined : event.fullDocument,
      update: operation === 'u' ? event.update : undefined,
      source: { timeMs, snapshot: 'false', database: event.database, collection: event.collection, order: time.order, lsid: time.lsid, txnNumber: time.txnNumber, wallTimeMs: event.wallTimeMs },
      clockMs: nowMs,
    });
    const hasTombstone = operation === 'd' && settings.values['tombstones.on.delete'];
    // Invariant 4: of two records of one event only the last has its position.
    const first = hasTombstone && this.passed ? this.passed : { time, token };
    into.push(new ChangeRecord(plan.topic, plan.keySchema, key, plan.envelope, value, headers, partition, first.time, first.token, this.extras));
    if (hasTombstone) into.push(new ChangeRecord(plan.topic, plan.keySchema, key, null, null, headers, partition, time, token, this.extras));
    this.passed = { time, token };
  }
}

