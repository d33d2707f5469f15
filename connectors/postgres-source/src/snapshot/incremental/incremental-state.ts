import type { OffsetMap } from '@millrace/connect-api';
import { parseKey, serializeKey, type Key } from './java-objects.js';

/** A table that waits for its part in an incremental snapshot. */
export interface WaitingTable {
  /** `schema.table`. */
  readonly id: string;
  readonly condition: string;
  readonly surrogateKey: string;
}

const PRIMARY_KEY = 'incremental_snapshot_primary_key';
const MAXIMUM_KEY = 'incremental_snapshot_maximum_key';
const COLLECTIONS = 'incremental_snapshot_collections';
const CORRELATION_ID = 'incremental_snapshot_correlation_id';

/** How far an incremental snapshot has come. Immutable: records hold the one of their moment. */
export class IncrementalState {
  static readonly IDLE = new IncrementalState([], null, null, null);
  private stored: OffsetMap | undefined;

  constructor(
    /** The first of them is being read. */
    readonly tables: readonly WaitingTable[],
    /** The key of the last row that was handed over of the current table. */
    readonly lastKey: Key | null,
    /** The largest key of the current table when its reading began. */
    readonly maximumKey: Key | null,
    readonly correlationId: string | null,
  ) {}

  get isRunning(): boolean {
    return this.tables.length > 0;
  }

  /** As Debezium keeps it in offsets; nothing when no snapshot runs. */
  get members(): OffsetMap {
    if (!this.isRunning) return {};
    return (this.stored ??= {
      [PRIMARY_KEY]: serializeKey(this.lastKey),
      [MAXIMUM_KEY]: serializeKey(this.maximumKey),
      [COLLECTIONS]: JSON.stringify(this.tables.map((it) => ({ [`${COLLECTIONS}_id`]: it.id, [`${COLLECTIONS}_additional_condition`]: it.condition || null, [`${COLLECTIONS}_surrogate_key`]: it.surrogateKey || null }))),
      [CORRELATION_ID]: this.correlationId,
    });
  }

  /** From a stored offset, ours or Debezium's. A key that cannot be read begins its table anew. */
  static load(offset: OffsetMap | null): IncrementalState {
    const text = offset?.[COLLECTIONS];
    if (!offset || typeof text !== 'string') return IncrementalState.IDLE;
    const tables = (JSON.parse(text) as Record<string, string | null>[]).map((it) => ({ id: it[`${COLLECTIONS}_id`] ?? '', condition: it[`${COLLECTIONS}_additional_condition`] ?? '', surrogateKey: it[`${COLLECTIONS}_surrogate_key`] ?? '' }));
    const lastKey = keyOf(offset[PRIMARY_KEY]);
    const maximumKey = keyOf(offset[MAXIMUM_KEY]);
    const id = offset[CORRELATION_ID];
    return new IncrementalState(tables, lastKey !== undefined && maximumKey !== undefined ? lastKey : null, lastKey === undefined ? null : (maximumKey ?? null), typeof id === 'string' ? id : null);
  }

  with(changes: { readonly tables?: readonly WaitingTable[]; readonly lastKey?: Key | null; readonly maximumKey?: Key | null; readonly correlationId?: string | null }): IncrementalState {
    const { tables = this.tables, lastKey = this.lastKey, maximumKey = this.maximumKey, correlationId = this.correlationId } = changes;
    return new IncrementalState(tables, lastKey, maximumKey, correlationId);
  }
}

function keyOf(value: OffsetMap[string] | undefined): Key | null | undefined {
  return typeof value === 'string' ? parseKey(value) : null;
}
