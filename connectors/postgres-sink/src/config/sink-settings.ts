import { ConfigError, type ConfigValue, type ConnectorConfig, Password } from '@millrace/connect-api';
import { parseTableName } from '../naming/collection-name.js';
import { fieldFilter, type FieldFilter } from '../naming/field-filter.js';
import type { TableName } from '../naming/identifier.js';
import { type ConnectionUrl, parseConnectionUrl, withoutPassword } from './connection-url.js';
import { SINK_CONFIG, withPresentNames } from './sink-config-def.js';

export type InsertMode = 'insert' | 'upsert' | 'update';
export type KeyMode = 'none' | 'kafka' | 'record_key' | 'record_value' | 'record_header';

/** How to reach the database. */
export interface ConnectionSettings {
  readonly url: ConnectionUrl;
  readonly user: string;
  readonly password: Password | undefined;
  readonly timeZone: string;
}

export interface SinkSettings {
  readonly connection: ConnectionSettings;
  readonly insertMode: InsertMode;
  readonly deleteEnabled: boolean;
  readonly truncateEnabled: boolean;
  readonly keyMode: KeyMode;
  readonly keyFields: readonly string[];
  /** Whether tables are created, and columns added and widened. */
  readonly evolve: boolean;
  readonly nameFormat: string;
  /** Tables by topic, before `nameFormat`. */
  readonly tables: ReadonlyMap<string, string>;
  readonly quoteIdentifiers: boolean;
  readonly includeField: FieldFilter;
  readonly flushRetriesMax: number;
  readonly flushRetryDelayMs: number;
  readonly postgisSchema: string;
  /** Undefined: at least once. */
  readonly exactlyOnce: ExactlyOnceSettings | undefined;
}

/** Offsets are kept in a table of the target, with the rows. */
export interface ExactlyOnceSettings {
  readonly table: TableName;
  /** How long a partition is left to another task that has taken it. */
  readonly fencedWaitMs: number;
}

/** Throws ConfigError with the first thing wrong. */
export function parseSinkSettings(given: ConnectorConfig): SinkSettings {
  const config = withPresentNames(given);
  const parsed = SINK_CONFIG.parse(config);
  const [problem] = crossProblems(config);
  if (problem) throw new ConfigError(problem.message, problem.key);
  return {
    connection: connectionSettings(config),
    insertMode: parsed['insert.mode'].toLowerCase() as InsertMode,
    deleteEnabled: parsed['delete.enabled'],
    truncateEnabled: parsed['truncate.enabled'],
    keyMode: parsed['primary.key.mode'].toLowerCase() as KeyMode,
    keyFields: parsed['primary.key.fields'],
    evolve: parsed['schema.evolution'].toLowerCase() === 'basic',
    nameFormat: parsed['collection.name.format'],
    tables: new Map(parsed['topics.to.tables.mapping'].map(topicAndTable)),
    quoteIdentifiers: parsed['quote.identifiers'],
    includeField: fieldFilter(parsed['field.include.list'], parsed['field.exclude.list']),
    flushRetriesMax: parsed['flush.max.retries'],
    flushRetryDelayMs: parsed['flush.retry.delay.ms'],
    postgisSchema: parsed['dialect.postgres.postgis.schema'],
    exactlyOnce: parsed['exactly.once'] ? { table: parseTableName(parsed['offsets.table.name'], parsed['quote.identifiers']), fencedWaitMs: parsed['exactly.once.fenced.wait.ms'] } : undefined,
  };
}

/** Of `topic:table`; no topic has a colon. */
function topicAndTable(entry: string): [topic: string, table: string] {
  const colon = entry.indexOf(':');
  return [entry.slice(0, colon).trim(), entry.slice(colon + 1).trim()];
}

/** The settings one by one, with what is wrong between them; nothing outside is asked. */
export function validateOffline(given: ConnectorConfig): ConfigValue[] {
  const config = withPresentNames(given);
  const values = SINK_CONFIG.validate(config);
  for (const value of values) if (value.name === 'connection.url' && value.value !== null) value.value = withoutPassword(value.value);
  if (values.every((it) => it.errors.length === 0)) {
    for (const { key, message } of crossProblems(config)) values.find((it) => it.name === key)?.errors.push(message);
  }
  return values;
}

function connectionSettings(config: Readonly<Record<string, string>>): ConnectionSettings {
  const url = parseConnectionUrl(config['connection.url'] ?? '');
  const given = config['connection.password'];
  const password = given !== undefined && given !== '' ? given : url.password;
  const user = config['connection.username'] || url.user;
  if (user === undefined) throw new ConfigError('Missing required configuration "connection.username" which has no default value.', 'connection.username');
  return { url, user, password: password === undefined ? undefined : new Password(password), timeZone: config['use.time.zone'] ?? 'UTC' };
}

interface Problem {
  readonly key: string;
  readonly message: string;
}

function crossProblems(config: Readonly<Record<string, string>>): Problem[] {
  const problems: Problem[] = [];
  try {
    connectionSettings(config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push({ key: error.key ?? 'connection.url', message: error.message });
  }
  const low = (name: string): string => (config[name] ?? '').trim().toLowerCase();
  const keyMode = low('primary.key.mode') || 'none';
  const insertMode = low('insert.mode') || 'insert';
  if (insertMode !== 'insert' && keyMode === 'none') problems.push({ key: 'insert.mode', message: `Invalid value ${insertMode} for configuration insert.mode: it needs a primary.key.mode other than none` });
  if (low('delete.enabled') === 'true' && !['record_key', 'record_value', 'record_header'].includes(keyMode)) {
    problems.push({ key: 'delete.enabled', message: 'Invalid value true for configuration delete.enabled: it needs a primary.key.mode of record_key, record_value or record_header' });
  }
  if (low('field.include.list') !== '' && low('field.exclude.list') !== '') {
    problems.push({ key: 'field.exclude.list', message: 'Cannot define both field.include.list and field.exclude.list. Please specify only one.' });
  }
  return problems;
}
