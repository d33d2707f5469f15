import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../doubles/seeded-random.js';
import type { DatabaseServer } from './database-server.js';

/** What was committed for one key, in order: versions 1, 2, 3 … of the row, and whether it was deleted at the end. */
export interface KeyHistory {
  versions: number;
  isDeleted: boolean;
}

const CHANGES_PER_TRANSACTION_MAX = 40;

/**
 * Writers with connections and keys of their own that insert, update and delete, and remember what was really committed: when a
 * connection ends between COMMIT and its answer, the row tells. Every change of a row raises its version by one.
 */
export class ConcurrentWriters {
  readonly histories = new Map<number, KeyHistory>();
  private changes = 0;

  constructor(
    private readonly options: {
      readonly postgres: DatabaseServer;
      readonly database: string;
      readonly table: string;
      readonly writers: number;
      readonly changes: number;
      /** At most so many changes a second in all. */
      readonly changesPerSecond: number;
      readonly seed: number;
    },
  ) {}

  get changesMade(): number {
    return this.changes;
  }

  static tableSql(table: string): string {
    return `create table ${table} (id bigint primary key, version int not null, writer int not null, amount numeric(12,2), note text, at timestamptz default now())`;
  }

  /** Resolves when all changes are committed, or those that were under way at the signal. */
  async run(signal?: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: this.options.writers }, (_, writer) => this.write(writer, signal)));
  }

  private async write(writer: number, signal: AbortSignal | undefined): Promise<void> {
    const { changes, writers, changesPerSecond, seed } = this.options;
    const random = new SeededRandom(seed * 1000 + writer);
    const own: number[] = [];
    let nextKey = writer * 100_000_000 + 1;
    const share = Math.ceil(changes / writers);
    const begun = performance.now();
    let connection: Client | undefined;
    for (let made = 0; made < share && !signal?.aborted; ) {
      const planned = this.plan(random, own, Math.min(1 + random.integer(CHANGES_PER_TRANSACTION_MAX), share - made), () => nextKey++);
      for (let isCommitted = false; !isCommitted; ) {
        connection ??= await this.connect();
        isCommitted = await this.commit(connection, writer, planned).catch(() => false);
        if (!isCommitted) {
          await connection.end().catch(() => undefined);
          connection = await this.connect();
          isCommitted = await this.wasCommitted(connection, planned);
        }
      }
      this.remember(planned, own);
      made += planned.length;
      this.changes += planned.length;
      const due = begun + (made / (changesPerSecond / writers)) * 1000;
      if (due > performance.now()) await delay(due - performance.now(), undefined, { signal }).catch(() => undefined);
    }
    await connection?.end();
  }

  /** Each key at most once a transaction, so that one row shows whether the whole transaction was committed. */
  private plan(random: SeededRandom, own: readonly number[], count: number, nextKey: () => number): Change[] {
    const touched = new Set<number>();
    return Array.from({ length: count }, () => {
      const dice = random.next();
      const key = own.length > 0 && dice > 0.4 ? random.pick(own) : undefined;
      if (key === undefined || touched.has(key)) return { kind: 'insert' as const, key: nextKey(), version: 1 };
      touched.add(key);
      const { versions } = this.histories.get(key)!;
      return dice > 0.9 ? { kind: 'delete' as const, key, version: versions } : { kind: 'update' as const, key, version: versions + 1 };
    });
  }

  private async commit(client: Client, writer: number, changes: readonly Change[]): Promise<boolean> {
    const { table } = this.options;
    const statements = changes.map(({ kind, key, version }) => {
      if (kind === 'insert') return `insert into ${table} values (${key}, 1, ${writer}, ${key % 9973}.25, 'note ${key} ü')`;
      if (kind === 'update') return `update ${table} set version = ${version}, amount = ${version}.5, note = 'version ${version}' where id = ${key}`;
      return `delete from ${table} where id = ${key}`;
    });
    await client.query(`begin; ${statements.join('; ')}; commit`);
    return true;
  }

  private async wasCommitted(client: Client, changes: readonly Change[]): Promise<boolean> {
    const { kind, key, version } = changes[0]!;
    const { rows } = await client.query<{ version: number }>(`select version from ${this.options.table} where id = $1`, [key]);
    return kind === 'delete' ? rows.length === 0 : rows[0]?.version === version;
  }

  private remember(changes: readonly Change[], own: number[]): void {
    for (const { kind, key, version } of changes) {
      this.histories.set(key, { versions: version, isDeleted: kind === 'delete' });
      if (kind === 'insert') own.push(key);
      if (kind === 'delete') own.splice(own.indexOf(key), 1);
    }
  }

  private async connect(): Promise<Client> {
    for (;;) {
      const client = new Client(this.options.postgres.connection(this.options.database));
      client.on('error', () => undefined);
      try {
        await client.connect();
        return client;
      } catch {
        // The server is restarting: the writers wait for it, as any application does.
        await delay(50);
      }
    }
  }
}

interface Change {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly key: number;
  readonly version: number;
}
