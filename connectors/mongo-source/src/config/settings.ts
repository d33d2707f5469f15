import { ConfigDef, settingKinds } from '@millrace/connect-api';
import { pipelineProblem } from '../streaming/user-pipeline.js';
import { UNBUILT_SETTINGS } from './unbuilt-settings.js';

const { choice, flag, integer, list, long, optionalText, required, secret, text } = settingKinds;

const TOPIC_PREFIX = /^[a-zA-Z0-9._-]+$/;
const CONNECTION_STRING = /^mongodb(?:\+srv)?:\/\//;

const CONNECTION = {
  'mongodb.connection.string': required('Connection string of the replica set or sharded cluster.', {
    group: 'Connection',
    // The message shows the value, which may hold a password: the form alone is looked at, and what is wrong is said where it is read.
    check: (it: string) => (CONNECTION_STRING.test(it) ? undefined : 'a connection string begins with mongodb:// or mongodb+srv://'),
  }),
  'mongodb.user': optionalText('User to connect as; a user in the connection string goes first.', { importance: 'high', group: 'Connection' }),
  'mongodb.password': secret('Password of the user.', { group: 'Connection' }),
  'mongodb.authsource': text('admin', 'Database that knows the user.', { group: 'Connection' }),
  'mongodb.ssl.enabled': flag(false, 'Whether the connection is encrypted.', { group: 'Connection' }),
  'mongodb.ssl.invalid.hostname.allowed': flag(false, 'Whether the name in the certificate of the server may be another one.', { group: 'Connection' }),
  'mongodb.ssl.keystore': optionalText('File with the certificate and private key of this client: PEM, or PKCS#12 with its password.', { group: 'Connection' }),
  'mongodb.ssl.keystore.password': secret('Password of the key store.', { importance: 'medium', group: 'Connection' }),
  'mongodb.ssl.keystore.type': text('PKCS12', 'Type of the key store: PKCS12 or PEM.', { group: 'Connection' }),
  'mongodb.ssl.truststore': optionalText('File with the root certificates that the server is checked against (PEM).', { group: 'Connection' }),
  'mongodb.ssl.truststore.password': secret('Not needed for PEM files.', { importance: 'low', group: 'Connection' }),
  'mongodb.ssl.truststore.type': text('PKCS12', 'Type of the trust store; only PEM can be read.', { importance: 'low', group: 'Connection' }),
  'mongodb.connect.timeout.ms': integer(10_000, 'How long one connection may take to open.', { min: 0, group: 'Connection' }),
  'mongodb.server.selection.timeout.ms': integer(30_000, 'How long a server that can answer is looked for.', { min: 1, group: 'Connection' }),
  'mongodb.socket.timeout.ms': integer(0, 'How long an answer may take; 0 means any time.', { min: 0, importance: 'low', group: 'Connection' }),
  'mongodb.heartbeat.frequency.ms': integer(10_000, 'How often the driver looks at each server.', { min: 500, importance: 'low', group: 'Connection' }),
  'mongodb.poll.interval.ms': long(30_000, 'Accepted for compatibility: the driver follows the members by itself.', { importance: 'low', group: 'Connection' }),
  'connection.validation.timeout.ms': long(60_000, 'How long the check of the settings may try to connect.', { min: 1, importance: 'low', group: 'Connection' }),
  'topic.prefix': required('Name of this source: the first part of its topics and of its schemas, and the key of its offsets. Do not change it later.', {
    check: (it: string) => (TOPIC_PREFIX.test(it) ? undefined : 'it has an invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)'),
  }),
};

const CAPTURE = {
  'capture.scope': choice(['deployment', 'database', 'collection'], 'deployment', 'What the change stream is opened on.'),
  'capture.target': optionalText('The database, or `database.collection`, of a narrower scope.'),
  'capture.mode': choice(
    ['change_streams', 'change_streams_update_full', 'change_streams_with_pre_image', 'change_streams_update_full_with_pre_image'],
    'change_streams_update_full',
    'What updates carry: the changed fields alone or the whole document too, and whether the document before is there (the collection must keep images).',
  ),
  'capture.mode.full.update.type': choice(['lookup', 'post_image'], 'lookup', 'Where the whole document comes from: looked up when the event is read (it may be newer), or the image that the server keeps.'),
  'capture.start.op.time': long(-1, 'Where a first start begins without a snapshot: a BSON timestamp as one number (seconds * 2^32 + increment).', { importance: 'low' }),
  'database.include.list': optionalText('Databases to capture.', { importance: 'high' }),
  'database.exclude.list': optionalText('Databases not to capture.'),
  'collection.include.list': optionalText('Collections to capture, as database.collection.', { importance: 'high' }),
  'collection.exclude.list': optionalText('Collections not to capture, as database.collection.'),
  'filters.match.mode': choice(['regex', 'literal'], 'regex', 'Whether the entries of these lists are regular expressions or names.'),
  'field.exclude.list': optionalText('Fields to leave out of values, as database.collection.field.nested; `*` stands for anything in the first two.'),
  'field.renames': optionalText('Fields to rename in values: database.collection.field.nested:newName.'),
  'cursor.pipeline': optionalText('Stages of aggregation (a JSON array) that the events pass.', { importance: 'low', check: pipelineProblem }),
  'cursor.pipeline.order': choice(['internal_first', 'user_first', 'user_only'], 'internal_first', 'Whether the stages of the user come behind or before those of the filters, or stand alone.', { importance: 'low' }),
  'cursor.oversize.handling.mode': choice(['fail', 'skip', 'split'], 'fail', 'What happens to an event above 16 MB: the task fails, documents above a threshold are left out, or the server splits it (MongoDB 6.0.9 and later).', { importance: 'low' }),
  'cursor.oversize.skip.threshold': integer(0, 'Size of a document in bytes above which its events are left out with the mode skip.', { min: 0, importance: 'low' }),
  'cursor.max.await.time.ms': integer(0, 'How long the server may wait for an event before it answers with none; 0 means poll.interval.ms.', { min: 0, importance: 'low' }),
  'skipped.operations': list('t', 'Operations that are left out: c, u, d, t, or none.', { oneOf: ['c', 'u', 'd', 'r', 't', 'none'], importance: 'low' }),
};

