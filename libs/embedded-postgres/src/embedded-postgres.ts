import { execFile, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { OperationalError, SILENT_LOGGER, type Logger } from '@millrace/foundation';
import { makeFolderFor, unprivilegedAccount, type Account } from './account.js';
import { findBinaries } from './binaries.js';

export interface EmbeddedPostgresOptions {
  /** Holds `data/` and `postgres.log`; made when missing, kept when the server stops. */
  readonly folder: string;
  /** 0 or absent: a free port. */
  readonly port?: number;
  /** Server settings, over our defaults (logical decoding on, loopback only). */
  readonly settings?: Readonly<Record<string, string>>;
  /** How TCP connections prove themselves; fixed when the data folder is made. Default trust. */
  readonly auth?: 'trust' | 'scram-sha-256';
  /** Of the superuser `postgres`, for scram-sha-256. */
  readonly password?: string;
  readonly logger?: Logger;
}

export interface PostgresConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 10_000;
const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  max_connections: '100',
  log_min_messages: 'warning',
};

/**
 * A real PostgreSQL server from the npm binaries, as a child in a process group of its own, listening on 127.0.0.1 only. For the
 * dev host and for tests: never exposed to a network.
 */
export class EmbeddedPostgres {
  readonly host = '127.0.0.1';
  readonly user = 'postgres';
  /** Whether the last end of the server was a SIGKILL: by `kill`, or because `stop` took too long. */
  wasKilled = false;
  private child: ChildProcess | undefined;

  private constructor(
    private readonly options: EmbeddedPostgresOptions,
    private readonly native: string,
    private readonly account: Account | undefined,
    readonly port: number,
  ) {}

  /** Resolves when the server accepts connections. Makes the data folder at the first start. */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const account = unprivilegedAccount();
    const folder = path.resolve(options.folder);
    makeFolderFor(folder, account);
    const native = await findBinaries(account);
    const server = new EmbeddedPostgres({ ...options, folder }, native, account, options.port || (await freePort()));
    if (!fs.existsSync(path.join(server.dataFolder, 'PG_VERSION'))) await server.initialise();
    await server.launch();
    return server;
  }

  get dataFolder(): string {
    return path.join(this.options.folder, 'data');
  }

  /** Of the postmaster; undefined while stopped. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  connection(database = 'postgres'): PostgresConnectionOptions {
    return { host: this.host, port: this.port, user: this.user, password: this.options.password ?? 'postgres', database };
  }

  url(database = 'postgres'): string {
    return `postgresql://${this.user}@${this.host}:${this.port}/${database}`;
  }

  /** A fast shutdown: sessions are ended, the state is saved. */
  async stop(): Promise<void> {
    await this.end('SIGINT');
  }

  /** SIGKILL, as a crash of the machine's process table would: recovery runs at the next start. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Starts again on the same data and port, after `stop`, `kill`, or from running. */
  async restart(): Promise<void> {
    await this.stop();
    await this.launch();
  }

  private async end(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(timer);
    this.child = undefined;
    this.wasKilled = child.signalCode === 'SIGKILL';
    if (this.wasKilled) await this.endWorkers();
  }

  private async initialise(): Promise<void> {
    const passwordFile = path.join(this.options.folder, '.password');
    fs.writeFileSync(passwordFile, this.options.password ?? 'postgres', { mode: 0o600 });
    if (this.account) fs.chownSync(passwordFile, this.account.uid, this.account.gid);
    try {
      const args = ['-D', this.dataFolder, '-U', this.user, '-E', 'UTF8', '--locale=C', '-N', '-A', this.options.auth ?? 'trust', `--pwfile=${passwordFile}`];
      await promisify(execFile)(path.join(this.native, 'bin/initdb'), args, { ...this.account, cwd: this.options.folder, env: { PATH: process.env.PATH } });
    } catch (cause) {
      fs.rmSync(this.dataFolder, { recursive: true, force: true });
      throw new OperationalError('POSTGRES_INIT_FAILED', `PostgreSQL could not make its data folder: ${(cause as { stderr?: string }).stderr?.trim() || String(cause)}`, { cause });
    } finally {
      fs.rmSync(passwordFile, { force: true });
    }
  }

  private async launch(): Promise<void> {
    await this.endLeftOver();
    const logFile = path.join(this.options.folder, 'postgres.log');
    const log = fs.openSync(logFile, 'a');
    const settings = Object.entries({ ...DEFAULTS, ...this.options.settings, port: String(this.port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(path.join(this.native, 'bin/postgres'), ['-D', this.dataFolder, ...settings], {
      ...this.account,
      cwd: this.options.folder,
      env: { PATH: process.env.PATH, TZ: 'UTC' },
      stdio: ['ignore', log, log],
      // A Ctrl-C of the terminal must reach the owner alone, which then stops things in order.
      detached: true,
    });
    fs.closeSync(log);
    this.child = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new OperationalError('POSTGRES_START_FAILED', `PostgreSQL ended at its start: ${lastLines(logFile)}`)));
    });
    failed.catch(() => undefined);
    await Promise.race([this.ready(), failed]);
    (this.options.logger ?? SILENT_LOGGER).info({ port: this.port, pid: child.pid, folder: this.options.folder }, 'embedded PostgreSQL is ready');
  }

  private async ready(): Promise<void> {
    const end = performance.now() + READY_WITHIN_MS;
    while (performance.now() < end) {
      if (this.pidFile()?.status === 'ready' && this.pidFile()?.pid === this.child?.pid) return;
      await delay(10);
    }
    throw new OperationalError('POSTGRES_START_FAILED', `PostgreSQL was not ready within ${READY_WITHIN_MS / 1000} s.`);
  }

  /** A server whose owner was killed still holds the data folder: it is stopped before a new one starts. */
  private async endLeftOver(): Promise<void> {
    const end = performance.now() + STOP_WITHIN_MS;
    for (;;) {
      const pid = this.pidFile()?.pid;
      if (pid === undefined || !isPostgres(pid)) break;
      signal(pid, performance.now() > end ? 'SIGKILL' : 'SIGINT');
      await delay(50);
    }
    await this.endWorkers();
  }

  /** The workers of a killed server notice it sooner or later; until the last has gone they hold its shared memory. */
  private async endWorkers(): Promise<void> {
    for (let left = processesIn(this.dataFolder); left.length > 0; left = processesIn(this.dataFolder)) {
      for (const pid of left) signal(pid, 'SIGKILL');
      await delay(20);
    }
  }

  private pidFile(): { pid: number; status: string } | undefined {
    try {
      const lines = fs.readFileSync(path.join(this.dataFolder, 'postmaster.pid'), 'utf8').split('\n');
      return { pid: Number(lines[0]), status: (lines[7] ?? '').trim() };
    } catch {
      // Absent while the server is stopped.
      return undefined;
    }
  }
}

function isPostgres(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres');
  } catch {
    // No such process.
    return false;
  }
}

/** The server processes that work in this data folder (known on Linux only). */
function processesIn(dataFolder: string): number[] {
  if (process.platform !== 'linux') return [];
  return fs
    .readdirSync('/proc')
    .filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        return fs.readlinkSync(`/proc/${pid}/cwd`) === dataFolder;
      } catch {
        // It ended meanwhile, or belongs to somebody else.
        return false;
      }
    })
    .map(Number);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

function lastLines(file: string): string {
  return fs.readFileSync(file, 'utf8').trim().split('\n').slice(-5).join(' | ');
}

async function freePort(): Promise<number> {
  const probe = net.createServer();
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as net.AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
