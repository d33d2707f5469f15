import { ConfigDef, settingKinds } from '@millrace/connect-api';
import { regexListProblem } from './regex-list.js';
import { UNBUILT_SETTINGS } from './unbuilt-settings.js';

const { choice, flag, integer, list, long, optionalText, required, secret, text } = settingKinds;

const expressions = (names: string[]): string | undefined => regexListProblem(names.join(','));
const SLOT_NAME = /^[a-z0-9_]{1,63}$/;
/** Names the tables whose statements are in settings that begin so. */
export const SNAPSHOT_OVERRIDES = 'snapshot.select.statement.overrides';
const TOPIC_PREFIX = /^[a-zA-Z0-9._-]+$/;

const CONNECTION = {
  'database.hostname': required('Address of the PostgreSQL server.', { group: 'Connection' }),
  'database.port': integer(5432, 'Port of the PostgreSQL server.', { min: 1, max: 65535, importance: 'high', group: 'Connection' }),
  'database.user': required('User to connect as: needs LOGIN and REPLICATION, and SELECT on the tables.', { group: 'Connection' }),
  'database.password': secret('Password of the user.', { group: 'Connection' }),
  'database.dbname': required('Database whose changes are captured.', { group: 'Connection' }),
  'database.sslmode': choice(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'], 'prefer', 'Whether the connection is encrypted, and how far the certificate of the server is checked.', { group: 'Connection' }),
  'database.sslcert': optionalText('File with the certificate of the client (PEM).', { group: 'Connection' }),
  'database.sslkey': optionalText('File with the private key of the client (PEM).', { group: 'Connection' }),
  'database.sslpassword': secret('Password of the private key.', { importance: 'medium', group: 'Connection' }),
  'database.sslrootcert': optionalText('File with the root certificates that the server is checked against (PEM).', { group: 'Connection' }),
  'database.tcpKeepAlive': flag(true, 'Whether TCP keep-alive packets are sent.', { group: 'Connection' }),
  'database.initial.statements': optionalText('SQL run on each new connection for queries (not for streaming). Statements end with a semicolon; `;;` stands for a literal one.', { importance: 'low', group: 'Connection' }),
  'database.query.timeout.ms': integer(600_000, 'Time after which a query of the connector is given up; 0 means never.', { min: 0, importance: 'low', group: 'Connection' }),
  'connection.validation.timeout.ms': long(60_000, 'How long the check of the settings may try to connect.', { min: 1, importance: 'low', group: 'Connection' }),
  'topic.prefix': required('Name of this source: the first part of its topics and of its schemas, and the key of its offsets. Do not change it later.', {
    check: (it: string) => (TOPIC_PREFIX.test(it) ? undefined : 'it has an invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)'),
  }),
};

const REPLICATION = {
  'plugin.name': choice(['pgoutput', 'decoderbufs'], 'pgoutput', 'The output plugin of the server. Only pgoutput, which every PostgreSQL since 10 has, is supported.', {
    check: (it: string) => (it.toLowerCase() === 'pgoutput' ? undefined : 'Only the plugin pgoutput is supported: set plugin.name to pgoutput (it needs nothing installed on the server)'),
  }),
  'slot.name': text('debezium', 'Replication slot that holds the position at the server; one per connector.', {
    check: (it: string) => (SLOT_NAME.test(it) ? undefined : 'Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63'),
  }),
  'slot.drop.on.stop': flag(false, 'Whether the slot is dropped when the task stops in order. For tests: changes made while it is stopped are lost.'),
  'slot.failover': flag(false, 'Whether a new slot is made as a failover slot (PostgreSQL 17 and later).'),
  'slot.stream.params': optionalText('More parameters of the plugin: `name=value;name=value`.', { importance: 'low' }),
  'slot.max.retries': integer(6, 'How often a busy slot is tried again at start.', { min: 0, importance: 'low' }),
  'slot.retry.delay.ms': long(10_000, 'The wait between these tries.', { min: 0, importance: 'low' }),
  'publication.name': text('dbz_publication', 'Publication that says which tables and operations the server sends.'),
  'publication.autocreate.mode': choice(['all_tables', 'disabled', 'filtered', 'no_tables'], 'all_tables', 'How the publication is made when missing: for all tables, never, for the captured tables (and then kept up to date), or without tables.'),
  'publish.via.partition.root': flag(false, 'Whether a new publication shows changes of partitions as changes of the partitioned table.'),
  'replica.identity.autoset.values': optionalText('Replica identities to set at start: `schema.table:FULL|DEFAULT|NOTHING|INDEX name`, separated by commas; the table is a regular expression.'),
  'status.update.interval.ms': integer(10_000, 'How often the server is told the position.', { min: 1 }),
  'lsn.flush.mode': choice(['connector', 'manual', 'connector_and_driver'], 'connector', 'Who moves the position of the slot: the connector when offsets are stored, or nobody (manual).', { importance: 'low' }),
  'flush.lsn.source': flag(true, 'Old form of lsn.flush.mode: false means manual.', { importance: 'low' }),
  'offset.mismatch.strategy': choice(['no_validation', 'trust_offset', 'trust_slot', 'trust_greater_lsn'], 'no_validation', 'What happens at start when the slot is ahead of the stored offset: the task refuses, unless the slot is trusted.', { importance: 'low' }),
};

const SNAPSHOT = {
  'snapshot.mode': choice(['initial', 'always', 'initial_only', 'no_data', 'never', 'when_needed', 'configuration_based'], 'initial', 'When the rows that are already there are read: at the first start, at each start, only them and no changes, never, also when the position is lost, or as the settings `snapshot.mode.configuration.based.…` say.'),
  'snapshot.mode.configuration.based.snapshot.data': flag(false, 'Mode configuration_based: whether rows are read, at each start.', { importance: 'low' }),
  'snapshot.mode.configuration.based.snapshot.schema': flag(false, 'Accepted for compatibility: schemas are always those of the database.', { importance: 'low' }),
  'snapshot.mode.configuration.based.start.stream': flag(false, 'Mode configuration_based: whether changes are streamed.', { importance: 'low' }),
  'snapshot.mode.configuration.based.snapshot.on.schema.error': flag(false, 'Accepted for compatibility: there is no stored history of schemas that could be lost.', { importance: 'low' }),
  'snapshot.mode.configuration.based.snapshot.on.data.error': flag(false, 'Mode configuration_based: whether a lost position is made up for by a new snapshot.', { importance: 'low' }),
  'snapshot.isolation.mode': choice(['serializable', 'repeatable_read', 'read_committed', 'read_uncommitted'], 'serializable', 'Accepted for compatibility: all tables are read under one snapshot of the data (repeatable read), never under less.', { importance: 'low' }),
  'snapshot.locking.mode': choice(['none', 'shared'], 'none', 'Whether the tables are locked against changes of their structure while they are read (ACCESS SHARE).', { importance: 'low' }),
  'snapshot.lock.timeout.ms': long(10_000, 'How long the snapshot waits for these locks.', { min: 0, importance: 'low' }),
  'snapshot.max.threads': integer(1, 'Connections that read the snapshot, all as of one moment; a table is read by one of them.', { min: 1 }),
  'snapshot.include.collection.list': list(null, 'Of the captured tables, those to read in the snapshot (regular expressions).', { check: expressions }),
  [SNAPSHOT_OVERRIDES]: list(null, 'Tables that the snapshot reads by a statement of their own: `schema.table`, with the statement in a setting of this name, a dot and the table.'),
  'snapshot.fetch.size': integer(10_240, 'Accepted for compatibility: rows are streamed by COPY, which needs no fetch size.', { min: 1 }),
  'snapshot.delay.ms': long(0, 'Wait before the snapshot.', { min: 0, importance: 'low' }),
  'streaming.delay.ms': long(0, 'Wait before streaming, after a snapshot.', { min: 0, importance: 'low' }),
};

const SIGNALS = {
  'signal.data.collection': optionalText('Table whose new rows are signals: `schema.table` with the columns id, type and data. Incremental snapshots mark their windows in it.', {
    check: (it: string) => (/^[^.]+(?:\.[^.]+){1,2}$/.test(it.trim()) ? undefined : 'schema.table is expected'),
  }),
  'signal.enabled.channels': list('source', 'Where signals come from: source (the signal table), kafka, file. Those over REST always come.', { oneOf: ['source', 'kafka', 'file', 'jmx', 'in-process'] }),
  'signal.poll.interval.ms': long(5_000, 'How often the file of signals is looked at.', { min: 1, importance: 'low' }),
  'signal.kafka.topic': optionalText('Topic of signals; `<topic.prefix>-signal` when absent. Records whose key is the topic prefix count.'),
  'signal.kafka.bootstrap.servers': optionalText('Brokers of that topic, if it is in another cluster; further settings of the consumer are given as `signal.consumer.…`.'),
  'signal.kafka.groupId': optionalText('Consumer group that holds the position in that topic.', { importance: 'low' }),
  'signal.kafka.poll.timeout.ms': long(100, 'Accepted for compatibility.', { min: 0, importance: 'low' }),
  'signal.file': text('file-signals.txt', 'File of signals: a JSON object with id, type and data on each line. It is emptied when it has been read.'),
  'read.only': flag(false, 'Whether incremental snapshots write nothing to the database, no signal rows either.'),
  'incremental.snapshot.chunk.size': integer(1024, 'Rows of a chunk of an incremental snapshot.', { min: 1 }),
  'incremental.snapshot.watermarking.strategy': choice(['insert_insert', 'insert_delete'], 'insert_insert', 'How the end of a window is marked in the signal table: by a row more, or by deleting the one of its start.'),
  'notification.enabled.channels': list(null, 'Where the progress of snapshots is told: sink (a topic), log.', { oneOf: ['sink', 'log', 'jmx'] }),
  'notification.sink.topic.name': optionalText('Topic of notifications.'),
};

const CAPTURE = {
  'schema.include.list': list(null, 'Schemas to capture (regular expressions).', { check: expressions, importance: 'high' }),
  'schema.exclude.list': list(null, 'Schemas not to capture (regular expressions).', { check: expressions }),
  'table.include.list': list(null, 'Tables to capture: regular expressions for schema.table.', { check: expressions, importance: 'high' }),
  'table.exclude.list': list(null, 'Tables not to capture: regular expressions for schema.table.', { check: expressions }),
  'column.include.list': list(null, 'Columns to keep in values: regular expressions for schema.table.column.', { check: expressions }),
  'column.exclude.list': list(null, 'Columns to leave out of values: regular expressions for schema.table.column.', { check: expressions }),
  'message.prefix.include.list': list(null, 'Prefixes of logical messages to capture (regular expressions).', { check: expressions }),
  'message.prefix.exclude.list': list(null, 'Prefixes of logical messages not to capture (regular expressions).', { check: expressions }),
  'message.key.columns': optionalText('Other keys than the primary key: `table expression:column,column` separated by semicolons.'),
  'skipped.operations': list('t', 'Operations that are left out: c, u, d, t, or none.', { oneOf: ['c', 'u', 'd', 't', 'none'], importance: 'low' }),
  'skip.messages.without.change': flag(false, 'Whether updates that change no captured column are left out (needs REPLICA IDENTITY FULL).', { importance: 'low' }),
};

const SHAPE = {
  'tombstones.on.delete': flag(true, 'Whether a delete is followed by a record without value, for compacted topics.'),
  'decimal.handling.mode': choice(['precise', 'double', 'string'], 'precise', 'How numeric values are represented.'),
  'time.precision.mode': choice(['adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'], 'adaptive', 'How times are represented: by the precision of the column, in one unit, as ISO 8601 text, or as Connect types with milliseconds.'),
  'binary.handling.mode': choice(['bytes', 'base64', 'base64-url-safe', 'hex'], 'bytes', 'How bytea is represented.', { importance: 'low' }),
  'hstore.handling.mode': choice(['json', 'map'], 'json', 'How hstore is represented.', { importance: 'low' }),
  'interval.handling.mode': choice(['numeric', 'string'], 'numeric', 'How intervals are represented: microseconds (a month is 365.25/12 days), or ISO 8601 text.', { importance: 'low' }),
  'money.fraction.digits': integer(2, 'Digits after the point of money values.', { min: 0, max: 32 }),
  'unavailable.value.placeholder': text('__debezium_unavailable_value', 'What stands for a large value that an update did not change and the server did not send; `hex:` and digits for bytes.'),
  'provide.transaction.metadata': flag(false, 'Whether transactions are counted, with a topic of their begins and ends.', { importance: 'low' }),
  'extended.headers.enabled': flag(true, 'Whether each record names the connector and the task in headers.', { importance: 'low' }),
  'include.unknown.datatypes': flag(false, 'Whether values of types without a mapping are handed over, as the bytes of their text.'),
  'include.schema.comments': flag(false, 'Whether the comments of columns are in the schemas.'),
  'schema.name.adjustment.mode': choice(['none', 'avro', 'avro_unicode'], 'none', 'How names of schemas are made valid for Avro.'),
  'field.name.adjustment.mode': choice(['none', 'avro', 'avro_unicode'], 'none', 'How names of fields are made valid for Avro.'),
  'column.propagate.source.type': list(null, 'Columns (regular expressions for schema.table.column) whose original type is told in the parameters of their schema.', { check: expressions }),
  'datatype.propagate.source.type': list(null, 'Types (regular expressions for schema.table.type) that are told so.', { check: expressions }),
  'topic.delimiter': text('.', 'What separates the parts of a topic name.', { check: (it: string) => (/^[a-zA-Z0-9._-]$/.test(it) ? undefined : 'one of the characters a-z A-Z 0-9 . _ - is expected') }),
  'topic.transaction': text('transaction', 'Last part of the name of the topic of transactions.', { importance: 'low' }),
};

const FLOW = {
  'max.batch.size': integer(2048, 'Most records that are handed over at once.', { min: 1 }),
  'max.queue.size': integer(8192, 'Accepted for compatibility: the queue is bounded by bytes.', { min: 1 }),
  'poll.interval.ms': long(500, 'Longest wait for a record before an empty answer; a record that is there is handed over at once.', { min: 1 }),
  'heartbeat.interval.ms': integer(0, 'How often a heartbeat record is sent; 0 means never.', { min: 0 }),
  'heartbeat.topics.prefix': text('__debezium-heartbeat', 'First part of the name of the heartbeat topic (its older name).', { importance: 'low' }),
  'topic.heartbeat.prefix': optionalText('First part of the name of the heartbeat topic.', { importance: 'low' }),
  'topic.heartbeat.name': optionalText('Whole name of the heartbeat topic.', { importance: 'low' }),
  'heartbeat.action.query': optionalText('SQL run with each heartbeat.', { importance: 'low' }),
  'errors.max.retries': integer(-1, 'How often a lost connection is tried again before the task fails; -1 means without end.', { min: -1, importance: 'low' }),
  'retriable.restart.connector.wait.ms': long(10_000, 'Longest wait between these tries; the first ones come sooner.', { min: 0, importance: 'low' }),
};

/** All settings of Debezium's PostgreSQL connector, with its defaults; those that are not built are accepted with their default only. */
export const SETTINGS = new ConfigDef({ ...CONNECTION, ...REPLICATION, ...SNAPSHOT, ...SIGNALS, ...CAPTURE, ...SHAPE, ...FLOW, ...UNBUILT_SETTINGS });