const SNAPSHOT = {
  'snapshot.mode': choice(['initial', 'always', 'initial_only', 'no_data', 'never', 'when_needed'], 'initial', 'When the documents that are already there are read: at the first start, at each start, only them and no changes, never, or also when the position is lost.'),
  'snapshot.include.collection.list': optionalText('Of the captured collections, those to read in the snapshot (regular expressions).'),
  'snapshot.collection.filter.overrides': optionalText('Collections of which only a part is read: for each, a filter in `snapshot.collection.filter.overrides.<database.collection>`.', { importance: 'low' }),
  'snapshot.fetch.size': integer(0, 'Documents per answer of the server while reading; 0 leaves it to the server.', { min: 0 }),
  'snapshot.max.threads': integer(1, 'How many collections are read at the same time.', { min: 1 }),
  'snapshot.delay.ms': long(0, 'Wait before the snapshot.', { min: 0, importance: 'low' }),
  'streaming.delay.ms': long(0, 'Wait before streaming, after a snapshot.', { min: 0, importance: 'low' }),
  'incremental.snapshot.chunk.size': integer(1024, 'Documents per chunk of an incremental snapshot.', { min: 1 }),
};

const SHAPE = {
  'json.serialization.mode': choice(['legacy', 'strict', 'extended', 'relaxed'], 'legacy', 'Form of JSON: version 1 strict with relaxed updatedFields, version 1 strict, version 2 canonical, or version 2 relaxed.'),
  'tombstones.on.delete': flag(true, 'Whether a delete is followed by a record without value, for compacted topics.'),
  'extended.headers.enabled': flag(true, 'Whether each record names the connector and the task in headers.', { importance: 'low' }),
  'topic.delimiter': text('.', 'What separates the parts of a topic name.', { check: (it: string) => (/^[a-zA-Z0-9._-]$/.test(it) ? undefined : 'one of the characters a-z A-Z 0-9 . _ - is expected') }),
};

const FLOW = {
  'max.batch.size': integer(2048, 'Most records that are handed over at once.', { min: 1 }),
  'max.queue.size': integer(8192, 'Accepted for compatibility: what is read ahead is one answer of the server.', { min: 1 }),
  'max.queue.size.in.bytes': long(0, 'Accepted for compatibility: an answer of the server is 16 MB at most.', { min: 0, importance: 'low' }),
  'poll.interval.ms': long(500, 'Longest wait for a record before an empty answer; a record that is there is handed over at once.', { min: 1 }),
  'poll.dispatch.interval.ms': long(0, 'Accepted for compatibility.', { min: 0, importance: 'low' }),
  'topic.cache.size': integer(10_000, 'Accepted for compatibility.', { min: 0, importance: 'low' }),
  'executor.shutdown.timeout.ms': long(4000, 'Accepted for compatibility.', { min: 0, importance: 'low' }),
  'statistics.metrics.enabled': flag(true, 'Accepted for compatibility.', { importance: 'low' }),
  'custom.sanitize.pattern': optionalText('Accepted for compatibility: secrets are never shown.', { importance: 'low' }),
  'heartbeat.interval.ms': integer(0, 'How often a heartbeat record is sent; 0 means never.', { min: 0 }),
  'heartbeat.topics.prefix': text('__debezium-heartbeat', 'First part of the name of the heartbeat topic (its older name).', { importance: 'low' }),
  'topic.heartbeat.prefix': optionalText('First part of the name of the heartbeat topic.', { importance: 'low' }),
  'topic.heartbeat.name': optionalText('Whole name of the heartbeat topic.', { importance: 'low' }),
  'notification.enabled.channels': list(null, 'Where notifications of snapshots go: sink (a topic) and log.', { oneOf: ['sink', 'log'], importance: 'low' }),
  'notification.sink.topic.name': optionalText('Topic of notifications.', { importance: 'low' }),
  'errors.max.retries': integer(-1, 'How often a lost connection is tried again before the task fails; -1 means without end.', { min: -1, importance: 'low' }),
  'retriable.restart.connector.wait.ms': long(10_000, 'Longest wait between these tries; the first ones come sooner.', { min: 0, importance: 'low' }),
};

/** All settings of Debezium's MongoDB connector, with its defaults; those that are not built are accepted with their default only. */
export const SETTINGS = new ConfigDef({ ...CONNECTION, ...CAPTURE, ...SNAPSHOT, ...SHAPE, ...FLOW, ...UNBUILT_SETTINGS });

export const FILTER_OVERRIDES = 'snapshot.collection.filter.overrides';
