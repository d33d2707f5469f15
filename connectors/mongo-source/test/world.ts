import type { OffsetMap, SourceRecord } from '@millrace/connect-api';
import { MongoDouble, type MongoDoubleOptions } from '@millrace/mongo-double';
import { MongoClient, type Db, type Document } from 'mongodb';
import { renderRecord, SourceTaskDriver } from '@millrace/connect-testkit';
import { MongoSourceTask } from '../src/mongo-source-task.js';

export interface Seen {
  readonly topic: string;
  readonly op: string | null;
  readonly id: string;
  readonly after: Record<string, unknown> | null;
  readonly before: Record<string, unknown> | null;
  readonly snapshot: string | undefined;
}

/** The parts of a record that most tests look at. */
export function seen(record: SourceRecord): Seen {
  const { topic, key, value } = renderRecord(record);
  const payload = (value as { payload: { op: string; after: string | null; before: string | null; source: { snapshot: string } } } | null)?.payload;
  const json = (text: string | null | undefined): Record<string, unknown> | null => (text ? (JSON.parse(text) as Record<string, unknown>) : null);
  return { topic, op: payload?.op ?? null, id: (key as { payload: { id: string } }).payload.id, after: json(payload?.after), before: json(payload?.before), snapshot: payload?.source?.snapshot };
}

/** A replica set, a client of it, and tasks that read it. All of it ends with `end`. Against a real server when MONGO_URL is set (then without the double's faults). */
export class World {
  private readonly drivers: SourceTaskDriver[] = [];

  private constructor(
    private readonly ownDouble: MongoDouble | undefined,
    readonly client: MongoClient,
    readonly url: string,
  ) {}

  static async start(options: MongoDoubleOptions = {}): Promise<World> {
    const real = process.env.MONGO_URL;
    const double = real ? undefined : await MongoDouble.start(options);
    const url = real ?? double!.url;
    const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: 10_000, heartbeatFrequencyMS: 500 });
    const world = new World(double, client, url);
    if (real) await client.db('shop').dropDatabase();
    return world;
  }

  static get isReal(): boolean {
    return process.env.MONGO_URL !== undefined;
  }

  get double(): MongoDouble {
    if (!this.ownDouble) throw new Error('this test needs the double: run it without MONGO_URL');
    return this.ownDouble;
  }

  get db(): Db {
    return this.client.db('shop');
  }

  /** Inserts a document, again if the connection is cut meanwhile: the driver tries twice at most. */
  async insert(collection: string, document: Document & { readonly _id: number }): Promise<void> {
    for (;;) {
      try {
        await this.db.collection<Document & { _id: number }>(collection).insertOne(document);
        return;
      } catch (error) {
        const { code, name } = error as { code?: number; name?: string };
        if (code === 11000) return;
        if (name !== 'MongoNetworkError' && name !== 'MongoServerSelectionError' && name !== 'MongoPoolClearedError') throw error;
      }
    }
  }

  config(more: Record<string, string> = {}): Record<string, string> {
    return { 'topic.prefix': 'ref', 'mongodb.connection.string': this.url, 'poll.interval.ms': '20', 'retriable.restart.connector.wait.ms': '100', 'mongodb.server.selection.timeout.ms': '2000', 'database.include.list': 'shop', ...more };
  }

  async task(settings: Record<string, string> = {}, options: { readonly offset?: OffsetMap | null } = {}): Promise<SourceTaskDriver<MongoSourceTask>> {
    const driver = await new SourceTaskDriver({ task: new MongoSourceTask(), config: this.config(settings), ...options }).start();
    this.drivers.push(driver);
    return driver;
  }

  async end(): Promise<void> {
    for (const it of this.drivers) await it.stop();
    await this.client.close();
    await this.ownDouble?.close();
  }
}
