import type { ConfigValue, ConnectorConfig } from '@millrace/connect-api';
import { parseKeyRules } from './config/capture-filter.js';
import { readSettings } from './config/source-settings.js';
import { columnRuleProblem, isColumnRule } from './config/column-rules.js';
import { SNAPSHOT_OVERRIDES } from './config/settings.js';
import { connect } from './connection/connect.js';
import { reasonOf } from './connection/failure.js';
import type { SqlSession } from './connection/sql-session.js';
import { parseIdentityRules } from './streaming/publication.js';

const EXCLUSIVE_LISTS: readonly (readonly [string, string])[] = [
  ['schema.include.list', 'schema.exclude.list'],
  ['table.include.list', 'table.exclude.list'],
  ['column.include.list', 'column.exclude.list'],
  ['message.prefix.include.list', 'message.prefix.exclude.list'],
];

/** Settings that are wrong together, or whose text has a form of its own. */
export function validateTogether(config: ConnectorConfig, values: ConfigValue[]): void {
  const report = (name: string, error: string): unknown => values.find((it) => it.name === name)?.errors.push(error);
  for (const [include, exclude] of EXCLUSIVE_LISTS) {
    if (config[include] && config[exclude]) report(exclude, `The '${exclude}' value is invalid: "${include}" is already specified`);
  }
  checkForm('message.key.columns', parseKeyRules);
  checkForm('replica.identity.autoset.values', parseIdentityRules);
  for (const name of Object.keys(config)) {
    if (!isColumnRule(name)) continue;
    const problem = columnRuleProblem(name, config[name] ?? '');
    values.push({ name, value: config[name] ?? null, recommendedValues: [], errors: problem === undefined ? [] : [`Invalid value for configuration ${name}: ${problem}`], visible: true });
  }
  if ((config['notification.enabled.channels'] ?? '').split(',').some((it) => it.trim() === 'sink') && !config['notification.sink.topic.name']) {
    report('notification.sink.topic.name', "The 'notification.sink.topic.name' value is invalid: Notification topic name must be provided when kafka notification channel is enabled");
  }
  for (const table of (config[SNAPSHOT_OVERRIDES] ?? '').split(',').map((it) => it.trim())) {
    if (table !== '' && !config[`${SNAPSHOT_OVERRIDES}.${table}`]) report(SNAPSHOT_OVERRIDES, `The '${SNAPSHOT_OVERRIDES}' value is invalid: ${SNAPSHOT_OVERRIDES}.${table} with the statement is missing`);
  }

  function checkForm(name: string, parse: (text: string) => unknown): void {
    try {
      parse(config[name] ?? '');
    } catch (error) {
      report(name, `The '${name}' value is invalid: ${reasonOf(error)}`);
    }
  }
}

/** Connects and looks whether the server can do what the settings ask. Each problem goes to the setting at fault. */
export async function validateConnection(config: ConnectorConfig, values: ConfigValue[]): Promise<void> {
  const report = (name: string, error: string): unknown => values.find((it) => it.name === name)?.errors.push(error);
  const settings = readSettings(config);
  let session: SqlSession;
  try {
    session = await connect(settings, { timeoutMs: settings.values['connection.validation.timeout.ms'], runsInitialStatements: false });
  } catch (error) {
    report(settingAtFault(error), `Unable to connect: ${reasonOf(error)}`);
    return;
  }
  try {
    const [row] = await session.query<{ level: string; login: boolean; replication: boolean; version: number; user: string }>(`
      select current_setting('wal_level') as level, r.rolcanlogin as login, current_setting('server_version_num')::int as version, current_user::text as user,
             r.rolreplication or r.rolsuper or exists (select 1 from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
               where m.member = r.oid and g.rolname in ('rds_superuser', 'rdsadmin', 'rdsrepladmin', 'rds_replication', 'azure_pg_admin', 'cloudsqlsuperuser')) as replication
      from pg_catalog.pg_roles r where r.rolname = current_user`);
    if (!row) return;
    const { streams } = settings.snapshot;
    if (streams && row.level !== 'logical') report('database.hostname', `Postgres server wal_level property must be 'logical' but is: '${row.level}'`);
    if (streams && !row.replication) report('database.user', `Postgres roles LOGIN and REPLICATION are not assigned to user: ${row.user}`);
    if (row.version < 100_000) report('plugin.name', 'The plugin pgoutput needs PostgreSQL 10 or later');
  } catch (error) {
    report('database.hostname', `Error while validating connector config: ${reasonOf(error)}`);
  } finally {
    await session.end().catch(() => undefined);
  }
}

function settingAtFault(error: unknown): string {
  const { code } = error as { code?: string };
  if (code === '28P01') return 'database.password';
  if (code === '28000') return 'database.user';
  if (code === '3D000' || code === '42501') return 'database.dbname';
  if (code === 'ENOENT' || code === 'EACCES') return 'database.sslrootcert';
  if (/SSL|TLS|certificate/i.test(reasonOf(error))) return 'database.sslmode';
  return 'database.hostname';
}
