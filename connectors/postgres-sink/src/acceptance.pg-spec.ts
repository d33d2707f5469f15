import path from 'node:path';
import { Schema, type SinkRecord } from '@millrace/connect-api';
import { describeSinkConnector, TcpGate, type RecordParts, type SinkClaims, type SinkDriver } from '@millrace/connect-testkit';
import { DebeziumTable } from '../test/sink-driver.js';
import { SinkServer, type SinkDatabase } from '../test/sink-database.js';
import { plugin } from './index.js';

let server: SinkServer;

beforeAll(async () => {
  server = await SinkServer.start();
}, 60_000);
afterAll(() => server.stop());

const ID = Schema.of('int32');
const NOTE = Schema.of('string', { optional: true });
const ITEMS = new DebeziumTable(['id'], { id: ID, note: NOTE });
const WIDER_ITEMS = new DebeziumTable(['id'], { id: ID, note: NOTE, more: NOTE });

/** A database with one table for each check; the connector reaches it through a gate. */
class PostgresWorld implements SinkDriver {
  readonly plugin = plugin;
  readonly folder = path.join(__dirname, '..');
  readonly topic = ITEMS.topic;
  private database!: SinkDatabase;
  private gate!: TcpGate;

  constructor(
    readonly claims: SinkClaims,
    private readonly settings: Readonly<Record<string, string>> = {},
    private readonly table = "create table t (id int primary key, note text check (note <> 'bad'))",
  ) {}

  readonly outage = {
    begin: (): Promise<void> => Promise.resolve(this.gate.shut()),
    end: (): Promise<void> => Promise.resolve(this.gate.open()),
  };

  async open(): Promise<Record<string, string>> {
    this.database = await server.database(this.table);
    this.gate = await TcpGate.listen(server.server);
    return this.database.config({
      'connection.url': `jdbc:postgresql://${this.gate.host}:${this.gate.port}/${this.database.name}?sslmode=disable`,
      'connection.password': 'a-long-Secret',
      'flush.max.retries': '0',
      ...this.settings,
    });
  }

  async close(): Promise<void> {
    await this.gate.close();
    await server.endTest();
  }

  record(item: number): RecordParts {
    return parts(ITEMS.change('c', { id: item, note: `item ${item}` }));
  }

  async readBack(): Promise<number[]> {
    return (await this.database.query('select id from t order by id')).map((it) => Number(it['id']));
  }

  badRecord(item: number): RecordParts {
    return parts(ITEMS.change('c', { id: item, note: 'bad' }));
  }

  tombstone(item: number): RecordParts {
    return parts(ITEMS.tombstone({ id: item }));
  }

  changedRecord(item: number): RecordParts {
    return parts(WIDER_ITEMS.change('c', { id: item, note: 'wider', more: 'more' }));
  }

  largeRecord(item: number, bytes: number): RecordParts {
    return parts(ITEMS.change('c', { id: item, note: 'x'.repeat(bytes) }));
  }

  /** The session ends, and with it the transaction under way: that is what the death of its process looks like to the server. */
  async kill(): Promise<void> {
    this.gate.cut();
    const isOver = async (): Promise<boolean> => (await this.database.query('select count(*)::int as sessions from pg_stat_activity where datname = current_database()'))[0]?.['sessions'] === 1;
    for (const endMs = Date.now() + 10_000; !(await isOver()); ) {
      if (Date.now() > endMs) throw new Error('the session of a killed task is still there after 10 s');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async fingerprint(): Promise<string> {
    return JSON.stringify(await this.database.query('select (select count(*) from pg_class) relations, (select count(*) from t) rows'));
  }
}

function parts({ keySchema, key, valueSchema, value }: SinkRecord): RecordParts {
  return { keySchema, key, valueSchema, value };
}

describeSinkConnector(new PostgresWorld({ idempotent: true, deletes: true }));

describe('with exactly.once', () => {
  describeSinkConnector(new PostgresWorld({ idempotent: true, exactlyOnce: true, deletes: true }, { 'exactly.once': 'true' }));
});

describe('with exactly.once and rows without a key', () => {
  const settings = { 'exactly.once': 'true', 'insert.mode': 'insert', 'primary.key.mode': 'none', 'delete.enabled': 'false' };
  describeSinkConnector(new PostgresWorld({ idempotent: true, exactlyOnce: true }, settings, "create table t (id int, note text check (note <> 'bad'))"));
});
