import { uuidToBytes, ZERO_UUID, type Uuid } from '@millrace/foundation';

/** A replica from before brokers told of their directories. */
const MIGRATING_DIRECTORY: Uuid = ZERO_UUID;
/** A replica whose log directory is not known yet. */
export const UNASSIGNED_DIRECTORY: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ';
/** A replica in a directory that failed, without saying in which. */
export const LOST_DIRECTORY: Uuid = 'AAAAAAAAAAAAAAAAAAAAAg';

const RESERVED_IDS = 100;

/** The first hundred ids mean something else than a directory. */
export function isReservedDirectory(id: Uuid): boolean {
  const bytes = uuidToBytes(id);
  return bytes.subarray(0, 15).every((it) => it === 0) && bytes[15]! < RESERVED_IDS;
}

/** Whether a replica there can be read; a broker that names no directories is taken at its word. */
export function isOnlineDirectory(id: Uuid, onlineDirectories: readonly Uuid[]): boolean {
  if (id === UNASSIGNED_DIRECTORY || id === MIGRATING_DIRECTORY) return true;
  return id !== LOST_DIRECTORY && (onlineDirectories.length === 0 || onlineDirectories.includes(id));
}
