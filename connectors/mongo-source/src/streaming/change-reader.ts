import type { SourceRecord } from '@millrace/connect-api';
import { tokenPosition, tokenSeconds, type OffsetExtras, type StoredPosition } from '../records/position.js';
import { ChangeEvent } from './change-event.js';
import { ChangeStream, type ChangeStreamOptions, type StreamBatch } from './change-stream.js';
import { ChangeRecords, type ChangeRecordsOptions } from './change-records.js';
import { Fragments } from './fragments.js';

export type ChangeReaderOptions = ChangeStreamOptions & ChangeRecordsOptions;

/** Makes records of a change stream's events, in their order. */
export class ChangeReader {
  private batch: StreamBatch | undefined;
  private nextEvent = 0;
  private readonly fragments = new Fragments();
  private readonly records: ChangeRecords;
  private quietToken: Buffer | undefined;
  private lagMs: number | undefined;

  private constructor(
    options: ChangeReaderOptions,
    private readonly stream: ChangeStream,
  ) {
    this.records = new ChangeRecords(options);
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
        this.records.add(event, nowMs, into);
      }
      this.nextEvent += 1;
    }
    if (this.nextEvent < batch.events.length) return;
    this.batch = undefined;
    this.quietToken = batch.token && this.fragments.isEmpty ? Buffer.from(batch.token) : undefined;
    if (batch.events.length === 0) this.lagMs = 0;
    else if (this.records.lastTimeMs !== undefined) this.lagMs = Math.max(0, nowMs - this.records.lastTimeMs);
  }

  /** The token behind everything that was handed over; undefined: events are waiting, or the server has no such tokens. */
  get quietPosition(): Buffer | undefined {
    return this.batch === undefined ? this.quietToken : undefined;
  }

  /** Where another stream would go on, without a gap. */
  position(): StoredPosition | undefined {
    if (this.quietPosition) return tokenPosition(this.quietPosition);
    return this.records.position;
  }

  /** Goes into the offsets of the records that are made from now on. */
  set extras(extras: OffsetExtras) {
    this.records.extras = extras;
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
}
