import type { SourceSettings } from '../config/source-settings.js';
import { fatal } from '../connection/failure.js';
import { quoteName, quoteText, type SqlSession } from '../connection/sql-session.js';
import { listCapturedTables, type TableName } from '../tables/table-catalog.js';

const OPERATIONS: readonly (readonly [string, string])[] = [
  ['c', 'insert'],
  ['u', 'update'],
  ['d', 'delete'],
  ['t', 'truncate'],
];

/** Makes or updates the publication as `publication.autocreate.mode` says. */
export async function preparePublication(session: SqlSession, settings: SourceSettings): Promise<void> {
  const name = settings.values['publication.name'];
  const mode = settings.values['publication.autocreate.mode'].toLowerCase();
  const rows = await session.query<{ puballtables: boolean }>('select puballtables from pg_catalog.pg_publication where pubname = $1', [name]);
  const existing = rows[0];
  if (existing === undefined) {
    switch (mode) {
      case 'disabled':
        throw fatal(`Publication autocreation is disabled, please create the publication ${name} and restart the connector.`);
      case 'all_tables':
        return session.run(`CREATE PUBLICATION ${quoteName(name)} FOR ALL TABLES${options(settings)}`);
      case 'no_tables':
        return session.run(`CREATE PUBLICATION ${quoteName(name)}${options(settings)}`);
      default:
        return session.run(`CREATE PUBLICATION ${quoteName(name)} FOR TABLE ${tableList(await filtered(session, settings))}${options(settings)}`);
    }
  }
  if (mode === 'filtered') await updateFiltered(session, settings, name, existing.puballtables);
}

async function updateFiltered(session: SqlSession, settings: SourceSettings, name: string, isForAllTables: boolean): Promise<void> {
  if (isForAllTables) {
    throw fatal(`A logical publication for all tables named '${name}' is already active on the server and can not be altered. Drop it, or set publication.autocreate.mode to all_tables`);
  }
  const wanted = await filtered(session, settings);
  const current = await session.query<{ name: string }>(`select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid
    join pg_catalog.pg_class c on c.oid = r.prrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where p.pubname = $1`, [name]);
  const asked = await session.query<{ name: string }>("select quote_ident(s) || '.' || quote_ident(t) as name from unnest($1::text[], $2::text[]) w (s, t)", [wanted.map((it) => it.schema), wanted.map((it) => it.table)]);
  const known = new Set(current.map((it) => it.name));
  if (known.size === asked.length && asked.every((it) => known.has(it.name))) return;
  await session.run(`ALTER PUBLICATION ${quoteName(name)} SET TABLE ${tableList(wanted)}`);
}

async function filtered(session: SqlSession, settings: SourceSettings): Promise<TableName[]> {
  const tables = await listCapturedTables(session, settings.filter);
  if (tables.length === 0) throw fatal(`No table filters found for filtered publication ${settings.values['publication.name']}: no table of the database matches the include and exclude lists`);
  return tables;
}

function tableList(tables: readonly TableName[]): string {
  return tables.map((it) => `${quoteName(it.schema)}.${quoteName(it.table)}`).join(', ');
}

function options(settings: SourceSettings): string {
  const published = OPERATIONS.filter(([letter]) => !settings.skipped.has(letter)).map(([, name]) => name);
  const parts = [
    ...(published.length === OPERATIONS.length ? [] : [`publish = ${quoteText(published.join(', '))}`]),
    ...(settings.values['publish.via.partition.root'] ? ['publish_via_partition_root = true'] : []),
  ];
  return parts.length === 0 ? '' : ` WITH (${parts.join(', ')})`;
}

const IDENTITY_RULE = /^\s*(.+):\s*(FULL|DEFAULT|NOTHING|INDEX\s+(.+?))\s*$/i;

/** `table expression:FULL|DEFAULT|NOTHING|INDEX name`, separated by commas. Throws Error with what is wrong. */
export function parseIdentityRules(text: string): { table: RegExp; identity: string }[] {
  return text
    .split(',')
    .filter((it) => it.trim() !== '')
    .map((it) => {
      const match = IDENTITY_RULE.exec(it);
      if (!match) throw new Error(`${it.trim()} does not have the form schema.table:FULL|DEFAULT|NOTHING|INDEX name`);
      const [, table = '', identity = '', index] = match;
      return { table: new RegExp(`^(?:${table.trim()})$`, 'i'), identity: index === undefined ? identity.toUpperCase() : `USING INDEX ${quoteName(index)}` };
    });
}

/** Sets replica identities as `replica.identity.autoset.values` says. */
export async function setReplicaIdentities(session: SqlSession, settings: SourceSettings): Promise<void> {
  const rules = parseIdentityRules(settings.values['replica.identity.autoset.values'] ?? '');
  if (rules.length === 0) return;
  for (const { schema, table } of await listCapturedTables(session, settings.filter)) {
    const rule = rules.find((it) => it.table.test(`${schema}.${table}`));
    if (rule) await session.run(`ALTER TABLE ${quoteName(schema)}.${quoteName(table)} REPLICA IDENTITY ${rule.identity}`);
  }
}
