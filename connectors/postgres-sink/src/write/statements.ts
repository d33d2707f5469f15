import type { InsertMode } from '../config/sink-settings.js';
import { quoteIdentifier } from '../naming/identifier.js';
import type { PlannedColumn } from '../rows/row-plan.js';
import type { Segment } from '../rows/table-batch.js';

/** The SQL for the rows of a segment. */
export interface SegmentSql {
  /** For one row, its columns as parameters. */
  readonly single: string;
  /** Where the rows of a COPY go: staging, or straight into the table. */
  readonly direct: string | undefined;
  /** The columns of the staging table. */
  readonly stageDefinition: string;
  readonly copyColumns: string;
  /** From a staging table of this name into the table. */
  readonly merge: (stage: string) => readonly string[];
}

export function segmentSql(segment: Segment, mode: InsertMode): SegmentSql {
  const { columns } = segment;
  const names = columns.map((it) => quoteIdentifier(it.name)).join(', ');
  const common = { stageDefinition: columns.map((it) => `${quoteIdentifier(it.name)} ${it.stageType}`).join(', '), copyColumns: names };
  if (segment.kind === 'delete') return { ...common, direct: undefined, ...deleteSql(segment) };
  if (mode === 'update') return { ...common, direct: undefined, ...updateSql(segment) };
  if (segment.partial) return { ...common, direct: undefined, ...partialUpsertSql(segment) };
  const isPlain = mode === 'insert';
  return {
    ...common,
    direct: isPlain && columns.every((it) => it.readAs === undefined) ? `COPY ${segment.table.sqlName} (${names}) FROM STDIN` : undefined,
    ...insertSql(segment, isPlain ? '' : conflictClause(segment)),
  };
}

function insertSql(segment: Segment, conflict: string): Pick<SegmentSql, 'single' | 'merge'> {
  const { columns, table, keyCount } = segment;
  const names = columns.map((it) => quoteIdentifier(it.name)).join(', ');
  const into = `INSERT INTO ${table.sqlName} (${names})${overriding(segment)}`;
  const keys = columns.slice(0, keyCount).map((it) => quoteIdentifier(it.name));
  // In order of the key: tasks that write the same rows meet them in the same order, and the index is walked once.
  const order = conflict === '' ? '' : ` ORDER BY ${keys.join(', ')}`;
  return {
    single: `${into} VALUES (${columns.map((it, i) => parameter(it, i)).join(', ')})${conflict}`,
    merge: (stage) => [`${into} SELECT ${names} FROM ${stage}${order}${conflict}`],
  };
}

/** A column GENERATED ALWAYS AS IDENTITY takes the source's values. */
function overriding({ table, columns }: Segment): string {
  return columns.some((it) => table.columns.get(it.name)?.identityAlways) ? ' OVERRIDING SYSTEM VALUE' : '';
}

function conflictClause({ columns, keyCount, table }: Segment): string {
  const target = columns.slice(0, keyCount).map((it) => quoteIdentifier(it.name)).join(', ');
  const changes = changeable(columns.slice(keyCount), table.columns).map((it) => `${quoteIdentifier(it.name)} = excluded.${quoteIdentifier(it.name)}`);
  return changes.length === 0 ? ` ON CONFLICT (${target}) DO NOTHING` : ` ON CONFLICT (${target}) DO UPDATE SET ${changes.join(', ')}`;
}

/** An update may not touch a column GENERATED ALWAYS AS IDENTITY. */
function changeable(columns: readonly PlannedColumn[], known: Segment['table']['columns']): readonly PlannedColumn[] {
  return columns.filter((it) => !known.get(it.name)?.identityAlways);
}

