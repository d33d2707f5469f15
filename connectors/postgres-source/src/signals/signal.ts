import { ConfigError } from '@millrace/connect-api';

/** What somebody asks of the task, over any channel; Debezium's types and data. */
export type Signal =
  | { readonly type: 'log'; readonly id: string; readonly message: string }
  | { readonly type: 'execute-snapshot'; readonly id: string; readonly isBlocking: boolean; readonly collections: readonly string[]; readonly conditions: readonly Condition[]; readonly surrogateKey: string }
  | { readonly type: 'stop-snapshot'; readonly id: string; readonly collections: readonly string[] | undefined }
  | { readonly type: 'pause-snapshot' | 'resume-snapshot' | 'snapshot-window-open' | 'snapshot-window-close'; readonly id: string };

/** A filter for the tables that it names: part of a WHERE for an incremental snapshot, a whole SELECT for a blocking one. */
export interface Condition {
  readonly collection: RegExp;
  readonly filter: string;
}

/** Throws ConfigError for a type or data that is not known. */
export function parseSignal(id: string, type: string, data: unknown): Signal {
  const fields = (data ?? {}) as Record<string, unknown>;
  if (typeof fields !== 'object' || Array.isArray(fields)) throw new ConfigError(`The data of the signal ${type} is not a JSON object`, 'data');
  switch (type) {
    case 'log':
      if (typeof fields.message !== 'string' || fields.message === '') throw new ConfigError('The signal log needs a message', 'data');
      return { type, id, message: fields.message };
    case 'execute-snapshot': {
      const collections = names(fields['data-collections']);
      if (!collections || collections.length === 0) throw new ConfigError("The signal execute-snapshot needs data-collections, a list of expressions for schema.table", 'data');
      return { type, id, isBlocking: kind(fields.type) === 'BLOCKING', collections, conditions: conditions(fields), surrogateKey: typeof fields['surrogate-key'] === 'string' ? fields['surrogate-key'].trim() : '' };
    }
    case 'stop-snapshot':
      kind(fields.type);
      return { type, id, collections: names(fields['data-collections']) };
    case 'pause-snapshot':
    case 'resume-snapshot':
    case 'snapshot-window-open':
    case 'snapshot-window-close':
      return { type, id };
    default:
      throw new ConfigError(`The signal type ${type} is not known: log, execute-snapshot, stop-snapshot, pause-snapshot and resume-snapshot are`, 'type');
  }
}

function kind(value: unknown): string {
  const type = typeof value === 'string' ? value.toUpperCase() : 'INCREMENTAL';
  if (type !== 'INCREMENTAL' && type !== 'BLOCKING') throw new ConfigError(`The snapshot type ${String(value)} is neither INCREMENTAL nor BLOCKING`, 'data');
  return type;
}

function names(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((it): it is string => typeof it === 'string')) throw new ConfigError('data-collections is not a list of texts', 'data');
  const list = value.map((it) => it.trim());
  for (const it of list) expression(it, '');
  return list;
}

function conditions(fields: Record<string, unknown>): Condition[] {
  const list = fields['additional-conditions'] ?? [];
  if (!Array.isArray(list)) throw new ConfigError('additional-conditions is not a list', 'data');
  return list.map((it) => {
    const { 'data-collection': collection, filter } = it as Record<string, unknown>;
    if (typeof collection !== 'string' || typeof filter !== 'string') throw new ConfigError('Each of additional-conditions needs data-collection and filter', 'data');
    return { collection: expression(collection, 'i'), filter };
  });
}

/** Anchored at both ends. */
export function expression(text: string, flags: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`, flags);
  } catch (error) {
    throw new ConfigError(`${text} is not a regular expression: ${error instanceof Error ? error.message : String(error)}`, 'data');
  }
}
