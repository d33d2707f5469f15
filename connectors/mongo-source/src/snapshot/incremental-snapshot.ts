import type { Headers, OffsetMap, SourceRecord } from '@millrace/connect-api';
import { BSON, type ClientSession, type Document, type MongoClient, type Timestamp } from 'mongodb';
import { findField, valueLength, type Element } from '../bson/elements.js';
import type { SourceSettings } from '../config/source-settings.js';
import { ChangeEnvelope, DocumentKey } from '../records/change-values.js';
import type { CollectionPlanner } from '../records/collection-plan.js';
import type { OffsetExtras } from '../records/position.js';
import type { Notifications } from '../signals/notifications.js';
import type { SnapshotRequest } from '../signals/snapshot-signal.js';
import type { ChangeEvent } from '../streaming/change-event.js';
import { capturedCollections } from './collections.js';

/** The key of offsets that tells how far an incremental snapshot is. Debezium does not read it. */
const PROGRESS_KEY = 'millrace_incremental_snapshot';
/** Beside it, while the snapshot is paused. */
const PAUSED_KEY = 'millrace_incremental_snapshot_paused';

/** One collection that is still to be read, as it is stored in offsets. */
interface Job {
  readonly id: string;
  readonly database: string;
  readonly collection: string;
  /** Extended JSON of documents: the filter, the last `_id` that was handed over, and the last one that there was at the beginning. */
  readonly filter: string | undefined;
  readonly last: string | undefined;
  readonly most: string | undefined;
  readonly count: number;
}

/** A chunk that was read, and the time of the server behind which it holds. */
interface Window {
  readonly documents: Map<string, Buffer>;
  readonly low: Timestamp;
  readonly high: Timestamp;
  readonly job: Job;
  readonly isLast: boolean;
}

interface Time {
  readonly seconds: number;
  readonly order: number;
}

export interface IncrementalSnapshotOptions {
  /** The one that is connected now. */
  readonly client: () => MongoClient;
  readonly settings: SourceSettings;
  readonly planner: CollectionPlanner;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  readonly notifications: Notifications;
}

/**
 * Reads collections in chunks beside the stream. A chunk is handed over when the stream has passed the server's time behind the read; what
 * the stream showed of it since the time before the read is newer and takes the place of the document that was read.
 */
export class IncrementalSnapshot {
  private jobs: Job[] = [];
  private window: Window | undefined;
  private reading: Promise<void> | undefined;
  private failure: unknown;
  private isPaused = false;
  /** Documents that the stream showed while a chunk was read, with their times. */
  private readonly seen: { readonly key: string; readonly time: Time }[] = [];

  constructor(private readonly options: IncrementalSnapshotOptions) {}

  get isRunning(): boolean {
    return this.jobs.length > 0;
  }

  /** For the offsets of records. */
  get progress(): OffsetExtras {
    return this.jobs.length === 0 ? undefined : { [PROGRESS_KEY]: JSON.stringify(this.jobs), ...(this.isPaused ? { [PAUSED_KEY]: 'true' } : {}) };
  }

  /** Goes on where a stored offset says. */
  restore(offset: OffsetMap | null): void {
    const text = offset?.[PROGRESS_KEY];
    if (typeof text !== 'string') return;
    this.jobs = JSON.parse(text) as Job[];
    this.isPaused = offset?.[PAUSED_KEY] === 'true';
  }

  async execute(request: SnapshotRequest): Promise<void> {
    const { client, settings, notifications } = this.options;
    const all = await capturedCollections(client(), settings);
    const chosen = all.filter((it) => request.collections.some((pattern) => pattern.test(`${it.database}.${it.collection}`)));
    notifications.tell('Incremental Snapshot', 'STARTED', { data_collections: chosen.map((it) => `${it.database}.${it.collection}`).join(',') }, request.id);
    for (const { database, collection } of chosen) {
      const filter = request.filterOf(`${database}.${collection}`);
      this.jobs.push({ id: request.id, database, collection, filter: filter && BSON.EJSON.stringify(filter, { relaxed: false }), last: undefined, most: undefined, count: 0 });
    }
    if (chosen.length === 0) notifications.tell('Incremental Snapshot', 'COMPLETED', {}, request.id);
  }