function updateSql({ columns, keyCount, table }: Segment): Pick<SegmentSql, 'single' | 'merge'> {
  const changes = changeable(columns.slice(keyCount), table.columns);
  if (changes.length === 0) {
    // Nothing to change; the parameters must still be known by their types.
    const nothing = columns.map((it, i) => `${parameter(it, i)}::${it.baseType}`).join(', ');
    return { single: `SELECT ${nothing} WHERE false`, merge: () => [] };
  }
  const position = new Map(columns.map((it, i) => [it, i]));
  const where = columns.slice(0, keyCount);
  return {
    single: `UPDATE ${table.sqlName} AS t SET ${changes.map((it) => `${quoteIdentifier(it.name)} = ${parameter(it, position.get(it) ?? 0)}`).join(', ')} WHERE ${where.map((it, i) => `t.${quoteIdentifier(it.name)} = ${parameter(it, i)}`).join(' AND ')}`,
    merge: (stage) => [...INDEX_JOIN, updateFrom(table.sqlName, stage, changes, where)],
  };
}

function updateFrom(table: string, stage: string, changes: readonly PlannedColumn[], keys: readonly PlannedColumn[]): string {
  return `UPDATE ${table} AS t SET ${changes.map((it) => `${quoteIdentifier(it.name)} = s.${quoteIdentifier(it.name)}`).join(', ')} FROM ${stage} AS s WHERE ${keyJoin(keys)}`;
}

/**
 * ON CONFLICT checks NOT NULL before it looks for the conflict, so a row without the column that its update leaves alone is first
 * tried as an update.
 */
function partialUpsertSql(segment: Segment): Pick<SegmentSql, 'single' | 'merge'> {
  const { columns, keyCount, table } = segment;
  const keys = columns.slice(0, keyCount);
  const changes = changeable(columns.slice(keyCount), table.columns);
  const names = columns.map((it) => quoteIdentifier(it.name)).join(', ');
  const into = `INSERT INTO ${table.sqlName} (${names})${overriding(segment)}`;
  const exists = `SELECT 1 FROM ${table.sqlName} AS t WHERE ${keyJoin(keys)}`;
  const source = columns.map((it, i) => `${parameter(it, i)}::${it.readAs ?? it.baseType} AS ${quoteIdentifier(it.name)}`).join(', ');
  const update = changes.length === 0 ? `changed AS (SELECT 1 WHERE false)` : `changed AS (${updateFrom(table.sqlName, 's', changes, keys)} RETURNING 1)`;
  return {
    single: `WITH s AS (SELECT ${source}), ${update} ${into} SELECT ${names} FROM s WHERE NOT EXISTS (SELECT 1 FROM changed) AND NOT EXISTS (${exists})`,
    merge: (stage) => [
      ...INDEX_JOIN,
      ...(changes.length === 0 ? [] : [updateFrom(table.sqlName, stage, changes, keys)]),
      `${into} SELECT ${names} FROM ${stage} AS s WHERE NOT EXISTS (${exists}) ORDER BY ${keys.map((it) => quoteIdentifier(it.name)).join(', ')}`,
    ],
  };
}

function deleteSql({ columns, table }: Segment): Pick<SegmentSql, 'single' | 'merge'> {
  return {
    single: `DELETE FROM ${table.sqlName} AS t WHERE ${columns.map((it, i) => `t.${quoteIdentifier(it.name)} = ${parameter(it, i)}`).join(' AND ')}`,
    merge: (stage) => [...INDEX_JOIN, `DELETE FROM ${table.sqlName} AS t USING ${stage} AS s WHERE ${keyJoin(columns)}`],
  };
}

/** The staging table has no statistics: a guess too high would read the whole table instead of its index. For this transaction only. */
const INDEX_JOIN = ['SET LOCAL enable_hashjoin TO off', 'SET LOCAL enable_mergejoin TO off'];

function keyJoin(keys: readonly PlannedColumn[]): string {
  return keys.map((it) => `t.${quoteIdentifier(it.name)} = s.${quoteIdentifier(it.name)}`).join(' AND ');
}

function parameter({ readAs }: PlannedColumn, index: number): string {
  return readAs === undefined ? `$${index + 1}` : `$${index + 1}::${readAs}`;
}
