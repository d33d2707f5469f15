import type { Headers, OffsetMap, Schema, SourceRecord, Value } from '@millrace/connect-api';
import { eventOffset, type EventTime, type OffsetExtras } from './position.js';

/** A record of a streamed change: its offset is made only when it is asked for. */
export class ChangeRecord implements SourceRecord {
  constructor(
    readonly topic: string,
    readonly keySchema: Schema,
    readonly key: Value,
    readonly valueSchema: Schema | null,
    readonly value: Value,
    readonly headers: Headers,
    readonly sourcePartition: OffsetMap,
    private readonly time: EventTime,
    private readonly token: Buffer,
    private readonly extras: OffsetExtras,
  ) {}

  get sourceOffset(): OffsetMap {
    return eventOffset(this.time, this.token, this.extras);
  }
}
