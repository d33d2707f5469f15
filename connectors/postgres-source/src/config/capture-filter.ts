import { regexList, splitRegexList } from './regex-list.js';

type Lists = Readonly<Record<string, string | null | undefined>>;

const SYSTEM_SCHEMAS = /^(?:pg_catalog|information_schema|pg_toast.*|pg_temp.*)$/;

interface KeyRule {
  readonly table: RegExp;
  readonly columns: readonly string[];
}

/** What is captured: the include and exclude lists of schemas, tables, columns and message prefixes, and the chosen keys. */
export class CaptureFilter {
  private readonly schema: (name: string) => boolean;
  private readonly table: (name: string) => boolean;
  private readonly column: (name: string) => boolean;
  readonly messagePrefix: (prefix: string) => boolean;
  private readonly signalTable: string | undefined;
  private readonly snapshotTables: readonly RegExp[];
  private readonly tableIncludes: readonly RegExp[];
  private readonly keyRules: readonly KeyRule[];

  /** `config` has been validated: expressions are well formed, include and exclude lists are not both given. */
  constructor(config: Lists) {
    this.schema = chosen(config['schema.include.list'], config['schema.exclude.list']);
    this.table = chosen(config['table.include.list'], config['table.exclude.list']);
    this.column = chosen(config['column.include.list'], config['column.exclude.list']);
    this.messagePrefix = chosen(config['message.prefix.include.list'], config['message.prefix.exclude.list']);
    this.signalTable = config['signal.data.collection']?.trim().split('.').slice(-2).join('.') || undefined;
    this.snapshotTables = regexList(config['snapshot.include.collection.list']);
    this.tableIncludes = regexList(config['table.include.list']);
    this.keyRules = parseKeyRules(config['message.key.columns'] ?? '');
  }

  includesTable(schema: string, table: string): boolean {
    return (!SYSTEM_SCHEMAS.test(schema) && this.schema(schema) && this.table(`${schema}.${table}`)) || this.signalTable === `${schema}.${table}`;
  }

  includesColumn(schema: string, table: string, column: string): boolean {
    return this.column(`${schema}.${table}.${column}`);
  }

  snapshotsTable(schema: string, table: string): boolean {
    return this.snapshotTables.length === 0 || this.snapshotTables.some((it) => it.test(`${schema}.${table}`));
  }

  /** Columns that `message.key.columns` names for the table, or undefined. */
  keyColumns(schema: string, table: string): readonly string[] | undefined {
    const columns = this.keyRules.filter((it) => it.table.test(`${schema}.${table}`)).flatMap((it) => it.columns);
    return columns.length === 0 ? undefined : columns;
  }

  /** Tables by the order of the include list, then by name: the order of the snapshot. */
  inSnapshotOrder<T extends { readonly schema: string; readonly table: string }>(tables: readonly T[]): T[] {
    const name = (it: T): string => `${it.schema}.${it.table}`;
    const rank = (it: T): number => this.tableIncludes.findIndex((pattern) => pattern.test(name(it)));
    return [...tables].sort((a, b) => rank(a) - rank(b) || (name(a) < name(b) ? -1 : 1));
  }
}

/** `table:column,column;table:column`; throws Error with what is wrong. */
export function parseKeyRules(text: string): KeyRule[] {
  return text
    .split(';')
    .map((it) => it.trim())
    .filter((it) => it !== '')
    .map((it) => {
      const at = it.lastIndexOf(':');
      const columns = it.slice(at + 1).split(',').map((name) => name.trim()).filter((name) => name !== '');
      if (at <= 0 || columns.length === 0) throw new Error(`${it} does not have the form table:column,column`);
      return { table: new RegExp(`^(?:${it.slice(0, at).trim()})$`, 'i'), columns };
    });
}

function chosen(include: string | null | undefined, exclude: string | null | undefined): (name: string) => boolean {
  const includes = regexList(include);
  if (splitRegexList(include ?? '').length > 0) return (name) => includes.some((it) => it.test(name));
  const excludes = regexList(exclude);
  return (name) => !excludes.some((it) => it.test(name));
}
