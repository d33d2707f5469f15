import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { Client } from 'pg';

/** A real server of its own for one spec file. */
export async function startServer(options: { readonly auth?: 'trust' | 'scram-sha-256'; readonly password?: string; readonly settings?: Readonly<Record<string, string>> } = {}): Promise<{ server: EmbeddedPostgres; end: () => Promise<void> }> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-source-'));
  fs.chmodSync(folder, 0o755);
  const server = await EmbeddedPostgres.start({ folder: path.join(folder, 'pg'), ...options, settings: { fsync: 'off', ...options.settings } });
  return {
    server,
    end: async () => {
      await server.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A session that does not mind when the server goes away. */
export async function openClient(server: EmbeddedPostgres, database: string): Promise<Client> {
  const client = new Client(server.connection(database));
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export async function createDatabase(server: EmbeddedPostgres, name: string): Promise<Client> {
  const admin = await openClient(server, 'postgres');
  await admin.query(`create database ${name}`);
  await admin.end();
  return openClient(server, name);
}

/** The statements of a script, one by one: each line that ends with a semicolon ends one, and so does a semicolon before a word, outside of $$ and begin. */
export function statementsOf(script: string): string[] {
  const blocks: string[] = [];
  let block = '';
  let isQuoted = false;
  for (const line of script.split('\n')) {
    block += `${line}\n`;
    if ((line.match(/\$\$/g)?.length ?? 0) % 2 === 1) isQuoted = !isQuoted;
    if (!isQuoted && /;\s*$/.test(line)) {
      blocks.push(block);
      block = '';
    }
  }
  return blocks.flatMap((it) => (/\$\$|^begin/m.test(it) ? [it] : it.split(/;\s+(?=[a-z])/))).filter((it) => it.replace(/--.*/g, '').trim() !== '');
}

export function sourceConfig(server: EmbeddedPostgres, database: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'plugin.name': 'pgoutput',
    'database.hostname': server.host,
    'database.port': String(server.port),
    'database.user': server.user,
    'database.password': 'x',
    'database.dbname': database,
    'topic.prefix': database,
    'slot.name': database,
    'publication.name': database,
    'poll.interval.ms': '50',
    ...more,
  };
}
