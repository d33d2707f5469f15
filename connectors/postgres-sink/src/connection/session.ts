import { readFileSync } from 'node:fs';
import { ConfigError } from '@millrace/connect-api';
import { Client, type ClientConfig } from 'pg';
import type { ConnectionHost, ConnectionUrl, SslMode } from '../config/connection-url.js';
import type { ConnectionSettings } from '../config/sink-settings.js';
import { quoteIdentifier, quoteLiteral } from '../naming/identifier.js';
import { failureKind } from './sql-state.js';
import { BulkScript, PipelineScript, type PreparedCall } from './script.js';

const CONNECT_TIMEOUT_MS = 10_000;
/** Staging tables are emptied at each commit, all of them: not too many. */
const STAGES_MAX = 32;

/** One database connection, with what it has prepared. */
export class Session {
  /** Statements by their names, and the names that the server knows them by. */
  private readonly prepared = new Map<string, string>();
  private nextStatement = 0;
  private readonly stages = new Map<string, string>();
  private nextStage = 0;
  private lost = false;

  private constructor(private readonly client: Client) {
    client.on('error', () => (this.lost = true));
    client.on('end', () => (this.lost = true));
  }

  /** Connects to the first host that answers. Throws the last host's error. */
  static async open(settings: ConnectionSettings): Promise<Session> {
    let failure: unknown;
    for (const options of clientOptions(settings)) {
      const client = new Client(options);
      const session = new Session(client);
      try {
        await client.connect();
        if (settings.url.writableOnly && (await session.isReadOnly())) throw Object.assign(new Error('The server only reads'), { code: '25006' });
        await session.setUp(settings);
        return session;
      } catch (error) {
        failure = error;
        await session.close();
        if (!isWorthAnotherHost(error)) break;
      }
    }
    throw failure;
  }

  get isLost(): boolean {
    return this.lost;
  }

  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const result = await this.client.query<Record<string, unknown>>(text, values);
    return result.rows;
  }

  /** See BulkScript. */
  async bulk(statements: readonly string[], copies: readonly Uint8Array[]): Promise<void> {
    const script = new BulkScript(statements, copies);
    this.client.query(script);
    await script.done;
  }

  /** See PipelineScript. On failure tells how many calls had succeeded before. */
  async pipeline(calls: readonly PreparedCall[]): Promise<{ readonly completed: number; readonly error?: unknown }> {
    const added = new Map<string, string>();
    const named = calls.map((call) => {
      let name = this.prepared.get(call.name) ?? added.get(call.name);
      if (name === undefined) {
        name = `millrace_${this.nextStatement++}`;
        added.set(call.name, name);
      }
      return { ...call, name };
    });
    const script = new PipelineScript(named, new Set(added.values()));
    this.client.query(script);
    try {
      await script.done;
      for (const [call, name] of added) this.prepared.set(call, name);
      return { completed: script.completed };
    } catch (error) {
      // Which of the added ones were parsed before the failure is not known: they will be prepared again, under other names.
      return { completed: script.completed, error };
    }
  }

  /**
   * The name of the staging table with these columns, made at its first use; empty at the begin of each transaction.
   * Uses of the same columns in one transaction differ by `turn`.
   */
  async stage(definition: string, turn: number): Promise<string> {
    const key = `${turn} ${definition}`;
    const known = this.stages.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.stages;
    if (oldest && this.stages.size >= STAGES_MAX) {
      this.stages.delete(oldest[0]);
      await this.query(`DROP TABLE ${oldest[1]}`);
    }
    const name = `pg_temp.millrace_stage_${this.nextStage++}`;
    await this.query(`CREATE TEMPORARY TABLE ${name} (${definition}) ON COMMIT DELETE ROWS`);
    this.stages.set(key, name);
    return name;
  }

  async close(): Promise<void> {
    this.lost = true;
    this.client.on('error', () => undefined);
    await this.client.end().catch(() => undefined);
  }

  private async isReadOnly(): Promise<boolean> {
    const [row] = await this.query('SHOW transaction_read_only');
    return row?.['transaction_read_only'] === 'on';
  }

  private async setUp({ url, timeZone }: ConnectionSettings): Promise<void> {
    const settings = [`SET TimeZone TO ${quoteLiteral(timeZone)}`, "SET DateStyle TO 'ISO, YMD'", 'SET jit TO off'];
    if (url.searchPath !== undefined) settings.push(`SET search_path TO ${url.searchPath.split(',').map((it) => quoteIdentifier(it.trim())).join(', ')}`);
    await this.query(settings.join('; '));
  }
}

/** A password that is wrong here is wrong elsewhere; a host that is down or only reads says nothing of the others. */
function isWorthAnotherHost(error: unknown): boolean {
  return failureKind(error) === 'connection' || (error instanceof Error && /SSL/i.test(error.message));
}

/** The ways to connect, in the order to try them. */
export function clientOptions(settings: ConnectionSettings): ClientConfig[] {
  const { url } = settings;
  return url.hosts.flatMap((host) => sslChoices(url).map((ssl) => ({ ...baseOptions(settings, host), ssl })));
}

function baseOptions({ url, user, password }: ConnectionSettings, { host, port }: ConnectionHost): ClientConfig {
  return {
    host,
    port,
    user,
    password: password?.reveal() ?? '',
    database: url.database ?? user,
    application_name: url.applicationName ?? 'millrace-postgres-sink',
    connectionTimeoutMillis: url.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
}

function sslChoices(url: ConnectionUrl): ClientConfig['ssl'][] {
  const ssl = sslOptions(url);
  const choices: Record<SslMode, ClientConfig['ssl'][]> = { disable: [false], allow: [false, ssl], prefer: [ssl, false], require: [ssl], 'verify-ca': [ssl], 'verify-full': [ssl] };
  return choices[url.sslMode];
}

function sslOptions({ sslMode, sslRootCert, sslCert, sslKey }: ConnectionUrl): ClientConfig['ssl'] {
  const verified = sslMode === 'verify-ca' || sslMode === 'verify-full';
  return {
    rejectUnauthorized: verified,
    ...(sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
    ...(sslRootCert === undefined ? {} : { ca: readPem(sslRootCert, 'sslrootcert') }),
    ...(sslCert === undefined ? {} : { cert: readPem(sslCert, 'sslcert') }),
    ...(sslKey === undefined ? {} : { key: readPem(sslKey, 'sslkey') }),
  };
}

function readPem(path: string, parameter: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError(`Invalid value for configuration connection.url: the file of ${parameter} cannot be read`, 'connection.url');
  }
}
