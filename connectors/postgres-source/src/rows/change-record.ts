import type { Headers, OffsetMap, Schema, SourceRecord, Value } from '@millrace/connect-api';
import type { IncrementalState } from '../snapshot/incremental/incremental-state.js';
import type { Lsn } from '../wire/lsn.js';
import { changeOffset, type MessageType, type TransactionFacts } from './position.js';

/** A record of a streamed change: its offset is made only when it is asked for. */
export class ChangeRecord implements SourceRecord {
  constructor(
    readonly topic: string,
    readonly keySchema: Schema | null,
    readonly key: Value,
    readonly valueSchema: Schema | null,
    readonly value: Value,
    readonly headers: Headers,
    readonly sourcePartition: OffsetMap,
    private readonly transaction: TransactionFacts,
    private readonly lsn: Lsn,
    private readonly messageType: MessageType,
    private readonly eventsAtLsn: number,
    /** How far an incremental snapshot has come behind it. */
    public snapshot: IncrementalState,
  ) {}

  get sourceOffset(): OffsetMap {
    const offset = changeOffset(this.transaction, this.lsn, this.messageType, this.eventsAtLsn);
    return this.snapshot.isRunning ? { ...offset, ...this.snapshot.members } : offset;
  }
}
