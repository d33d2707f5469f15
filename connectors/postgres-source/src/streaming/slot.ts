import { ConnectError } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { fatal, isRetriable, isSlotBusy, slotBusy } from '../connection/failure.js';
import { quoteName, type SqlSession } from '../connection/sql-session.js';
import type { StoredPosition } from '../rows/position.js';
import { formatLsn, parseLsn, type Lsn } from '../wire/lsn.js';

export interface SlotState {
  readonly plugin: string;
  readonly database: string;
  readonly isActive: boolean;
  readonly confirmedLsn: Lsn;
  /** `reserved`, `extended`, `unreserved` or `lost`; undefined before PostgreSQL 13. */
  readonly walStatus: string | undefined;
}

/** A consistent point in the log and the snapshot of the data at it, which lives as long as the session that made it. */
export interface ExportedSnapshot {
  readonly lsn: Lsn;
  readonly name: string;
}

export async function readSlot(session: SqlSession, name: string): Promise<SlotState | undefined> {
  const rows = await session.query<Record<string, unknown>>('select * from pg_catalog.pg_replication_slots where slot_name = $1', [name]);
  const row = rows[0];
  if (!row) return undefined;
  return {
    plugin: String(row.plugin),
    database: String(row.database),
    isActive: row.active === true,
    confirmedLsn: parseLsn(String(row.confirmed_flush_lsn ?? row.restart_lsn ?? '0/0')),
    walStatus: row.wal_status === undefined || row.wal_status === null ? undefined : String(row.wal_status),
  };
}

/** Makes the slot; the snapshot is that of its start. `replication` must be a replication session and stay open while the snapshot is used. */
export async function createSlot(replication: SqlSession, options: { readonly name: string; readonly isTemporary: boolean; readonly isFailover: boolean }): Promise<ExportedSnapshot> {
  const { name, isTemporary, isFailover } = options;
  const flags = isFailover ? "(SNAPSHOT 'export', FAILOVER true)" : 'EXPORT_SNAPSHOT';
  try {
    const rows = await replication.query<{ consistent_point: string; snapshot_name: string }>(`CREATE_REPLICATION_SLOT ${quoteName(name)} ${isTemporary ? 'TEMPORARY ' : ''}LOGICAL pgoutput ${flags}`);
    return { lsn: parseLsn(rows[0]?.consistent_point ?? ''), name: rows[0]?.snapshot_name ?? '' };
  } catch (error) {
    if ((error as { code?: string }).code === '42710') throw fatal(`Creation of replication slot ${name} failed; when setting up multiple connectors for the same database host, please make sure to use a distinct replication slot name for each`, error);
    throw error;
  }
}

/** Throws when the slot is not one for this connector: it serves something else, and is not to be touched. */
export function checkOwner(slot: SlotState, settings: SourceSettings): void {
  const { values } = settings;
  const name = values['slot.name'];
  if (slot.plugin !== 'pgoutput') throw fatal(`The replication slot ${name} uses the plugin ${slot.plugin}, but pgoutput is needed: choose another slot.name`);
  if (slot.database !== values['database.dbname']) throw fatal(`The replication slot ${name} belongs to the database ${slot.database}, not to ${values['database.dbname']}: choose another slot.name`);
}

/** Changes are missing between what is stored and what the server can send; a new snapshot makes up for them. */
export class PositionLost extends ConnectError {
  override readonly name = 'PositionLost';
}

/** Throws PositionLost when the server has removed log that the slot needs: nobody can read from it again. */
export function checkLog(slot: SlotState, settings: SourceSettings): void {
  if (!isDead(slot)) return;
  throw new PositionLost(
    `The replication slot ${settings.values['slot.name']} is lost: the server has removed log that it still needed (wal_status is lost, see max_slot_wal_keep_size), so changes are missing. ` +
      "Drop the slot, and take a new snapshot: delete the connector's offsets, or set snapshot.mode to when_needed",
  );
}

/**
 * Makes way for a new snapshot: a slot that no one can use any more is dropped, any other stays, since streaming can go on with it. Throws
 * where that cannot be: one snapshot would follow the other.
 */
export async function clearSlot(session: SqlSession, slot: SlotState, settings: SourceSettings): Promise<void> {
  const name = settings.values['slot.name'];
  if (slot.isActive) throw slotBusy(`the replication slot ${name} is active for another session, which moves it on`);
  if (!isDead(slot)) return;
  try {
    await dropSlot(session, name);
  } catch (error) {
    if (isRetriable(error) || isSlotBusy(error)) throw error;
    throw fatal(`The replication slot ${name} is lost, and could not be dropped to make a new one: drop it by hand, or choose another slot.name`, error);
  }
}

function isDead(slot: SlotState): boolean {
  return slot.walStatus === 'lost';
}

/** The position from which the server is to send. Throws PositionLost: what was stored must still be there, and nobody may have moved the slot past it. */
export async function checkPosition(session: SqlSession, slot: SlotState, stored: StoredPosition, settings: SourceSettings): Promise<Lsn> {
  const { values } = settings;
  const name = values['slot.name'];
  const start = stored.commitLsn ?? stored.lsn;
  if (slot.confirmedLsn > start) {
    const strategy = values['offset.mismatch.strategy'].toLowerCase();
    if (strategy === 'trust_slot' || strategy === 'trust_greater_lsn') return slot.confirmedLsn;
    throw new PositionLost(
      `The connector is to go on from ${formatLsn(start)}, but the replication slot ${name} has been moved on to ${formatLsn(slot.confirmedLsn)} (it was dropped and made again, or advanced by somebody else): changes in between may be missing. ` +
        'Take a new snapshot (delete the offsets of the connector, or set snapshot.mode to when_needed), or accept the gap with offset.mismatch.strategy=trust_slot',
    );
  }
  const end = await currentLsn(session);
  if (start > end) {
    throw new PositionLost(`The connector is to go on from ${formatLsn(start)}, but the log of the server ends at ${formatLsn(end)}: this is another server, or one restored from a backup. Take a new snapshot: delete the offsets of the connector, or set snapshot.mode to when_needed`);
  }
  return start;
}

export async function currentLsn(session: SqlSession): Promise<Lsn> {
  const rows = await session.query<{ lsn: string }>('select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn() else pg_catalog.pg_current_wal_lsn() end::text as lsn');
  return parseLsn(rows[0]?.lsn ?? '0/0');
}

/** Does nothing when there is no such slot. Throws what the server says against it. */
export async function dropSlot(session: SqlSession, name: string): Promise<void> {
  await session.query('select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots where slot_name = $1', [name]);
}
