import { settingKinds } from '@millrace/connect-api';

const { unbuilt } = settingKinds;

/** Settings of Debezium's connector that are known, with its defaults, but have no effect here yet. */
export const UNBUILT_SETTINGS = {
  'mongodb.authentication.class': unbuilt('class', 'io.debezium.connector.mongodb.connection.DefaultMongoDbAuthProvider', 'Java class of credentials.'),
  'mongodb.allow.offset.invalidation': unbuilt('boolean', 'false', 'Offsets of the removed replica_set mode.'),
  'signal.data.collection': unbuilt('string', null, 'Collection of signals. Signals come over REST instead.'),
  'signal.enabled.channels': unbuilt('list', 'source', 'Channels of signals.'),
  'signal.poll.interval.ms': unbuilt('long', '5000', 'How often signals are looked for.'),
  'signal.kafka.topic': unbuilt('string', null, 'Topic of signals.'),
  'signal.file': unbuilt('string', 'file-signals.txt', 'File of signals.'),
  'incremental.snapshot.watermarking.strategy': unbuilt('string', 'insert_insert', 'Marks of incremental snapshots in the signal collection; here the time of the server serves.'),
  'read.only': unbuilt('boolean', 'false', 'Incremental snapshots without writes: here they never write.'),
  'snapshot.mode.configuration.based.snapshot.data': unbuilt('boolean', 'false', 'Part of snapshot.mode configuration_based.'),
  'snapshot.mode.configuration.based.snapshot.schema': unbuilt('boolean', 'false', 'Part of snapshot.mode configuration_based.'),
  'snapshot.mode.configuration.based.start.stream': unbuilt('boolean', 'false', 'Part of snapshot.mode configuration_based.'),
  'snapshot.mode.configuration.based.snapshot.on.schema.error': unbuilt('boolean', 'false', 'Part of snapshot.mode configuration_based.'),
  'snapshot.mode.configuration.based.snapshot.on.data.error': unbuilt('boolean', 'false', 'Part of snapshot.mode configuration_based.'),
  'snapshot.mode.custom.name': unbuilt('string', null, 'Name of a custom snapshotter.'),
  'snapshot.query.mode': unbuilt('string', 'select_all', 'How snapshot queries are made.'),
  'snapshot.query.mode.custom.name': unbuilt('string', null, 'Name of a custom query maker.'),
  'event.processing.failure.handling.mode': unbuilt('string', 'fail', 'What happens to an event that cannot be processed.'),
  'provide.transaction.metadata': unbuilt('boolean', 'false', 'Transactions with counts and a topic of their own.'),
  'transaction.metadata.factory': unbuilt('class', 'io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory', 'How transactions are described.'),
  'schema.name.adjustment.mode': unbuilt('string', 'none', 'Schema names for Avro.'),
  'field.name.adjustment.mode': unbuilt('string', 'none', 'Field names for Avro.'),
  converters: unbuilt('string', null, 'Custom converters.'),
  'post.processors': unbuilt('string', null, 'Post processors.'),
  'topic.naming.strategy': unbuilt('class', 'io.debezium.schema.DefaultTopicNamingStrategy', 'How topics are named.'),
  'sourceinfo.struct.maker': unbuilt('class', 'io.debezium.connector.mongodb.MongoDbSourceInfoStructMaker', 'How the source block is made.'),
  'heartbeat.action.query': unbuilt('string', null, 'A query run with each heartbeat.'),
  'custom.metric.tags': unbuilt('list', null, 'Tags of metrics.'),
  'guardrail.collections.max': unbuilt('int', '0', 'Most collections to capture.'),
  'guardrail.collections.limit.action': unbuilt('string', 'warn', 'What happens above that.'),
  'openlineage.integration.enabled': unbuilt('boolean', 'false', 'OpenLineage.'),
};
