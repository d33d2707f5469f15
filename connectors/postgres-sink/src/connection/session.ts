import { readFileSync } from 'node:fs';
import { ConfigError } from '@millrace/connect-api';
import { Client, type ClientConfig } from 'pg';
import type { ConnectionHost, ConnectionUrl, SslMode } from '../config/connection-url.js';
import type { ConnectionSettings } from '../config/sink-settings.js';
import { quoteIdentifier, quoteLiteral } from '../naming/identifier.js';
import { failureKind, isTlsRefusal } from './sql-state.js';
import { Script } from './script.js';

const CONNECT_TIMEOUT_MS = 10_000;
/** Staging tables are emptied at each commit, all of them: not too many. */
const STAGES_MAX = 32;

/** A statement of a pipeline, known by its name, and its parameters as text (null: SQL null). */
export interface PreparedCall {
  readonly name: string;
  readonly sql: string;
  readonly parameters: readonly (Uint8Array | null)[];
}

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

  /** Prepares a statement under this name, once; `pipeline` and `prepared` scripts know it then. */
  async prepare(name: string, sql: string): Promise<void> {
    if (this.prepared.has(name)) return;
    const script = this.start();
    const wireName = `millrace_${this.nextStatement++}`;
    script.prepare(wireName, sql);
    script.end();
    await script.done;
    this.prepared.set(name, wireName);
  }

  /** After a change of a table: the server keeps the types of parameters as they were when a statement was prepared. */
  async forgetPrepared(): Promise<void> {
    this.prepared.clear();
    await this.query('DEALLOCATE ALL');
  }

  /** Adds the call of a prepared statement to a script. */
  addCall(script: Script, { name, sql, parameters }: PreparedCall): void {
    const known = this.prepared.get(name);
    script.call(known ?? '', known === undefined ? sql : undefined, parameters);
  }

  /** Begins to run the statements that will be added to the script. */
  start(): Script {
    const script = new Script();
    this.client.query(script);
    return script;
  }

  /** Runs prepared statements: outside of BEGIN all or nothing. On failure tells how many calls had succeeded before. */
  async pipeline(calls: readonly PreparedCall[]): Promise<{ readonly completed: number; readonly error?: unknown }> {
    const added = new Map<string, string>();
    const script = this.start();
    for (const { name, sql, parameters } of calls) {
      const known = this.prepared.get(name) ?? added.get(name);
      const wireName = known ?? `millrace_${this.nextStatement++}`;
      if (known === undefined) added.set(name, wireName);
      script.call(wireName, known === undefined ? sql : undefined, parameters);
    }
    script.end();
    try {
      await script.done;
      for (const [name, wireName] of added) this.prepared.set(name, wireName);
      return { completed: script.completed };
    } catch (error) {
      // Which of the added ones were parsed before the failure is not known: they will be prepared again, under other names.
      return { completed: script.completed, error };
    }
  }

  /**
   * A staging table with these columns, empty at the begin of each transaction; uses of the same columns in one transaction differ by `turn`.
   * If it is not there yet, `make` has the statements that make it: when their transaction fails, say so to `forgetStage`.
   */
  stage(definition: string, turn: number): { readonly name: string; readonly key: string; readonly make: readonly string[] } {
    const key = `${turn} ${definition}`;
    const known = this.stages.get(key);
    if (known !== undefined) return { name: known, key, make: [] };
    const make: string[] = [];
    const [oldest] = this.stages;
    if (oldest && this.stages.size >= STAGES_MAX) {
      this.stages.delete(oldest[0]);
      make.push(`DROP TABLE IF EXISTS ${oldest[1]}`);
    }
    const name = `pg_temp.millrace_stage_${this.nextStage++}`;
    make.push(`CREATE TEMPORARY TABLE ${name} (${definition}) ON COMMIT DELETE ROWS`);
    this.stages.set(key, name);
    return { name, key, make };
  }

  forgetStage(key: string): void {
    this.stages.delete(key);
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
  return failureKind(error) === 'connection' || isTlsRefusal(error);
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
