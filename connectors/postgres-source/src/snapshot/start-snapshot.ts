import { randomBytes } from 'node:crypto';
import type { Headers, OffsetMap } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { connect, connectForReplication } from '../connection/connect.js';
import { quoteName, quoteText, type SqlSession } from '../connection/sql-session.js';
import { nowMicros } from '../rows/clock.js';
import type { SourceBlock } from '../rows/source-block.js';
import type { Notifications } from '../signals/notifications.js';
import { createSlot, currentLsn, type ExportedSnapshot } from '../streaming/slot.js';
import { listCapturedTables, readTable } from '../tables/table-catalog.js';
import type { TablePlanner } from '../tables/table-planner.js';
import { SnapshotReader, type SnapshotTable } from './snapshot-reader.js';

export interface SnapshotStart {
  readonly settings: SourceSettings;
  readonly planner: TablePlanner;
  readonly source: SourceBlock;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** Whether streaming follows: then the data must be seen exactly as of the start of the stream. */
  readonly isForStreaming: boolean;
  readonly hasSlot: boolean;
  readonly notifications: Notifications;
  /** Of the captured tables those to read, with statements of their own for some; absent: those of the settings. */
  readonly chosen?: { readonly includes: (table: string) => boolean; readonly queryOf: (table: string) => string | undefined };
  /** The offset of its records; absent: that of an initial snapshot. */
  readonly offset?: OffsetMap;
}

/**
 * Opens the transaction in which the tables are read. With streaming to follow, it sees what had committed at one point of the log: the
 * start of the slot that is made here or, if there is a slot already, that of a temporary one; the stream then starts at that point.
 */
export async function startSnapshot(start: SnapshotStart): Promise<SnapshotReader> {
  const { settings } = start;
  const exporter = start.isForStreaming ? await connectForReplication(settings) : undefined;
  const sessions: SqlSession[] = [];
  try {
    const exported = exporter && (await exportSnapshot(exporter, start));
    const session = await beginReading(settings, exported?.name, sessions);
    if (settings.values['snapshot.locking.mode'].toLowerCase() === 'shared') await lockTables(session, start);
    const lsn = exported?.lsn ?? (await currentLsn(session));
    const [row] = await session.query<{ xid: number }>('select case when pg_catalog.pg_is_in_recovery() then 0 else pg_catalog.txid_current() end as xid');
    const tables = await describeTables(session, start);
    await addReaders(Math.min(settings.values['snapshot.max.threads'], tables.length), settings, sessions);
    return new SnapshotReader({ ...start, sessions, tables, lsn, xid: row?.xid ?? 0, micros: nowMicros() });
  } catch (error) {
    await Promise.all(sessions.map((it) => it.end().catch(() => undefined)));
    throw error;
  } finally {
    // The transaction has imported the snapshot: the exporting session, and with it a temporary slot, may go.
    await exporter?.end().catch(() => undefined);
  }
}

/** A session in a transaction that sees what the exported snapshot does, if there is one; it is among `sessions` from the start, so that it is ended whatever comes. */
async function beginReading(settings: SourceSettings, snapshot: string | undefined, sessions: SqlSession[]): Promise<SqlSession> {
  const session = await connect(settings);
  sessions.push(session);
  await session.run('SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0');
  await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ');
  if (snapshot !== undefined) await session.run(`SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`);
  return session;
}

/** More sessions that see what the first one sees (`snapshot.max.threads`). */
async function addReaders(count: number, settings: SourceSettings, sessions: SqlSession[]): Promise<void> {
  const [first] = sessions;
  if (count <= 1 || !first) return;
  const [row] = await first.query<{ name: string }>('select pg_catalog.pg_export_snapshot() as name');
  for (let i = 1; i < count; i++) await beginReading(settings, row?.name, sessions);
}

/** So that no table changes its structure, or goes, before it has been read. */
async function lockTables(session: SqlSession, start: SnapshotStart): Promise<void> {
  const { values, filter } = start.settings;
  const tables = await listCapturedTables(session, filter);
  if (tables.length === 0) return;
  await session.run(`SET lock_timeout = ${values['snapshot.lock.timeout.ms']}`);
  await session.run(`LOCK TABLE ${tables.map((it) => `${quoteName(it.schema)}.${quoteName(it.table)}`).join(', ')} IN ACCESS SHARE MODE`);
  await session.run('SET lock_timeout = 0');
}

function exportSnapshot(exporter: SqlSession, start: SnapshotStart): Promise<ExportedSnapshot> {
  const { values } = start.settings;
  const name = start.hasSlot ? `${values['slot.name'].slice(0, 40)}_snapshot_${randomBytes(4).toString('hex')}` : values['slot.name'];
  return createSlot(exporter, { name, isTemporary: start.hasSlot, isFailover: !start.hasSlot && values['slot.failover'] });
}

async function describeTables(session: SqlSession, start: SnapshotStart): Promise<SnapshotTable[]> {
  const { filter } = start.settings;
  const tables: SnapshotTable[] = [];
  for (const name of await listCapturedTables(session, filter)) {
    const id = `${name.schema}.${name.table}`;
    if (start.chosen ? !start.chosen.includes(id) : !filter.snapshotsTable(name.schema, name.table)) continue;
    const table = await readTable(session, name);
    if (table) tables.push({ ...name, columns: table.columns.map((it) => it.name), query: (start.chosen ? start.chosen.queryOf(id) : start.settings.snapshotQueries.get(id))?.replace(/;\s*$/, ''), plan: await start.planner.fromCatalog(session, table) });
  }
  return tables;
}
