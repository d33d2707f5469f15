import { OperationalError } from '@millrace/foundation';
import { boolean, double, int, list, long, optional, parseConfig, short, string, type ConfigDefinition } from './config-definition.js';
import { cordonsProblem } from './cordoned-folders.js';
import { nodeRoles, type NodeRoles } from './node-roles.js';
import { QUORUM_CONFIG_DEFINITIONS } from './quorum-config.js';
import { REPLICATION_CONFIG_DEFINITIONS } from './replication-config.js';

const NEVER = '9223372036854775807';
const COMPRESSION_OF_TOPICS = ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'];

/** Kafka's broker properties that Millrace acts on, with Kafka's defaults. */
export const BROKER_CONFIG_DEFINITIONS = {
  'node.id': int('1', 'The id of this node in the cluster.', { min: 0 }),
  'broker.id': optional(int('1', 'An older name of node.id.', { min: 0 })),
  'broker.rack': optional(string('', 'Where the broker stands, for rack-aware assignment.')),
  listeners: list('PLAINTEXT://:9092', 'NAME://host:port of each listener. An empty host is every interface; localhost is both loopback addresses.'),
  'advertised.listeners': optional(list('', 'NAME://host:port as clients reach it. Port 0 stands for the port that was bound.')),
  'listener.security.protocol.map': list('PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT', 'The security protocol of each listener name.'),
  'inter.broker.listener.name': optional(string('', 'The listener that brokers use among themselves; one of listeners.')),
  'log.dirs': optional(list('', 'The directories of the logs.')),
  'log.dir': string('/tmp/kafka-logs', 'The directory of the logs, when log.dirs is not set.'),
  'cordoned.log.dirs': list('', 'Directories of log.dirs that get no new replicas; * is all of them.'),
  'metadata.log.dir': optional(string('', 'The directory of the metadata log; the first of log.dirs otherwise.')),
  'num.partitions': int('1', 'Partitions of a topic that is created without a number.', { min: 1 }),
  'auto.create.topics.enable': boolean('true', 'Whether a Metadata request may create the topics that it asks for.'),
  'delete.topic.enable': boolean('true', 'Whether topics can be deleted.'),
  'default.replication.factor': int('1', 'Replicas of a topic that is created without a number.'),
  'min.insync.replicas': int('1', 'How many replicas must be in sync for acks=all.', { min: 1 }),
  'unclean.leader.election.enable': boolean('false', 'Whether a replica that is not in sync may lead when no other is left.'),
  ...REPLICATION_CONFIG_DEFINITIONS,
  ...QUORUM_CONFIG_DEFINITIONS,
  'message.max.bytes': int('1048588', 'The largest record batch, after compression.', { min: 0 }),
  'socket.request.max.bytes': int('104857600', 'The largest request.', { min: 1 }),
  'max.connections': int('2147483647', 'The most connections.', { min: 0 }),
  'max.connections.per.ip': int('2147483647', 'The most connections from one address.', { min: 0 }),
  'connections.max.idle.ms': long('600000', 'A connection without requests for so long is closed.', { min: 1 }),
  'queued.max.requests': int('500', 'Requests that wait behind the one in progress; beyond it the socket of a connection is not read.', { min: 1 }),
  'fetch.max.bytes': int('57671680', 'The most bytes that a fetch answers, whatever it asks for.', { min: 1024 }),
  'max.request.partition.size.limit': int('2000', 'The most partitions in an answer to DescribeTopicPartitions.', { min: 1 }),
  'compression.type': string('producer', 'The compression of a topic; producer keeps what the producer chose.', COMPRESSION_OF_TOPICS),
  'compression.gzip.level': int('-1', 'The level of gzip when compression.type is gzip.', { min: -1, max: 9 }),
  'compression.lz4.level': int('9', 'The level of lz4 when compression.type is lz4.', { min: 1, max: 17 }),
  'compression.zstd.level': int('3', 'The level of zstd when compression.type is zstd.', { min: -131072, max: 22 }),
  'log.segment.bytes': int('1073741824', 'The size at which a segment is rolled.', { min: 1024 * 1024 }),
  'log.roll.ms': optional(long('0', 'The age at which a segment is rolled.', { min: 1 })),
  'log.roll.hours': int('168', 'The age at which a segment is rolled, when log.roll.ms is not set.', { min: 1 }),
  'log.roll.jitter.ms': optional(long('0', 'The most that is taken off log.roll.ms by chance.', { min: 0 })),
  'log.roll.jitter.hours': int('0', 'The same in hours.', { min: 0 }),
  'log.retention.ms': optional(long('0', 'How long records are kept; -1 is for ever.', { min: -1 })),
  'log.retention.minutes': optional(int('0', 'The same in minutes, when log.retention.ms is not set.')),
  'log.retention.hours': int('168', 'The same in hours, when neither of the others is set.'),
  'log.retention.bytes': long('-1', 'The most bytes of a partition; -1 is without a limit.'),
  'log.retention.check.interval.ms': long('300000', 'How often retention is looked at.', { min: 1 }),
  'log.cleanup.policy': list('delete', 'What becomes of old segments.', ['compact', 'delete']),
  'log.cleaner.delete.retention.ms': long('86400000', 'How long tombstones are kept.', { min: 0 }),
  'log.cleaner.min.compaction.lag.ms': long('0', 'The least time that a record stays uncompacted.', { min: 0 }),
  'log.cleaner.max.compaction.lag.ms': long(NEVER, 'The most time that a record stays uncompacted.', { min: 1 }),
  'log.cleaner.min.cleanable.ratio': double('0.5', 'The share of a log that must be dirty before it is compacted.', { min: 0, max: 1 }),
  'log.cleaner.enable': boolean('true', 'Whether compacted topics are compacted.'),
  'log.cleaner.threads': int('1', 'How many logs are compacted at a time.', { min: 0 }),
  'log.cleaner.backoff.ms': long('15000', 'How long the cleaner waits when there is nothing to compact.', { min: 0 }),
  'log.cleaner.dedupe.buffer.size': long('134217728', 'The memory for the keys of logs that are compacted, of all threads together; 16 bytes a key. With more keys there are several passes.', { min: 4096 }),
  'log.cleaner.io.buffer.load.factor': double('0.9', 'How full the memory for keys may get.', { min: 0.01, max: 1 }),
  'log.cleaner.io.max.bytes.per.second': double('1.7976931348623157E308', 'The most that cleaners read and write in a second, all together.', { min: 1 }),
  'log.index.interval.bytes': int('4096', 'The bytes between two index entries.', { min: 0 }),
  'log.index.size.max.bytes': int('10485760', 'The size at which an index is full and the segment is rolled.', { min: 4 }),
  'log.segment.delete.delay.ms': long('60000', 'How long a deleted file stays on disk under another name.', { min: 0 }),
  'log.preallocate': boolean('false', 'Whether files are given their size at once.'),
  'log.flush.interval.messages': long(NEVER, 'A partition is flushed after so many records.', { min: 1 }),
  'log.flush.interval.ms': optional(long('0', 'A partition is flushed after so much time.')),
  'log.flush.scheduler.interval.ms': long(NEVER, 'The same, when log.flush.interval.ms is not set.'),
  'log.flush.offset.checkpoint.interval.ms': int('60000', 'How often the recovery points are written to disk.', { min: 0 }),
  'log.flush.start.offset.checkpoint.interval.ms': int('60000', 'How often the log start offsets are written to disk, besides with the recovery points.', { min: 0 }),
  'log.message.timestamp.type': string('CreateTime', 'Whose clock the records carry.', ['CreateTime', 'LogAppendTime']),
  'log.message.timestamp.before.max.ms': long(NEVER, 'How far behind the clock of the broker a timestamp may be.', { min: 0 }),
  'log.message.timestamp.after.max.ms': long('3600000', 'How far ahead of the clock of the broker a timestamp may be.', { min: 0 }),
  'log.local.retention.ms': long('-2', 'Of tiered storage.', { min: -2 }),
  'log.local.retention.bytes': long('-2', 'Of tiered storage.', { min: -2 }),
  'producer.id.expiration.ms': int('86400000', 'A producer without records for so long is forgotten.', { min: 1 }),
  'offsets.topic.num.partitions': int('50', 'Partitions of __consumer_offsets.', { min: 1 }),
  'offsets.topic.replication.factor': short('3', 'Replicas of __consumer_offsets; at most as many as there are brokers.', { min: 1 }),
  'offsets.topic.segment.bytes': int('104857600', 'The segment size of __consumer_offsets.', { min: 1 }),
  'offsets.retention.minutes': int('10080', 'How long the offsets of an empty group are kept.', { min: 1 }),
  'offsets.retention.check.interval.ms': long('600000', 'How often expired offsets are looked for.', { min: 1 }),
  'offsets.commit.timeout.ms': int('5000', 'How long a commit, or another request of a group, waits until the in-sync replicas have it.', { min: 1 }),
  'offset.metadata.max.bytes': int('4096', 'The largest metadata text of a committed offset.'),
  'group.min.session.timeout.ms': int('6000', 'The least session timeout that a member may ask for.'),
  'group.max.session.timeout.ms': int('1800000', 'The largest session timeout that a member may ask for.'),
  'group.initial.rebalance.delay.ms': int('3000', 'How long the first rebalance of an empty group waits for more members.'),
  'group.max.size': int('2147483647', 'The most members of a group.', { min: 1 }),
} as const satisfies Record<string, ConfigDefinition>;

