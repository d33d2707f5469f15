import type { ConfigValue } from '@millrace/connect-api';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { sourceConfig, startServer } from '../test/database.js';
import { Client } from 'pg';
import { PostgresSourceConnector } from './postgres-source-connector.js';

const SECRET = 'Geheimnis-7';

describe('validation against a server', () => {
  let server: EmbeddedPostgres;
  let end: () => Promise<void>;

  beforeAll(async () => {
    ({ server, end } = await startServer({ auth: 'scram-sha-256', password: SECRET, settings: { wal_level: 'replica' } }));
    const admin = new Client(server.connection('postgres'));
    await admin.connect();
    await admin.query("create role plain login password 'p'");
    await admin.end();
  }, 60_000);
  afterAll(() => end());

  async function errors(more: Record<string, string>): Promise<Record<string, string[]>> {
    const values: ConfigValue[] = await new PostgresSourceConnector().validate(sourceConfig(server, 'postgres', { 'database.password': SECRET, 'database.sslmode': 'disable', ...more }));
    expect(JSON.stringify(values)).not.toContain(SECRET);
    return Object.fromEntries(values.filter((it) => it.errors.length > 0).map((it) => [it.name, it.errors]));
  }

  it.each([
    ['a wrong password', { 'database.password': 'wrong' }, 'database.password', /^Unable to connect: password authentication failed/],
    ['an unknown user', { 'database.user': 'nobody' }, 'database.password', /^Unable to connect: /],
    ['an unknown database', { 'database.dbname': 'missing' }, 'database.dbname', /^Unable to connect: database "missing" does not exist/],
    ['a port without a server', { 'database.port': '1' }, 'database.hostname', /^Unable to connect: connect ECONNREFUSED/],
    ['a server without TLS where TLS is required', { 'database.sslmode': 'require' }, 'database.sslmode', /^Unable to connect: The server does not support SSL/],
    ['a server that does not decode', {}, 'database.hostname', /wal_level property must be 'logical' but is: 'replica'/],
    ['a user that may not replicate', { 'database.user': 'plain', 'database.password': 'p' }, 'database.user', /roles LOGIN and REPLICATION are not assigned to user: plain/],
  ])('reports %s at the setting at fault', async (_what, more, name, message) => {
    const found = await errors(more as Record<string, string>);
    expect(found[name]?.join()).toMatch(message);
  });

  it('asks nothing of the log when only a snapshot is wanted', async () => {
    expect(await errors({ 'snapshot.mode': 'initial_only', 'database.sslmode': 'prefer' })).toEqual({});
  });
});
