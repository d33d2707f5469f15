import { DataError } from '@millrace/connect-api';
import { catalogName, type TableName } from './identifier.js';

const PLACEHOLDER = /\$\{(?:topic|original|source\.(.*?))\}/g;

/** Whether the name depends on each record's source block, not on its topic alone. */
export function readsSource(format: string): boolean {
  return format.includes('${source.');
}

/**
 * The table for a record: `${topic}` is the topic's name with dots made underscores, `${original}` the name as it is,
 * `${source.x}` field x of the envelope's source block.
 */
export function collectionName(format: string, topic: string, source: (field: string) => string): string {
  return format.replace(PLACEHOLDER, (placeholder, field: string | undefined) => {
    if (field !== undefined) return source(field);
    return placeholder === '${topic}' ? topic.replaceAll('.', '_') : topic;
  });
}

/** `table`, `schema.table` or `database.schema.table`; the database is the connection's, whatever is said. */
export function parseTableName(text: string, quoted: boolean): TableName {
  const parts = text.split('.');
  if (parts.length > 3 || parts.some((it) => it === '')) throw new DataError(`${text} is not the name of a table: expected table, schema.table or database.schema.table`);
  const name = catalogName(parts[parts.length - 1]!, quoted);
  const schema = parts.length > 1 ? catalogName(parts[parts.length - 2]!, quoted) : undefined;
  return { schema, name };
}
