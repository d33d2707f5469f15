import { ConfigDef } from '@millrace/connect-api';
import { parseTableName } from '../naming/collection-name.js';

function mappingProblem(entries: readonly string[]): string | undefined {
  for (const entry of entries) {
    const match = /^\s*([\w.-]+)\s*:(.+)$/.exec(entry);
    if (!match) return `${entry} is not topic:table`;
    const problem = tableNameProblem(match[2]!.trim());
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function tableNameProblem(value: string): string | undefined {
  try {
    parseTableName(value, true);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const connection = { group: 'Connection', importance: 'high', width: 'long' } as const;
const behaviour = { group: 'Connector', importance: 'medium', width: 'medium' } as const;
const advanced = { group: 'Connector advanced', importance: 'low', width: 'medium' } as const;
const alias = { group: 'Other names', importance: 'low', width: 'medium', default: null } as const;

/** The names of Debezium's JDBC sink and their defaults, and Confluent's names for the same things. */
export const SINK_CONFIG = new ConfigDef({
  'connection.url': { ...connection, kind: 'string', displayName: 'URL', doc: 'jdbc:postgresql://host:port/database?parameters or postgres://host:port/database. Several hosts, separated by commas, are tried in order.' },
  'connection.username': { ...connection, kind: 'string', default: null, displayName: 'User', doc: 'Name of the database user. May also be part of the URL.' },
  'connection.password': { ...connection, kind: 'password', default: null, displayName: 'Password', doc: 'Password of the database user. May also be part of the URL.' },
  'connection.provider': { ...connection, importance: 'low', kind: 'string', default: 'org.hibernate.agroal.internal.AgroalConnectionProvider', onlyDefault: true, doc: 'Class that provides connections.' },
  'connection.pool.min_size': { ...connection, importance: 'low', kind: 'int', default: '5', min: 0, doc: 'Known for compatibility: a task holds one connection, and a second one for as long as it changes a table.' },
  'connection.pool.max_size': { ...connection, importance: 'low', kind: 'int', default: '32', min: 1, doc: 'Known for compatibility: see connection.pool.min_size.' },
  'connection.pool.timeout': { ...connection, importance: 'low', kind: 'long', default: '1800', doc: 'Known for compatibility: see connection.pool.min_size.' },
  'connection.restart.on.errors': { ...advanced, kind: 'boolean', default: 'false', doc: 'Known for compatibility: a lost connection is always opened again.' },

  'insert.mode': { ...behaviour, kind: 'string', default: 'insert', oneOf: ['insert', 'upsert', 'update'], ignoreCase: true, doc: 'insert: rows are only added. upsert: added, or changed where the key exists. update: only changed.' },
  'delete.enabled': { ...behaviour, kind: 'boolean', default: 'false', doc: 'Whether delete events and tombstones delete rows. Needs a primary.key.mode of record_key, record_value or record_header.' },
  'truncate.enabled': { ...behaviour, kind: 'boolean', default: 'false', doc: 'Whether truncate events empty the table.' },
  'primary.key.mode': { ...behaviour, importance: 'high', kind: 'string', default: 'none', oneOf: ['none', 'kafka', 'record_key', 'record_value', 'record_header'], ignoreCase: true, doc: 'Where the primary key comes from: nowhere, the record\'s topic, partition and offset, its key, its value, or its headers.' },
  'primary.key.fields': { ...behaviour, kind: 'list', default: '', doc: 'The fields of the key, or the column for a key that is a single value. Empty: all fields.' },
  'schema.evolution': {
    ...behaviour, kind: 'string', default: 'none', oneOf: ['none', 'basic', 'validate-only'], ignoreCase: true,
    doc: 'none: tables are as they are. basic: missing tables are created, missing columns are added, and columns that are too narrow for a schema (integers, real, numeric and varchar with a length) are widened. validate-only: as none; in both a table or a column that is missing is an error before anything is written.',
  },
  'collection.name.format': { ...behaviour, kind: 'string', default: '${topic}', doc: 'The table\'s name: ${topic} is the topic with dots made underscores, ${original} the topic as it is, ${source.table} and the like are fields of the source block.' },
  'topics.to.tables.mapping': { ...behaviour, kind: 'list', default: '', check: mappingProblem, doc: 'Tables of single topics, before collection.name.format: topic:table or topic:schema.table, separated by commas.' },
  'collection.table.format': { ...behaviour, kind: 'string', default: '${table}', onlyDefault: true, doc: 'Another format, by the source\'s schema and table.' },
  'collection.naming.strategy': { ...advanced, kind: 'class', default: 'io.debezium.sink.naming.DefaultCollectionNamingStrategy', onlyDefault: true, doc: 'Class that names tables.' },
  'column.naming.strategy': { ...advanced, kind: 'class', default: 'io.debezium.connector.jdbc.naming.DefaultColumnNamingStrategy', onlyDefault: true, doc: 'Class that names columns.' },
  'quote.identifiers': { ...behaviour, kind: 'boolean', default: 'false', doc: 'Whether the case of names is kept. Otherwise names are in lower case.' },
  'field.include.list': { ...behaviour, kind: 'list', default: '', doc: 'Fields to write: field or topic:field. Empty: all.' },
  'field.exclude.list': { ...behaviour, kind: 'list', default: '', doc: 'Fields not to write: field or topic:field.' },
  'use.time.zone': { ...behaviour, kind: 'string', default: 'UTC', doc: 'The time zone of the session, in which times with a zone are put into columns without one and the other way round.' },
  'batch.size': { ...advanced, kind: 'int', default: '500', min: 1, doc: 'Known for compatibility: all records that the consumer hands over at once (consumer.override.max.poll.records) are one transaction.' },
  'use.reduction.buffer': { ...behaviour, kind: 'boolean', default: 'false', doc: 'Known for compatibility: changes of one row in one transaction are always reduced to the last.' },
  'keyed.message.batch.mode': { ...advanced, kind: 'string', default: 'deduplication', oneOf: ['deduplication', 'passthrough'], ignoreCase: true, doc: 'Known for compatibility: see use.reduction.buffer.' },
  'flush.max.retries': { ...advanced, kind: 'int', default: '5', min: 0, doc: 'How often a transaction is tried again inside the task after an error that may pass.' },
  'flush.retry.delay.ms': { ...advanced, kind: 'long', default: '1000', min: 0, doc: 'Time between those tries.' },
  'exactly.once': { ...behaviour, kind: 'boolean', default: 'false', doc: 'Whether the offsets of records are stored with their rows, in the same transaction: then each record is stored once, whatever fails, also with insert.mode=insert.' },
  'offsets.table.name': { ...behaviour, kind: 'string', default: 'millrace_offsets', check: tableNameProblem, doc: 'With exactly.once, the table for the offsets: table or schema.table. It is made if it is missing. Rows are told apart by the connector\'s name: connectors of one name in two clusters need two tables.' },
  'exactly.once.fenced.wait.ms': { ...advanced, kind: 'long', default: '60000', min: 0, doc: 'With exactly.once, how long a partition that another task has taken is left to it although its records still come here. Longer than the group takes to see that a member is gone.' },
  'cloud.events.schema.name.pattern': { ...advanced, kind: 'string', default: '.*CloudEvents\\.Envelope$', onlyDefault: true, doc: 'How CloudEvents are known by their schema\'s name.' },
  'dialect.postgres.postgis.schema': { ...advanced, kind: 'string', default: 'public', doc: 'Schema of the PostGIS extension.' },
  'dialect.postgres.unnest.insert.enabled': { ...advanced, kind: 'boolean', default: 'false', doc: 'Known for compatibility: many rows are always written by COPY.' },
  'dialect.sqlserver.identity.insert': { ...advanced, kind: 'boolean', default: 'false', onlyDefault: true, doc: 'Of another database.' },
  'dialect.starrocks.catalog.name': { ...advanced, kind: 'string', default: null, onlyDefault: true, doc: 'Of another database.' },

  'table.name.format': { ...alias, kind: 'string', doc: 'Former name of collection.name.format.' },
  'table.naming.strategy': { ...alias, kind: 'class', doc: 'Former name of collection.naming.strategy.' },
  'database.time_zone': { ...alias, kind: 'string', doc: 'Former name of use.time.zone.' },
  'connection.user': { ...alias, kind: 'string', doc: 'Confluent\'s name of connection.username.' },
  'pk.mode': { ...alias, kind: 'string', doc: 'Confluent\'s name of primary.key.mode.' },
  'pk.fields': { ...alias, kind: 'list', doc: 'Confluent\'s name of primary.key.fields.' },
  'auto.create': { ...alias, kind: 'boolean', doc: 'Confluent\'s way to say schema.evolution=basic.' },
  'auto.evolve': { ...alias, kind: 'boolean', doc: 'Confluent\'s way to say schema.evolution=basic.' },
  'max.retries': { ...alias, kind: 'int', doc: 'Confluent\'s name of flush.max.retries.' },
  'retry.backoff.ms': { ...alias, kind: 'long', doc: 'Confluent\'s name of flush.retry.delay.ms.' },
  'quote.sql.identifiers': { ...alias, kind: 'string', oneOf: ['always', 'never'], ignoreCase: true, doc: 'Confluent\'s way to say quote.identifiers.' },
  'fields.whitelist': { ...alias, kind: 'list', doc: 'Confluent\'s name of field.include.list.' },
  'db.timezone': { ...alias, kind: 'string', doc: 'Confluent\'s name of use.time.zone.' },
});

type Rename = readonly [from: string, to: string, translate?: (value: string) => string | undefined];
const yes = (value: string): string | undefined => (value.trim().toLowerCase() === 'true' ? 'basic' : undefined);
const RENAMES: readonly Rename[] = [
  ['table.name.format', 'collection.name.format'],
  ['table.naming.strategy', 'collection.naming.strategy'],
  ['database.time_zone', 'use.time.zone'],
  ['db.timezone', 'use.time.zone'],
  ['connection.user', 'connection.username'],
  ['pk.mode', 'primary.key.mode'],
  ['pk.fields', 'primary.key.fields'],
  ['auto.create', 'schema.evolution', yes],
  ['auto.evolve', 'schema.evolution', yes],
  ['max.retries', 'flush.max.retries'],
  ['retry.backoff.ms', 'flush.retry.delay.ms'],
  ['quote.sql.identifiers', 'quote.identifiers', (value) => String(value.trim().toLowerCase() === 'always')],
  ['fields.whitelist', 'field.include.list'],
];

/** The config with each setting under its present name; a setting given under both names keeps its present one. */
export function withPresentNames(config: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = { ...config };
  for (const [from, to, translate] of RENAMES) {
    const given = config[from];
    if (given === undefined || result[to] !== undefined) continue;
    const value = translate ? translate(given) : given;
    if (value !== undefined) result[to] = value;
  }
  return result;
}