export type BrokerConfigKey = keyof typeof BROKER_CONFIG_DEFINITIONS;
type ValueOf<K extends BrokerConfigKey> = (typeof BROKER_CONFIG_DEFINITIONS)[K] extends ConfigDefinition<infer T> ? T : never;

function isBrokerConfigKey(key: string): key is BrokerConfigKey {
  return Object.hasOwn(BROKER_CONFIG_DEFINITIONS, key);
}

/** A broker's own configuration: properties by Kafka's names, checked once. */
export class BrokerConfig {
  private readonly texts = new Map<BrokerConfigKey, string>();
  private readonly values = new Map<BrokerConfigKey, unknown>();
  /** Keys that nobody here knows: Kafka keeps going, and says so. */
  readonly unknownKeys: readonly string[];
  readonly roles: NodeRoles;

  /** Throws code `INVALID_CONFIG`, naming the key. */
  constructor(properties: Readonly<Record<string, string>>) {
    const unknownKeys: string[] = [];
    for (const [key, text] of Object.entries(properties)) {
      if (isBrokerConfigKey(key)) this.texts.set(key, text);
      else unknownKeys.push(key);
    }
    this.unknownKeys = unknownKeys;
    for (const key of Object.keys(BROKER_CONFIG_DEFINITIONS) as BrokerConfigKey[]) {
      const text = this.text(key);
      this.values.set(key, text === null ? null : parseConfig(key, BROKER_CONFIG_DEFINITIONS[key] as ConfigDefinition, text));
    }
    const ids = [this.texts.get('node.id'), this.texts.get('broker.id')];
    if (ids[0] !== undefined && ids[1] !== undefined && ids[0] !== ids[1]) throw new OperationalError('INVALID_CONFIG', `node.id ${ids[0]} and broker.id ${ids[1]} must be the same`);
    this.roles = nodeRoles(this);
    const problem = cordonsProblem(this.get('cordoned.log.dirs'), this.logDirs);
    if (problem !== null) throw new OperationalError('INVALID_CONFIG', `Invalid value ${this.text('cordoned.log.dirs')} for configuration cordoned.log.dirs: ${problem}`);
  }

  get<K extends BrokerConfigKey>(key: K): ValueOf<K> {
    return this.values.get(key) as ValueOf<K>;
  }

  /** The text in force: what was set, or the default. */
  text(key: BrokerConfigKey): string | null {
    return this.texts.get(key) ?? BROKER_CONFIG_DEFINITIONS[key].defaultText;
  }

  isSet(key: BrokerConfigKey): boolean {
    return this.texts.has(key);
  }

  get nodeId(): number {
    return this.isSet('node.id') ? this.get('node.id') : (this.get('broker.id') ?? this.get('node.id'));
  }

  get logDirs(): readonly string[] {
    return this.get('log.dirs') ?? [this.get('log.dir')];
  }
}
