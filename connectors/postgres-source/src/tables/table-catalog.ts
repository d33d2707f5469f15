import type { CaptureFilter } from '../config/capture-filter.js';
import type { SqlSession } from '../connection/sql-session.js';

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export interface CatalogColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  readonly isOptional: boolean;
  /** The expression of its default, or null. */
  readonly defaultExpression: string | null;
  readonly comment: string | null;
}

export interface CatalogTable extends TableName {
  readonly columns: readonly CatalogColumn[];
  /** Columns of the primary key, else of the first unique index by name; in the order of the index. */
  readonly key: readonly string[];
}

const TABLES = `
select n.nspname as schema, c.relname as table from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relpersistence <> 't'`;

const COLUMNS = `
select a.attname as name, a.atttypid as "typeOid", a.atttypmod as "typeModifier", not (a.attnotnull or (t.typtype = 'd' and t.typnotnull)) as "isOptional",
       case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end as "defaultExpression",
       pg_catalog.col_description(a.attrelid, a.attnum) as comment
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
order by a.attnum`;

const KEYS = `
select x.relname as index, a.attname as name
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_class x on x.oid = i.indexrelid
cross join lateral unnest(i.indkey::int2[]) with ordinality k (number, position)
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
where n.nspname = $1 and c.relname = $2 and i.indisunique and i.indisvalid and i.indexprs is null and (i.indisprimary or i.indpred is null) and k.position <= i.indnkeyatts
order by i.indisprimary desc, x.relname, k.position`;

/** The captured tables, in the order of the snapshot. */
export async function listCapturedTables(session: SqlSession, filter: CaptureFilter): Promise<TableName[]> {
  const all = await session.query<{ schema: string; table: string }>(TABLES);
  return filter.inSnapshotOrder(all.filter((it) => filter.includesTable(it.schema, it.table)));
}

/** What the database says of a table now, or undefined when it has gone. */
export async function readTable(session: SqlSession, name: TableName): Promise<CatalogTable | undefined> {
  const columns = await session.query<CatalogColumn>(COLUMNS, [name.schema, name.table]);
  if (columns.length === 0) return undefined;
  const keys = await session.query<{ index: string; name: string }>(KEYS, [name.schema, name.table]);
  return { ...name, columns, key: keys.filter((it) => it.index === keys[0]?.index).map((it) => it.name) };
}
