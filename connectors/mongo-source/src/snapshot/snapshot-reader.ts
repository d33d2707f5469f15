import type { Headers, OffsetMap, SourceRecord } from '@millrace/connect-api';
import type { Document, MongoClient } from 'mongodb';
import { findField, type Element } from '../bson/elements.js';
import type { SourceSettings } from '../config/source-settings.js';
import { ChangeEnvelope, DocumentKey } from '../records/change-values.js';
import type { CollectionPlan, CollectionPlanner } from '../records/collection-plan.js';
import { positionOffset, type StoredPosition } from '../records/position.js';
import type { Namespace } from './collections.js';

export interface SnapshotOptions {
  readonly client: MongoClient;
  readonly settings: SourceSettings;
  readonly planner: CollectionPlanner;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  /** Where streaming goes on: taken before the first document is read. */
  readonly position: StoredPosition;
  readonly collections: readonly Namespace[];
  /** A restart amid an initial snapshot begins it anew; amid one that was asked for, streaming goes on. */
  readonly isInitial: boolean;
  readonly filterOf: (namespace: string) => Document | undefined;
  readonly onCollection: (namespace: Namespace, documents: number | undefined) => void;
}

interface DocumentBatch {
  readonly plan: CollectionPlan;
  readonly documents: readonly Buffer[];
  next: number;
}

/** Batches that may wait to be handed over, per collection that is read. */
const BATCHES_AHEAD = 2;

/** Reads the documents of collections, several collections at a time, as records. */
export class SnapshotReader {
  private readonly queue: DocumentBatch[] = [];
  private waiting = 0;
  private readonly todo: Namespace[];
  private running = 0;
  private failure: unknown;
  private isClosed = false;
  private wakeReader: (() => void) | undefined;
  private readonly wakeFetchers = new Set<() => void>();
  /** The offset of all records but the last one. */
  readonly runningOffset: OffsetMap;
  /** The offset behind the whole snapshot. */
  readonly doneOffset: OffsetMap;

  constructor(private readonly options: SnapshotOptions) {
    this.todo = [...options.collections];
    this.runningOffset = positionOffset({ ...options.position, isSnapshotRunning: options.isInitial });
    this.doneOffset = positionOffset(options.position);
    const threads = Math.min(options.settings.values['snapshot.max.threads'], this.todo.length);
    this.running = threads;
    for (let i = 0; i < threads; i++) void this.fetchAll();
  }

  get position(): StoredPosition {
    return this.options.position;
  }

  get collectionCount(): number {
    return this.options.collections.length;
  }

  get isDone(): boolean {
    return this.running === 0 && this.waiting === 0 && this.failure === undefined;
  }

  /** Adds what is there, but one document less as long as more may come: the last one of all is marked. */
  read(max: number, into: SourceRecord[]): void {
    const nowMs = Date.now();
    const hasAll = this.running === 0 && this.failure === undefined;
    while (into.length < max && this.waiting > (hasAll ? 0 : 1)) {
      const batch = this.queue[0]!;
      const document = batch.documents[batch.next++]!;
      this.waiting -= 1;
      into.push(this.record(batch.plan, document, nowMs, hasAll && this.waiting === 0));
      if (batch.next === batch.documents.length) this.queue.shift();
    }
    for (const wake of this.wakeFetchers) wake();
    if (this.failure !== undefined && into.length === 0) throw this.failure;
  }

  /** Until there is something to read, or the time is over. */
  async wait(ms: number): Promise<void> {
    if (this.failure !== undefined || this.running === 0 || this.waiting > 1) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeReader = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.isClosed = true;
    for (const wake of this.wakeFetchers) wake();
  }

  private record(plan: CollectionPlan, bytes: Buffer, nowMs: number, isLast: boolean): SourceRecord {
    const { partition, headers, position } = this.options;
    const document: Element = { type: 3, bytes, at: 0 };
    const source = { timeMs: nowMs, snapshot: isLast ? 'last' : 'true', database: plan.database, collection: plan.collection, order: position.order, lsid: undefined, txnNumber: undefined, wallTimeMs: undefined };
    return {
      topic: plan.topic,
      keySchema: plan.keySchema,
      key: new DocumentKey(plan.keySchema, findField(bytes, 0, '_id')),
      valueSchema: plan.envelope,
      value: new ChangeEnvelope({ plan, operation: 'r', before: undefined, after: document, update: undefined, source, clockMs: nowMs }),
      headers,
      sourcePartition: partition,
      sourceOffset: isLast ? this.doneOffset : this.runningOffset,
    };
  }

  /** One of `snapshot.max.threads`: takes collections until there are none. */
  private async fetchAll(): Promise<void> {
    try {
      for (let next = this.todo.shift(); next && !this.isClosed && this.failure === undefined; next = this.todo.shift()) await this.fetch(next);
    } catch (error) {
      this.failure ??= error;
    }
    this.running -= 1;
    this.wakeReader?.();
  }

  private async fetch(namespace: Namespace): Promise<void> {
    const { client, settings, planner, filterOf } = this.options;
    const { database, collection } = namespace;
    const plan = planner.planFor(database, collection);
    if (!plan) return;
    const batchSize = settings.values['snapshot.fetch.size'];
    const cursor = client.db(database).collection(collection).find(filterOf(`${database}.${collection}`) ?? {}, { raw: true, ...(batchSize > 0 ? { batchSize } : {}) });
    let count = 0;
    this.options.onCollection(namespace, undefined);
    try {
      while (!this.isClosed && (await cursor.hasNext())) {
        const documents = cursor.readBufferedDocuments() as unknown as Buffer[];
        count += documents.length;
        this.queue.push({ plan, documents, next: 0 });
        this.waiting += documents.length;
        this.wakeReader?.();
        await this.untilThereIsRoom();
      }
    } finally {
      await cursor.close().catch(() => undefined);
    }
    if (!this.isClosed) this.options.onCollection(namespace, count);
  }

  private async untilThereIsRoom(): Promise<void> {
    while (!this.isClosed && this.queue.length > BATCHES_AHEAD * Math.max(this.running, 1)) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.wakeFetchers.delete(wake);
          resolve();
        };
        this.wakeFetchers.add(wake);
      });
    }
  }
}
