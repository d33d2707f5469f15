import type { TargetType } from '../columns/codec-for.js';
import type { Session } from '../connection/session.js';
import { quoteTable, type TableName } from '../naming/identifier.js';

export interface TargetColumn {
  readonly name: string;
  readonly type: TargetType;
  /** As SQL, with its length or precision. */
  readonly sqlType: string;
  /** Without them: a cast to it never cuts. */
  readonly baseType: string;
  /** Computed by the server: not to be written. */
  readonly generated: boolean;
  readonly identityAlways: boolean;
}

/** A table as it is, read from the catalog. */
export interface TargetTable {
  readonly name: TableName;
  /** Quoted, with the schema in which it was found. */
  readonly sqlName: string;
  readonly columns: ReadonlyMap<string, TargetColumn>;
  /** Column sets that ON CONFLICT can name, each sorted. */
  readonly uniqueKeys: readonly (readonly string[])[];
}

const COLUMNS_SQL = `
  SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS sql_type, format_type(a.atttypid, -1) AS base_type,
         a.attgenerated <> '' AS generated, a.attidentity = 'a' AS identity_always,
         coalesce(b.typname, t.typname) AS type_name, coalesce(b.typcategory, t.typcategory) AS category, e.typname AS element_name, e.typcategory AS element_category
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
    LEFT JOIN pg_type e ON e.oid = coalesce(b.typelem, t.typelem) AND coalesce(b.typcategory, t.typcategory) = 'A'
   WHERE c.oid = to_regclass($1) ORDER BY a.attnum`;

const UNIQUE_SQL = `
  SELECT array_agg(a.attname::text ORDER BY a.attname) AS columns
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
   WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
   GROUP BY i.indexrelid`;

/** The table, or undefined if there is none of that name. */
export async function readTargetTable(session: Session, name: TableName): Promise<TargetTable | undefined> {
  const reference = [quoteTable(name)];
  const rows = await session.query(COLUMNS_SQL, reference);
  const [first] = rows;
  if (!first) return undefined;
  const unique = await session.query(UNIQUE_SQL, reference);
  return {
    name,
    sqlName: quoteTable({ schema: text(first['schema']), name: text(first['name']) }),
    columns: new Map(rows.map((row) => [text(row['column']), columnOf(row)])),
    uniqueKeys: unique.map((it) => (it['columns'] as string[]).slice().sort()),
  };
}

const TYPE_SQL = `
  SELECT t.typname AS type_name, t.typcategory AS category, e.typname AS element_name, e.typcategory AS element_category
    FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' WHERE t.oid = to_regtype($1)`;

/** A type by its SQL name; undefined if the server knows none. */
export async function readType(session: Session, sqlType: string): Promise<TargetType | undefined> {
  const [row] = await session.query(TYPE_SQL, [sqlType]);
  return row && typeOf(row);
}

export async function currentSchema(session: Session): Promise<string | undefined> {
  const [row] = await session.query('SELECT current_schema() AS name');
  return typeof row?.['name'] === 'string' ? row['name'] : undefined;
}

function columnOf(row: Record<string, unknown>): TargetColumn {
  return {
    name: text(row['column']),
    type: typeOf(row),
    sqlType: text(row['sql_type']),
    baseType: text(row['base_type']),
    generated: row['generated'] === true,
    identityAlways: row['identity_always'] === true,
  };
}

function typeOf(row: Record<string, unknown>): TargetType {
  const element = row['element_name'];
  return {
    name: text(row['type_name']),
    category: text(row['category']),
    element: typeof element === 'string' ? { name: element, category: text(row['element_category']), element: undefined } : undefined,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}
