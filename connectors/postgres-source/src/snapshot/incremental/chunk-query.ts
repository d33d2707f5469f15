import { quoteName, quoteText } from '../../connection/sql-session.js';
import type { CatalogColumn, CatalogTable } from '../../tables/table-catalog.js';
import type { WaitingTable } from './incremental-state.js';
import type { Key } from './java-objects.js';

export interface ChunkTable {
  readonly table: CatalogTable;
  readonly waiting: WaitingTable;
  /** By which chunks are made, in their order. */
  readonly keyColumns: readonly CatalogColumn[];
}

/** The largest key that is there now. */
export function maximumKeyQuery(chunk: ChunkTable): string {
  const order = chunk.keyColumns.map((it) => `${quoteName(it.name)} DESC`).join(', ');
  return `SELECT ${names(chunk.keyColumns)} FROM ${from(chunk)}${where([chunk.waiting.condition])} ORDER BY ${order} LIMIT 1`;
}

/** The next rows behind `last`, up to `maximum`, in the order of the key. */
export function chunkQuery(chunk: ChunkTable, last: Key | null, maximum: Key, rowsMax: number): string {
  const bounds = last === null ? [] : [behind(chunk.keyColumns, last), `NOT (${behind(chunk.keyColumns, maximum)})`];
  return `SELECT ${names(chunk.table.columns)} FROM ${from(chunk)}${where([...bounds, chunk.waiting.condition])} ORDER BY ${names(chunk.keyColumns)} LIMIT ${rowsMax}`;
}

function names(columns: readonly CatalogColumn[]): string {
  return columns.map((it) => quoteName(it.name)).join(', ');
}

function from({ table }: ChunkTable): string {
  return `${quoteName(table.schema)}.${quoteName(table.table)}`;
}

function where(conditions: readonly string[]): string {
  const given = conditions.filter((it) => it.trim() !== '');
  return given.length === 0 ? '' : ` WHERE ${given.map((it) => `(${it})`).join(' AND ')}`;
}

/** Rows behind a key. A row comparison, which an index serves, unless a column may be null: null is behind every value. */
function behind(columns: readonly CatalogColumn[], key: Key): string {
  const literal = (i: number): string | null => (key[i] ? quoteText(key[i].text) : null);
  if (columns.every((it) => !it.isOptional)) return `ROW(${names(columns)}) > ROW(${columns.map((_, i) => literal(i) ?? 'NULL').join(', ')})`;
  const alternatives = columns.map((_, last) =>
    columns
      .slice(0, last + 1)
      .map((column, i) => {
        const value = literal(i);
        const name = quoteName(column.name);
        if (i < last) return value === null ? `${name} IS NULL` : `${name} = ${value}`;
        return value === null ? 'FALSE' : `(${name} > ${value} OR ${name} IS NULL)`;
      })
      .join(' AND '),
  );
  return alternatives.map((it) => `(${it})`).join(' OR ');
}
