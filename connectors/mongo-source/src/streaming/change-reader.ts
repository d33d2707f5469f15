import { ConnectError, type Headers, type OffsetMap, type SourceRecord } from '@millrace/connect-api';
import { ChangeEnvelope, DocumentKey } from '../records/change-values.js';
import { ChangeRecord } from '../records/change-record.js';
import type { CollectionPlanner } from '../records/collection-plan.js';
import { tokenPosition, tokenSeconds, type EventTime, type OffsetExtras, type StoredPosition } from '../records/position.js';
import { ChangeEvent } from './change-event.js';
import { ChangeStream, type ChangeStreamOptions, type StreamBatch } from './change-stream.js';
import { Fragments } from './fragments.js';

export interface ChangeReaderOptions extends ChangeStreamOptions {
  readonly planner: CollectionPlanner;
  readonly partition: OffsetMap;
  readonly headers: Headers;
}

const OPERATIONS: Readonly<Record<string, 'c' | 'u' | 'd' | undefined>> = { insert: 'c', update: 'u', replace: 'u', delete: 'd' };
const NO_TIME: EventTime = { seconds: -1, order: -1, lsid: undefined, txnNumber: undefined };

/** Makes records of a change stream's events, in their order. */
export class ChangeReader {
  private batch: StreamBatch | undefined;
  private nextEvent = 0;
  private readonly fragments = new Fragments();
  /** Of the last event that became records, or of the start: what a record that is not the last of its event carries. */
  private passed: { readonly time: EventTime; readonly token: Buffer } | undefined;
  private quietToken: Buffer | undefined;
  /** Goes into the offsets of the records that are made from now on. */
  extras: OffsetExtras;
  private lastTimeMs: number | undefined;
  private lagMs: number | undefined;

  private constructor(
    private readonly options: ChangeReaderOptions,
    private readonly stream: ChangeStream,
  ) {
    const { position } = options;
    if (position?.token) this.passed = { time: { ...NO_TIME, seconds: position.seconds, order: position.order }, token: position.token };
  }

  static async open(options: ChangeReaderOptions): Promise<ChangeReader> {
    return new ChangeReader(options, await ChangeStream.open(options));
  }

  /** Adds up to `max` records (one more for a tombstone); waits at most `waitMs` when there are none. Every event is shown to `onEvent` once. */
  async read(max: number, waitMs: number, into: SourceRecord[], onEvent?: (event: ChangeEvent) => void): Promise<void> {
    if (!this.batch) {
      this.batch = await this.stream.next(waitMs);
      this.nextEvent = 0;
    }
    const { batch } = this;
    if (!batch) return;
    const nowMs = Date.now();
    while (this.nextEvent < batch.events.length && into.length < max) {
      const element = batch.events[this.nextEvent]!;
      const event = this.fragments.take(new ChangeEvent(element.bytes, element.at));
      if (event) {
        onEvent?.(event);
        this.add(event, nowMs, into);
      }
      this.nextEvent += 1;
    }
    if (this.nextEvent < batch.events.length) return;
    this.batch = undefined;
    if (batch.token && this.fragments.isEmpty) this.quietToken = Buffer.from(batch.token);
    if (batch.events.length === 0) this.lagMs = 0;
    else if (this.lastTimeMs !== undefined) this.lagMs = Math.max(0, nowMs - this.lastTimeMs);
  }

  /** The token behind everything that was handed over; undefined: events are waiting, or the server has no such tokens. */
  get quietPosition(): Buffer | undefined {
    return this.batch === undefined ? this.quietToken : undefined;
  }

  /** Where another stream would go on, without a gap. */
  position(): StoredPosition | undefined {
    if (this.quietPosition) return tokenPosition(this.quietPosition);
    if (!this.passed) return this.options.position;
    const { time, token } = this.passed;
    return { isSnapshotRunning: false, token: Buffer.from(token), seconds: time.seconds, order: time.order };
  }

  /** The cluster time up to which everything was handed over, if the server's tokens tell it. */
  get passedTime(): { readonly seconds: number; readonly order: number } | undefined {
    return this.quietPosition && tokenSeconds(this.quietPosition);
  }

  get lagMilliseconds(): number | undefined {
    return this.lagMs;
  }

  close(): Promise<void> {
    return this.stream.close();
  }

  private add(event: ChangeEvent, nowMs: number, into: SourceRecord[]): void {
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
    this.lastTimeMs = timeMs;
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

