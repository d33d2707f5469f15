import path from 'node:path';
import { at, describeSourceConnector, TcpGate, type DeliveredRecord, type SourceDriver } from '@millrace/connect-testkit';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import type { Client } from 'pg';
import { createDatabase, openClient, sourceConfig, startServer } from '../test/database.js';
import { postgresSource } from './index.js';

let server: EmbeddedPostgres;
let end: () => Promise<void>;
let admin: Client;

beforeAll(async () => {
  ({ server, end } = await startServer());
  admin = await openClient(server, 'postgres');
}, 60_000);
afterAll(async () => {
  await admin.end();
  await end();
});

/** A database with one table for each check; the connector reaches it through a gate. */
class PostgresWorld implements SourceDriver {
  readonly plugin = postgresSource;
  readonly folder = path.join(__dirname, '..');
  readonly pollRecordsMax = 10;
  private nextDatabase = 0;
  private name = '';
  private client!: Client;
  private gate!: TcpGate;

  readonly outage = {
    begin: (): Promise<void> => Promise.resolve(this.gate.shut()),
    end: (): Promise<void> => Promise.resolve(this.gate.open()),
  };

  async open(): Promise<Record<string, string>> {
    this.name = `acceptance${this.nextDatabase++}`;
    this.client = await createDatabase(server, this.name);
    await this.client.query('create table item (id int primary key, note text)');
    this.gate = await TcpGate.listen({ host: server.host, port: server.port });
    return sourceConfig(server, this.name, { 'database.hostname': this.gate.host, 'database.port': String(this.gate.port), 'database.password': 'a-long-Secret', 'max.batch.size': '10', 'retriable.restart.connector.wait.ms': '200', 'slot.retry.delay.ms': '100', 'slot.max.retries': '100' });
  }

  async close(): Promise<void> {
    await this.gate.close();
    await this.client.end();
    await this.untilGone();
    await admin.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1', [this.name]);
    await admin.query(`drop database ${this.name}`);
  }

  async seed(first: number, count: number): Promise<void> {
    await this.client.query('insert into item select n, $3 from generate_series($1::int, $2::int) n', [first, first + count - 1, 'a note']);
  }

  identify(record: DeliveredRecord): number | undefined {
    const id = at(record.value, 'after', 'id');
    return typeof id === 'number' ? id : undefined;
  }

  async kill(): Promise<void> {
    this.gate.cut();
    await this.untilGone(1);
  }

  async fingerprint(): Promise<string> {
    const { rows } = await this.client.query('select (select count(*) from pg_publication) publications, (select count(*) from pg_replication_slots where database = current_database()) slots, (select count(*) from pg_class) relations');
    return JSON.stringify(rows);
  }

  /** Until the server has seen that its sessions in the database are over. */
  private async untilGone(kept = 0): Promise<void> {
    for (;;) {
      const { rows } = await admin.query<{ count: string }>('select count(*) from pg_stat_activity where datname = $1', [this.name]);
      if (Number(rows[0]?.count) <= kept) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

describeSourceConnector(new PostgresWorld());
