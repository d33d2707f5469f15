import { ConfigError, type TaskSignal } from '@millrace/connect-api';
import { BSON, type Document } from 'mongodb';

/** A snapshot that somebody asked for (`execute-snapshot`). */
export interface SnapshotRequest {
  readonly id: string;
  readonly type: 'INCREMENTAL' | 'BLOCKING';
  /** Expressions for database.collection. */
  readonly collections: readonly RegExp[];
  filterOf(namespace: string): Document | undefined;
}

interface ExecuteData {
  readonly type?: unknown;
  readonly 'data-collections'?: unknown;
  readonly 'additional-conditions'?: unknown;
  readonly 'surrogate-key'?: unknown;
}

/** Debezium's form of the data of `execute-snapshot`. Throws ConfigError. */
export function readSnapshotRequest(signal: TaskSignal): SnapshotRequest {
  const data = (signal.data ?? {}) as ExecuteData;
  const type = String(data.type ?? 'INCREMENTAL').toUpperCase();
  if (type !== 'INCREMENTAL' && type !== 'BLOCKING') throw new ConfigError(`execute-snapshot: the type must be INCREMENTAL or BLOCKING, not ${type}`, 'type');
  if (data['surrogate-key'] !== undefined && data['surrogate-key'] !== null) throw new ConfigError('execute-snapshot: a surrogate-key is not supported; documents are read in the order of _id', 'surrogate-key');
  const names = data['data-collections'];
  if (!Array.isArray(names) || names.length === 0 || names.some((it) => typeof it !== 'string')) throw new ConfigError('execute-snapshot: data-collections must be a list of expressions for database.collection', 'data-collections');
  const conditions = readConditions(data['additional-conditions']);
  return {
    id: signal.id,
    type,
    collections: (names as string[]).map((it) => expression(it, 'data-collections')),
    filterOf: (namespace) => conditions.find((it) => it.collection.test(namespace))?.filter,
  };
}

function readConditions(conditions: unknown): { readonly collection: RegExp; readonly filter: Document }[] {
  if (conditions === undefined || conditions === null) return [];
  if (!Array.isArray(conditions)) throw new ConfigError('execute-snapshot: additional-conditions must be a list', 'additional-conditions');
  return conditions.map((it) => {
    const { 'data-collection': name, filter } = (it ?? {}) as { 'data-collection'?: unknown; filter?: unknown };
    if (typeof name !== 'string' || typeof filter !== 'string') throw new ConfigError('execute-snapshot: each of additional-conditions needs data-collection and filter', 'additional-conditions');
    try {
      return { collection: expression(name, 'additional-conditions'), filter: BSON.EJSON.parse(filter, { relaxed: false }) as Document };
    } catch (error) {
      throw new ConfigError(`execute-snapshot: the filter of ${name} is not a query document: ${error instanceof Error ? error.message : String(error)}`, 'additional-conditions');
    }
  });
}

function expression(text: string, key: string): RegExp {
  try {
    return new RegExp(`^(?:${text.trim()})$`, 'i');
  } catch (error) {
    throw new ConfigError(`execute-snapshot: ${text} is not an expression: ${error instanceof Error ? error.message : String(error)}`, key);
  }
}

/** The expressions of `stop-snapshot`; null: all collections. */
export function readStoppedCollections(signal: TaskSignal): readonly RegExp[] | null {
  const names = ((signal.data ?? {}) as ExecuteData)['data-collections'];
  if (names === undefined || names === null || (Array.isArray(names) && names.length === 0)) return null;
  if (!Array.isArray(names) || names.some((it) => typeof it !== 'string')) throw new ConfigError('stop-snapshot: data-collections must be a list of expressions', 'data-collections');
  return (names as string[]).map((it) => expression(it, 'data-collections'));
}
