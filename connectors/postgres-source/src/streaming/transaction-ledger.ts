import { Struct, type OffsetMap, type SourceRecord, type Value } from '@millrace/connect-api';
import type { TransactionOrder } from '../rows/change-rows.js';
import { changeOffset, commitOffset, type TransactionFacts } from '../rows/position.js';
import type { IncrementalState } from '../snapshot/incremental/incremental-state.js';
import { TRANSACTION_COLLECTION, TRANSACTION_KEY, TRANSACTION_VALUE } from '../tables/envelope-schemas.js';
import type { Lsn } from '../wire/lsn.js';

/** Counts the changes of transactions, and tells of their begins and ends in a topic of their own (`provide.transaction.metadata`). */
export class TransactionLedger {
  private total = 0;
  private readonly byCollection = new Map<string, number>();

  constructor(
    private readonly topic: string,
    private readonly partition: OffsetMap,
    private readonly snapshot: () => IncrementalState,
  ) {}

  /** `out` is absent when the begin is in the log already. */
  begin(transaction: TransactionFacts, lsn: Lsn, out: SourceRecord[] | undefined): void {
    this.total = 0;
    this.byCollection.clear();
    out?.push(this.record('BEGIN', transaction, lsn, { eventCount: null, collections: null }, changeOffset(transaction, lsn, 'BEGIN', 0)));
  }

  count(collection: string): TransactionOrder {
    const collectionOrder = (this.byCollection.get(collection) ?? 0) + 1;
    this.byCollection.set(collection, collectionOrder);
    this.total += 1;
    return { totalOrder: this.total, collectionOrder };
  }

  commit(transaction: TransactionFacts, lsn: Lsn, out: SourceRecord[]): void {
    const collections = Array.from(this.byCollection, ([name, count]) => new Struct(TRANSACTION_COLLECTION, { data_collection: name, event_count: BigInt(count) }));
    out.push(this.record('END', transaction, lsn, { eventCount: BigInt(this.total), collections }, commitOffset(lsn, transaction.xid, transaction.commitMicros)));
  }

  private record(status: string, transaction: TransactionFacts, lsn: Lsn, counts: { eventCount: Value; collections: Value }, sourceOffset: OffsetMap): SourceRecord {
    const id = `${transaction.xid}:${lsn}`;
    const value = new Struct(TRANSACTION_VALUE, { status, id, event_count: counts.eventCount, data_collections: counts.collections, ts_ms: BigInt(Math.floor(transaction.commitMicros / 1000)) });
    return { topic: this.topic, keySchema: TRANSACTION_KEY, key: new Struct(TRANSACTION_KEY, { id }), valueSchema: TRANSACTION_VALUE, value, headers: [], sourcePartition: this.partition, sourceOffset: { ...sourceOffset, ...this.snapshot().members } };
  }
}