  /** The connection is lost: a chunk that is being read is read again. One that was read waits on. */
  interrupt(): void {
    this.reading = undefined;
    this.failure = undefined;
  }

  /** Null: all collections. */
  cancel(collections: readonly RegExp[] | null): void {
    const isStopped = (it: Job): boolean => collections === null || collections.some((pattern) => pattern.test(`${it.database}.${it.collection}`));
    const [first] = this.jobs;
    if (first && isStopped(first)) this.window = undefined;
    const stopped = this.jobs.filter(isStopped);
    this.jobs = this.jobs.filter((it) => !isStopped(it));
    if (!this.isRunning) this.isPaused = false;
    const names = stopped.map((it) => `${it.database}.${it.collection}`).join(',');
    if (stopped.length > 0) this.options.notifications.tell('Incremental Snapshot', 'ABORTED', collections === null ? {} : { data_collections: names }, stopped[0]!.id);
  }

  setPaused(isPaused: boolean): void {
    if (this.isPaused === isPaused || !this.isRunning) return;
    this.isPaused = isPaused;
    this.options.notifications.tell('Incremental Snapshot', isPaused ? 'PAUSED' : 'RESUMED', { data_collections: this.names() }, this.jobs[0]!.id);
  }

  /** Shown each event of the stream, before it is handed over. */
  onEvent(event: ChangeEvent): void {
    const [job] = this.jobs;
    if (!job || event.database !== job.database || event.collection !== job.collection || !event.id) return;
    const key = keyText(event.id);
    const { time } = event;
    if (this.window) {
      if (isAfter(time, this.window.low)) this.window.documents.delete(key);
    } else if (this.reading) this.seen.push({ key, time });
  }

  /** Begins the next chunk, or hands over the one that the stream has passed. `passed`: up to where all events were handed over. */
  step(passed: Time | undefined, offset: (extras: OffsetExtras) => OffsetMap | undefined, into: SourceRecord[]): void {
    if (this.failure !== undefined) {
      const { failure } = this;
      this.failure = undefined;
      throw failure;
    }
    if (!this.isRunning || this.isPaused) return;
    if (!this.window && !this.reading) {
      const reading: Promise<void> = this.readChunk(this.jobs[0]!).then(
        (window) => {
          if (this.reading !== reading) return;
          this.reading = undefined;
          this.window = window;
        },
        (error: unknown) => {
          if (this.reading !== reading) return;
          this.reading = undefined;
          this.failure = error;
        },
      );
      this.reading = reading;
    }
    if (this.window && passed && !isAfter({ seconds: this.window.high.t, order: this.window.high.i }, passed)) this.handOver(this.window, offset, into);
  }

  private names(): string {
    return this.jobs.map((it) => `${it.database}.${it.collection}`).join(',');
  }

  private async readChunk(job: Job): Promise<Window | undefined> {
    // One causally consistent session: the read is not older than the time before it, whatever member answers.
    return await this.options.client().withSession({ causalConsistency: true }, (session) => this.readChunkIn(session, job));
  }

  private async readChunkIn(session: ClientSession, job: Job): Promise<Window | undefined> {
    const { settings } = this.options;
    const client = this.options.client();
    const size = settings.values['incremental.snapshot.chunk.size'];
    const collection = client.db(job.database).collection(job.collection);
    this.seen.length = 0;
    const low = await serverTime(client, session);
    let most = job.most;
    if (most === undefined) {
      const [highest] = await collection.find({}, { projection: { _id: 1 }, sort: { _id: -1 }, limit: 1, promoteValues: false, session }).toArray();
      if (highest) most = BSON.EJSON.stringify({ _id: highest._id }, { relaxed: false });
    }
    const documents = new Map<string, Buffer>();
    if (most !== undefined) {
      const cursor = collection.find(chunkFilter(job, most), { raw: true, sort: { _id: 1 }, limit: size, session, readConcern: { level: 'majority' }, ...(job.last === undefined ? {} : { min: parse(job.last), hint: { _id: 1 } }) });
      for (const bytes of (await cursor.toArray()) as unknown as Buffer[]) documents.set(keyText(findField(bytes, 0, '_id')!), bytes);
    }
    const high = await serverTime(client, session);
    if (this.jobs[0] !== job) return undefined;
    const ids = [...documents.values()];
    const last = ids.length === 0 ? job.last : BSON.EJSON.stringify({ _id: BSON.deserialize(ids[ids.length - 1]!, { promoteValues: false })._id as unknown }, { relaxed: false });
    for (const { key, time } of this.seen) if (isAfter(time, low)) documents.delete(key);
    return { documents, low, high, job: { ...job, most, last, count: job.count + ids.length }, isLast: ids.length < size };
  }

