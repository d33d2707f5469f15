import fs from 'node:fs';
import { Client, type ClientConfig } from 'pg';
import type { SourceSettings } from '../config/source-settings.js';
import { isTlsRefusal } from './failure.js';
import { SqlSession } from './sql-session.js';

const CONNECT_TIMEOUT_MS = 30_000;
/** So that text comes in the one form that the encoders read. */
const TEXT_FORM = 'SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = UTC; SET extra_float_digits = 1; SET bytea_output = hex';

type Tls = Exclude<ClientConfig['ssl'], undefined>;

/** An ordinary session. Throws the driver's error; its message holds no secret. */
export async function connect(settings: SourceSettings, options: { readonly timeoutMs?: number; readonly runsInitialStatements?: boolean } = {}): Promise<SqlSession> {
  const { values } = settings;
  const client = await open(settings, { query_timeout: values['database.query.timeout.ms'] || undefined, connectionTimeoutMillis: options.timeoutMs ?? CONNECT_TIMEOUT_MS });
  const session = new SqlSession(client);
  await session.run(TEXT_FORM);
  const statements = values['database.initial.statements'];
  if (options.runsInitialStatements !== false && statements) await session.run(statements.replaceAll(';;', ';'));
  return session;
}

/** A session in which the server takes replication commands as well as SQL. */
export async function connectForReplication(settings: SourceSettings): Promise<SqlSession> {
  const client = await open(settings, { connectionTimeoutMillis: CONNECT_TIMEOUT_MS, replication: 'database' } as ClientConfig);
  const session = new SqlSession(client);
  await session.run(TEXT_FORM);
  return session;
}

/** `prefer` falls back to plain text when the server has no TLS, `allow` takes TLS only when the server insists. */
async function open(settings: SourceSettings, more: ClientConfig): Promise<Client> {
  const attempts = tlsAttempts(settings);
  for (const [index, ssl] of attempts.entries()) {
    const { values } = settings;
    const client = new Client({
      host: values['database.hostname'],
      port: values['database.port'],
      user: values['database.user'],
      password: values['database.password']?.reveal() ?? '',
      database: values['database.dbname'],
      keepAlive: values['database.tcpKeepAlive'],
      application_name: 'Millrace CDC',
      ssl,
      ...more,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (index === attempts.length - 1 || !isTlsRefusal(error)) throw error;
    }
  }
  throw new Error('no way to connect was tried');
}

function tlsAttempts(settings: SourceSettings): Tls[] {
  const { values } = settings;
  const read = (name: string | null): string | undefined => (name ? fs.readFileSync(name, 'utf8') : undefined);
  const root = values['database.sslrootcert'];
  const certificates = { ca: read(root), cert: read(values['database.sslcert']), key: read(values['database.sslkey']), passphrase: values['database.sslpassword']?.reveal() };
  const unchecked = { ...certificates, rejectUnauthorized: false };
  switch (values['database.sslmode'].toLowerCase()) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, unchecked];
    case 'require':
      return [unchecked];
    case 'verify-ca':
      return [{ ...certificates, rejectUnauthorized: true, checkServerIdentity: () => undefined }];
    case 'verify-full':
      return [{ ...certificates, rejectUnauthorized: true }];
    default:
      return [unchecked, false];
  }
}
