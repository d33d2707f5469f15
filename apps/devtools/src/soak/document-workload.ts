import { setTimeout as delay } from 'node:timers/promises';
import { MongoDouble } from '@millrace/mongo-double';
import { MongoClient, type Collection } from 'mongodb';
import { JSON_SETTINGS, readTopic, SeededRandom, waitFor, type Workload, type WorkloadConnector, type WorkloadVerdict } from '@millrace/testkit';

export interface DocumentWorkloadOptions {
  readonly name: string;
  readonly bootstrap: string;
  readonly changesPerSecond: number;
  readonly seed: number;
}

interface Account {
  _id: number;
  version: number;
  note: string;
}

interface DocumentEvent {
  readonly op: 'c' | 'u' | 'd' | 'r';
  readonly after: string | null;
}

const TICK_MS = 50;
const DUPLICATE_KEY = 11000;

/** Documents of a MongoDB replica set that are inserted, replaced and deleted, and captured; every change of a document raises its version by one. */
export class DocumentWorkload implements Workload {
  readonly connectors: readonly WorkloadConnector[];
  private server: MongoDouble | undefined;
  private client: MongoClient | undefined;
  private readonly versions = new Map<number, number>();
  private readonly deleted = new Set<number>();
  private changes = 0;

  constructor(private readonly options: DocumentWorkloadOptions) {
    this.connectors = [{ name: `${options.name}-source`, tasks: 1, config: {} }];
  }

  get name(): string {
    return this.options.name;
  }

  async prepare(): Promise<void> {
    this.server = await MongoDouble.start();
    this.client = await MongoClient.connect(this.server.url, { serverSelectionTimeoutMS: 5000, heartbeatFrequencyMS: 500 });
    Object.assign(this.connectors[0]!.config, {
      'connector.class': 'io.debezium.connector.mongodb.MongoDbConnector',
      'tasks.max': '1',
      'mongodb.connection.string': this.server.url,
      'topic.prefix': this.name,
      'collection.include.list': 'bank.accounts',
      // Whole documents in the events, not what a later look-up finds.
      'capture.mode': 'change_streams',
      ...JSON_SETTINGS,
    });
  }

  async ready(): Promise<void> {
    await this.collection.insertOne({ _id: 0, version: 1, note: 'the first' });
    this.versions.set(0, 1);
    await waitFor(`${this.name}: the first document is in the topic`, 60_000, async () => (await this.seen().catch(() => new Map())).has(0));
  }

  async write(signal: AbortSignal): Promise<void> {
    const random = new SeededRandom(this.options.seed);
    const perTick = Math.ceil((this.options.changesPerSecond * TICK_MS) / 1000);
    while (!signal.aborted) {
      for (let i = 0; i < perTick; i++) await this.change(random);
      await delay(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async strike(random: SeededRandom): Promise<void> {
    await this.server!.stop();
    await delay(random.integer(3000));
    await this.server!.restart();
  }

  async verdict(settleMs: number): Promise<WorkloadVerdict> {
    const problems: string[] = [];
    let seen = new Map<number, DocumentHistory>();
    const lacks = (): string[] =>
      [...this.versions].flatMap(([id, version]) => {
        const it = seen.get(id);
        if (it?.version !== version) return [`${this.name}: document ${id} was changed up to version ${version}, in the topic up to ${it?.version ?? 0}`];
        return it.isDeleted === this.deleted.has(id) ? [] : [`${this.name}: whether document ${id} was deleted differs`];
      });
    await waitFor(`${this.name}: each change is in the topic`, settleMs, async () => {
      seen = await this.seen(problems);
      return lacks().length === 0;
    }).catch(() => problems.push(...lacks().slice(0, 10)));
    const histories = [...seen.values()];
    return { problems: problems.slice(0, 20), figures: { changes: this.changes, records: histories.reduce((sum, it) => sum + it.records, 0), repeats: histories.reduce((sum, it) => sum + it.repeats, 0) } };
  }

  async close(): Promise<void> {
    await this.client?.close();
    await this.server?.close();
  }

  private get collection(): Collection<Account> {
    return this.client!.db('bank').collection<Account>('accounts');
  }

  private async change(random: SeededRandom): Promise<void> {
    const alive = random.integer(this.versions.size + 10);
    const version = this.versions.get(alive);
    this.changes += 1;
    if (version === undefined || this.deleted.has(alive)) {
      const id = this.versions.size;
      await this.surely(() => this.collection.insertOne({ _id: id, version: 1, note: `document ${id} ü` }));
      this.versions.set(id, 1);
    } else if (random.integer(10) === 0) {
      await this.surely(() => this.collection.deleteOne({ _id: alive }));
      this.deleted.add(alive);
    } else {
      await this.surely(() => this.collection.replaceOne({ _id: alive }, { version: version + 1, note: `version ${version + 1}` }));
      this.versions.set(alive, version + 1);
    }
  }

  /** Tries until the server has answered: each write may be made twice, an insert is refused the second time. */
  private async surely(write: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await write();
        return;
      } catch (error) {
        if ((error as { code?: number }).code === DUPLICATE_KEY) return;
        await delay(TICK_MS);
      }
    }
  }

  /** What the topic says of each document. A version that is not the next one, and was not there before, is a gap. */
  private async seen(problems: string[] = []): Promise<Map<number, DocumentHistory>> {
    problems.length = 0;
    const histories = new Map<number, DocumentHistory>();
    await readTopic(this.options.bootstrap, `${this.name}.bank.accounts`, ({ key, value }) => {
      if (key === null || value === null) return;
      const id = Number((JSON.parse(key.toString('utf8')) as { payload: { id: string } }).payload.id);
      const { op, after } = (JSON.parse(value.toString('utf8')) as { payload: DocumentEvent }).payload;
      const history = histories.get(id) ?? { version: 0, isDeleted: false, records: 0, repeats: 0 };
      histories.set(id, history);
      history.records += 1;
      const version = after === null ? undefined : (JSON.parse(after) as Account).version;
      if (version === undefined ? history.isDeleted : version <= history.version) history.repeats += 1;
      else if (version === undefined) history.isDeleted = true;
      else {
        if (op !== 'r' && version !== history.version + 1) problems.push(`${this.name}: document ${id} has version ${version} where ${history.version + 1} was to come`);
        history.version = version;
      }
    });
    return histories;
  }
}

interface DocumentHistory {
  version: number;
  isDeleted: boolean;
  records: number;
  repeats: number;
}
