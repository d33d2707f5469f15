import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from '@millrace/embedded-postgres';
import { Client } from 'pg';
import { SinkDriver } from './sink-driver.js';

/** A server for a spec file, with a database for each test. */
export class SinkServer {
  private nextDatabase = 0;
  private readonly drivers: SinkDriver[] = [];
  private readonly clients: Client[] = [];

  private constructor(
    readonly server: EmbeddedPostgres,
    private readonly folder: string,
  ) {}

  static async start(options: Omit<EmbeddedPostgresOptions, 'folder'> = {}): Promise<SinkServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'millrace-sink-'));
    return new SinkServer(await EmbeddedPostgres.start({ ...options, folder, settings: { fsync: 'off', ...options.settings } }), folder);
  }

  /** A client of a database of its own. */
  async database(setUp = ''): Promise<SinkDatabase> {
    const name = `d${this.nextDatabase++}`;
    const admin = await this.client('postgres');
    await admin.query(`CREATE DATABASE ${name}`);
    const client = await this.client(name);
    if (setUp !== '') await client.query(setUp);
    return new SinkDatabase(this, name, client);
  }

  async client(database: string): Promise<Client> {
    const client = new Client(this.server.connection(database));
    client.on('error', () => undefined);
    await client.connect();
    this.clients.push(client);
    return client;
  }

  driver(config: Readonly<Record<string, string>>, tolerance: 'all' | 'none' = 'none'): SinkDriver {
    const driver = new SinkDriver(config, tolerance);
    this.drivers.push(driver);
    return driver;
  }

  /** Ends what the tests have opened. */
  async endTest(): Promise<void> {
    for (const driver of this.drivers.splice(0)) await driver.stop();
    for (const client of this.clients.splice(0)) await client.end().catch(() => undefined);
  }

  async stop(): Promise<void> {
    await this.endTest();
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class SinkDatabase {
  constructor(
    private readonly owner: SinkServer,
    readonly name: string,
    private readonly client: Client,
  ) {}

  /** The connector's config for this database: upsert and delete by the record's key into table t, made at need. */
  config(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { server } = this.owner;
    return {
      'connection.url': `jdbc:postgresql://${server.host}:${server.port}/${this.name}?sslmode=disable`, 'connection.username': server.user, 'insert.mode': 'upsert', 'delete.enabled': 'true', 'truncate.enabled': 'true',
      'primary.key.mode': 'record_key', 'schema.evolution': 'basic', 'collection.name.format': 't', 'flush.retry.delay.ms': '50', ...more,
    };
  }

  driver(more: Readonly<Record<string, string>> = {}, tolerance: 'all' | 'none' = 'none'): SinkDriver {
    return this.owner.driver(this.config(more), tolerance);
  }

  async query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.client.query<Record<string, unknown>>(sql, values)).rows;
  }

  /** Rows as arrays of text, in order of the first column. */
  async rows(table = 't', columns = '*'): Promise<(string | null)[][]> {
    const result = await this.client.query<(string | null)[]>({ text: `SELECT ${columns} FROM ${table} ORDER BY 1`, rowMode: 'array', types: { getTypeParser: () => (value: string) => value } });
    return result.rows;
  }

  /** Column names and types. */
  async types(table = 't'): Promise<Record<string, string>> {
    const rows = await this.query('SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum', [table]);
    return Object.fromEntries(rows.map((it) => [String(it['attname']), String(it['type'])]));
  }
}
