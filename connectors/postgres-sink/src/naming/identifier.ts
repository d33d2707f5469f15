/** PostgreSQL keeps 63 bytes of a name (NAMEDATALEN - 1). */
const NAME_BYTES_MAX = 63;

/** The one place that quotes an identifier for SQL. */
export function quoteIdentifier(name: string): string {
  return `"${doubleQuotes(name)}"`;
}

/** For software that puts a name between double quotes without doubling those inside it. */
export function doubleQuotes(name: string): string {
  return name.replaceAll('"', '""');
}

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** The name as the catalog holds it: folded to lower case unless identifiers are quoted, and cut as the server cuts. */
export function catalogName(name: string, quoted: boolean): string {
  const folded = quoted ? name : name.toLowerCase();
  const bytes = Buffer.from(folded, 'utf8');
  if (bytes.length <= NAME_BYTES_MAX) return folded;
  let end = NAME_BYTES_MAX;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

export interface TableName {
  /** Absent: wherever the search path leads. */
  readonly schema: string | undefined;
  readonly name: string;
}

export function quoteTable(table: TableName): string {
  return table.schema === undefined ? quoteIdentifier(table.name) : `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}