  private handOver(window: Window, offset: (extras: OffsetExtras) => OffsetMap | undefined, into: SourceRecord[]): void {
    const { planner, partition, headers, notifications } = this.options;
    const { job, isLast, documents } = window;
    const name = `${job.database}.${job.collection}`;
    this.window = undefined;
    this.jobs = isLast ? this.jobs.slice(1) : [job, ...this.jobs.slice(1)];
    const sourceOffset = offset(this.progress);
    const plan = planner.planFor(job.database, job.collection);
    if (plan && sourceOffset) {
      const nowMs = Date.now();
      const source = { timeMs: nowMs, snapshot: 'incremental', database: job.database, collection: job.collection, order: typeof sourceOffset.ord === 'number' ? sourceOffset.ord : -1, lsid: undefined, txnNumber: undefined, wallTimeMs: undefined };
      for (const bytes of documents.values()) {
        const after: Element = { type: 3, bytes, at: 0 };
        const value = new ChangeEnvelope({ plan, operation: 'r', before: undefined, after, update: undefined, source, clockMs: nowMs });
        into.push({ topic: plan.topic, keySchema: plan.keySchema, key: new DocumentKey(plan.keySchema, findField(bytes, 0, '_id')), valueSchema: plan.envelope, value, headers, sourcePartition: partition, sourceOffset });
      }
    }
    notifications.tell('Incremental Snapshot', 'IN_PROGRESS', { data_collections: [name, this.names()].filter((it) => it !== '').join(','), current_collection_in_progress: name, maximum_key: job.most ?? '<null>', last_processed_key: job.last ?? '<null>' }, job.id);
    if (!isLast) return;
    notifications.tell('Incremental Snapshot', 'TABLE_SCAN_COMPLETED', { data_collections: name, scanned_collection: name, total_rows_scanned: String(job.count), status: job.count === 0 ? 'EMPTY' : 'SUCCEEDED' }, job.id);
    if (!this.jobs.some((it) => it.id === job.id)) notifications.tell('Incremental Snapshot', 'COMPLETED', {}, job.id);
  }
}

/** Behind the last `_id` and up to the one that was highest; ids of all types have one order, which `min` and `$expr` follow and `$gt` does not. */
function chunkFilter(job: Job, most: string): Document {
  const parts: Document[] = [{ $expr: { $lte: ['$_id', { $literal: parse(most)._id as unknown }] } }];
  if (job.last !== undefined) parts.push({ _id: { $ne: parse(job.last)._id as unknown } });
  if (job.filter !== undefined) parts.push(parse(job.filter));
  return { $and: parts };
}

function parse(text: string): Document {
  return BSON.EJSON.parse(text, { relaxed: false }) as Document;
}

async function serverTime(client: MongoClient, session: ClientSession): Promise<Timestamp> {
  const { operationTime } = await client.db('admin').command({ ping: 1 }, { session });
  return operationTime as Timestamp;
}

function keyText({ type, bytes, at }: Element): string {
  return `${type}:${bytes.toString('latin1', at, at + valueLength(bytes, type, at))}`;
}

function isAfter(a: Time, b: Time | Timestamp): boolean {
  const seconds = 't' in b ? b.t : b.seconds;
  const order = 't' in b ? b.i : b.order;
  return a.seconds > seconds || (a.seconds === seconds && a.order > order);
}
