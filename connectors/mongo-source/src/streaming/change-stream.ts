import { BSON, Long, Timestamp, type ClientSession, type Db, type Document, type MongoClient } from 'mongodb';
import { BsonType, documentBytes, findField, itemsOf, type Element } from '../bson/elements.js';
import type { SourceSettings } from '../config/source-settings.js';
import { within } from '../connection/pause.js';
import { CHANGE_STREAM_FATAL, CHANGE_STREAM_HISTORY_LOST, INVALID_RESUME_TOKEN, PositionLost, reasonOf, serverCode } from '../connection/failure.js';
import type { StoredPosition } from '../records/position.js';
import { changeStreamStage, changeStreamStages } from './pipeline.js';

/** One answer of the server: events in the bytes in which they came, and the token behind them. */
export interface StreamBatch {
  readonly events: readonly Element[];
  /** Undefined: a server that has none (old ones, Amazon DocumentDB). */
  readonly token: Buffer | undefined;
  /** The time of the server when it answered. */
  readonly operationTime: Timestamp | undefined;
}

/** How long the end of a stream may take: the server may be gone. */
const GOODBYE_MS = 300;

interface CursorAnswer extends StreamBatch {
  readonly cursorId: bigint;
}

export interface ChangeStreamOptions {
  readonly client: MongoClient;
  readonly settings: SourceSettings;
  /** Undefined: from now on. */
  readonly position: StoredPosition | undefined;
  readonly signal: AbortSignal;
}

/**
 * A change stream, read by its own aggregate and getMore: answers stay bytes, each token behind a batch is seen, and the next batch is asked for
 * while the last one is worked on. All goes to the primary (or what the connection string prefers), in one session.
 */
export class ChangeStream {
  private pending: Promise<CursorAnswer> | undefined;
  private cursorId = 0n;
  private isClosed = false;

  private constructor(
    private readonly options: ChangeStreamOptions,
    private readonly session: ClientSession,
  ) {}

  /** Throws PositionLost when the server's log does not reach back to the position. */
  static async open(options: ChangeStreamOptions): Promise<ChangeStream> {
    const stream = new ChangeStream(options, options.client.startSession());
    try {
      stream.continueWith(await stream.start(startOf(options)));
      return stream;
    } catch (error) {
      await stream.close();
      throw error;
    }
  }

  /** The position from which a stream that is opened now would go on. */
  static async currentPosition(options: Omit<ChangeStreamOptions, 'position'>): Promise<StoredPosition> {
    const stream = new ChangeStream({ ...options, position: undefined }, options.client.startSession());
    try {
      const answer = await stream.aggregate({}, 0);
      stream.cursorId = answer.cursorId;
      if (answer.token) return { isSnapshotRunning: false, token: Buffer.from(answer.token), seconds: -1, order: -1 };
      const time = answer.operationTime ?? new Timestamp({ t: Math.floor(Date.now() / 1000), i: 1 });
      return { isSnapshotRunning: false, token: undefined, seconds: time.t, order: time.i };
    } finally {
      await stream.close();
    }
  }

  /** The next answer; undefined when it takes longer than `waitMs`. */
  async next(waitMs: number): Promise<StreamBatch | undefined> {
    const { pending } = this;
    if (!pending) throw new Error('the stream is closed');
    const answer = await within(pending, waitMs, this.options.signal);
    if (!answer) return undefined;
    if (answer.cursorId === 0n && answer.token && !this.isClosed) {
      // The collection or database was dropped or renamed: the stream goes on behind that.
      this.continueWith(await this.start({ startAfter: BSON.deserialize(answer.token) }), answer);
      return answer;
    }
    this.continueWith(answer, answer);
    return answer;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.pending?.catch(() => undefined);
    this.pending = undefined;
    await within(this.letGo(), GOODBYE_MS, new AbortController().signal);
  }

  private async letGo(): Promise<void> {
    if (this.cursorId !== 0n) await this.db.command({ killCursors: this.collectionName, cursors: [Long.fromBigInt(this.cursorId)] }, { session: this.session }).catch(() => undefined);
    await this.session.endSession().catch(() => undefined);
  }

  /** The answer to the opening may have events: it is handed out by the next `next`, unless that is its caller. */
  private continueWith(opened: CursorAnswer, handedOut?: CursorAnswer): void {
    this.cursorId = opened.cursorId;
    this.pending = handedOut === opened ? this.getMore() : Promise.resolve(opened);
    this.pending.catch(() => undefined);
  }

  private get db(): Db {
    return this.options.client.db(this.options.settings.target.database ?? 'admin');
  }

  private get collectionName(): string {
    return this.options.settings.target.collection ?? '$cmd.aggregate';
  }

  private async start(from: Document): Promise<CursorAnswer> {
    try {
      return await this.aggregate(from);
    } catch (error) {
      if (serverCode(error) !== INVALID_RESUME_TOKEN || !from.resumeAfter) throw lostOr(error);
      // The token of an event that ended a stream: only startAfter may go on from it.
      return await this.aggregate({ startAfter: from.resumeAfter as Document }).catch((second: unknown) => Promise.reject(lostOr(second)));
    }
  }

  private async aggregate(from: Document, batchSize?: number): Promise<CursorAnswer> {
    const { settings } = this.options;
    const pipeline = [changeStreamStage(settings, from), ...changeStreamStages(settings)];
    const cursor = batchSize === undefined ? {} : { batchSize };
    const answer = await this.db.command({ aggregate: settings.target.collection ?? 1, pipeline, cursor, readConcern: { level: 'majority' } }, { raw: true, session: this.session });
    return readAnswer(answer);
  }

  private async getMore(): Promise<CursorAnswer> {
    const { awaitMs } = this.options.settings;
    try {
      const answer = await this.db.command({ getMore: Long.fromBigInt(this.cursorId), collection: this.collectionName, maxTimeMS: awaitMs }, { raw: true, session: this.session });
      return readAnswer(answer);
    } catch (error) {
      throw lostOr(error);
    }
  }
}

function startOf({ position, settings }: ChangeStreamOptions): Document {
  if (position?.token) return { resumeAfter: BSON.deserialize(position.token) };
  if (position && position.seconds > 0) return { startAtOperationTime: new Timestamp({ t: position.seconds, i: Math.max(position.order, 0) }) };
  const { startTime } = settings;
  return startTime === undefined ? {} : { startAtOperationTime: new Timestamp({ t: Number(startTime >> 32n), i: Number(startTime & 0xffffffffn) }) };
}

function readAnswer(answer: Document): CursorAnswer {
  const bytes = answer.cursor as Buffer;
  const batch = findField(bytes, 0, 'nextBatch') ?? findField(bytes, 0, 'firstBatch');
  const token = findField(bytes, 0, 'postBatchResumeToken');
  const id = findField(bytes, 0, 'id');
  return {
    events: batch ? itemsOf(batch) : [],
    token: token?.type === BsonType.document ? documentBytes(token) : undefined,
    cursorId: id?.type === BsonType.int64 ? id.bytes.readBigInt64LE(id.at) : 0n,
    operationTime: answer.operationTime as Timestamp | undefined,
  };
}

function lostOr(error: unknown): unknown {
  const code = serverCode(error);
  const isLost = code === CHANGE_STREAM_HISTORY_LOST || code === INVALID_RESUME_TOKEN || (code === CHANGE_STREAM_FATAL && !/pipeline/i.test(reasonOf(error)));
  return isLost ? new PositionLost(`error ${code}: ${reasonOf(error)}`) : error;
}
