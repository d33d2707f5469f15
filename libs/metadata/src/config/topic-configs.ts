import { atLeast, between, listOf, oneOf, type ConfigKey, type ConfigRule } from './config-key.js';

/** A broker setting that gives a topic setting its default; `toMs` turns its unit into the topic setting's. */
export interface BrokerSynonym {
  readonly name: string;
  readonly toMs?: number;
}

export interface TopicConfigKey extends ConfigKey {
  /** Strongest first; empty: the broker has no setting for it. */
  readonly synonyms: readonly BrokerSynonym[];
  /** The default of the first synonym in the broker's own table; null: that one has none (a weaker synonym in another unit has it). */
  readonly brokerDefault: string | null;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const LONG_MAX_TEXT = '9223372036854775807';

const gzipLevel: ConfigRule = (value) => (value === '-1' || (Number(value) >= 1 && Number(value) <= 9) ? null : 'Value must be between 1 and 9 or equal to -1');

const throttledReplicas: ConfigRule = (value, name) =>
  value === '' || value === '*' || value.split(',').every((it) => /^\d+:\d+$/.test(it))
    ? null
    : `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`;

function key(
  name: string,
  type: ConfigKey['type'],
  defaultValue: string,
  synonyms: string | readonly BrokerSynonym[],
  documentation: string,
  rule?: ConfigRule,
  options: { readonly hasBrokerDefault?: boolean } = {},
): TopicConfigKey {
  const list = typeof synonyms === 'string' ? [{ name: synonyms }] : synonyms;
  const isRuleOfWholeList = rule === throttledReplicas;
  return { name, type, defaultValue, documentation, rule, isRuleOfWholeList, synonyms: list, brokerDefault: list.length > 0 && options.hasBrokerDefault !== false ? defaultValue : null };
}

const WITHOUT_BROKER_DEFAULT = { hasBrokerDefault: false };

/** Every setting of a topic that Kafka 4.3 has, with its type, default and limits. */
export const TOPIC_CONFIGS: readonly TopicConfigKey[] = [
  key('cleanup.policy', 'LIST', 'delete', 'log.cleanup.policy', 'What happens to old segments: "delete" drops them by age or size, "compact" keeps the last record of each key; both may be given.', listOf('compact', 'delete')),
  key('compression.gzip.level', 'INT', '-1', 'compression.gzip.level', 'Level for gzip, when the broker compresses.', gzipLevel),
  key('compression.lz4.level', 'INT', '9', 'compression.lz4.level', 'Level for lz4, when the broker compresses.', between(1, 17)),
  key('compression.type', 'STRING', 'producer', 'compression.type', 'Codec of stored batches; "producer" keeps what the producer chose.', oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer')),
  key('compression.zstd.level', 'INT', '3', 'compression.zstd.level', 'Level for zstd, when the broker compresses.', between(-131072, 22)),
  key('delete.retention.ms', 'LONG', '86400000', 'log.cleaner.delete.retention.ms', 'How long tombstones of a compacted topic stay readable.', atLeast(0)),
  key('file.delete.delay.ms', 'LONG', '60000', 'log.segment.delete.delay.ms', 'How long a deleted segment keeps its file.', atLeast(0)),
  key('flush.messages', 'LONG', LONG_MAX_TEXT, 'log.flush.interval.messages', 'Records after which the log is forced to disk.', atLeast(1)),
  key('flush.ms', 'LONG', LONG_MAX_TEXT, [{ name: 'log.flush.interval.ms' }, { name: 'log.flush.scheduler.interval.ms' }], 'Time after which the log is forced to disk.', atLeast(0), WITHOUT_BROKER_DEFAULT),
  key('follower.replication.throttled.replicas', 'LIST', '', [], 'Replicas whose catching up is throttled on the follower, as partition:broker, or *.', throttledReplicas),
  key('index.interval.bytes', 'INT', '4096', 'log.index.interval.bytes', 'Bytes of log between two entries of the offset index.', atLeast(0)),
  key('leader.replication.throttled.replicas', 'LIST', '', [], 'Replicas whose catching up is throttled on the leader, as partition:broker, or *.', throttledReplicas),
  key('local.retention.bytes', 'LONG', '-2', 'log.local.retention.bytes', 'Bytes kept on local disk with tiered storage; -2 follows retention.bytes.', atLeast(-2)),
  key('local.retention.ms', 'LONG', '-2', 'log.local.retention.ms', 'Time kept on local disk with tiered storage; -2 follows retention.ms.', atLeast(-2)),
  key('max.compaction.lag.ms', 'LONG', LONG_MAX_TEXT, 'log.cleaner.max.compaction.lag.ms', 'The longest time that a record may stay uncompacted.', atLeast(1)),
  key('max.message.bytes', 'INT', '1048588', 'message.max.bytes', 'The largest record batch that is accepted, as compressed.', atLeast(0)),
  key('message.timestamp.after.max.ms', 'LONG', '3600000', 'log.message.timestamp.after.max.ms', 'How far ahead of the broker a record\'s timestamp may be.', atLeast(0)),
  key('message.timestamp.before.max.ms', 'LONG', LONG_MAX_TEXT, 'log.message.timestamp.before.max.ms', 'How far behind the broker a record\'s timestamp may be.', atLeast(0)),
  key('message.timestamp.type', 'STRING', 'CreateTime', 'log.message.timestamp.type', 'Whose time a record carries: the producer\'s or the append\'s.', oneOf('CreateTime', 'LogAppendTime')),
  key('min.cleanable.dirty.ratio', 'DOUBLE', '0.5', 'log.cleaner.min.cleanable.ratio', 'The share of uncompacted log that starts a compaction.', between(0, 1)),
  key('min.compaction.lag.ms', 'LONG', '0', 'log.cleaner.min.compaction.lag.ms', 'The shortest time that a record stays uncompacted.', atLeast(0)),
  key('min.insync.replicas', 'INT', '1', 'min.insync.replicas', 'In-sync replicas that a produce with acks=all needs.', atLeast(1)),
  key('preallocate', 'BOOLEAN', 'false', 'log.preallocate', 'Whether segment files get their full size when they are made.'),
  key('remote.log.copy.disable', 'BOOLEAN', 'false', [], 'With tiered storage: no further copies to the remote tier.'),
  key('remote.log.delete.on.disable', 'BOOLEAN', 'false', [], 'With tiered storage: remote data goes when it is switched off.'),
  key('remote.storage.enable', 'BOOLEAN', 'false', [], 'Tiered storage for this topic.'),
  key('retention.bytes', 'LONG', '-1', 'log.retention.bytes', 'Size of a partition beyond which old segments are deleted; -1: no limit.'),
  key('retention.ms', 'LONG', '604800000', [{ name: 'log.retention.ms' }, { name: 'log.retention.minutes', toMs: MINUTE_MS }, { name: 'log.retention.hours', toMs: HOUR_MS }], 'Age beyond which segments are deleted; -1: no limit.', atLeast(-1), WITHOUT_BROKER_DEFAULT),
  key('segment.bytes', 'INT', '1073741824', 'log.segment.bytes', 'Size at which a new segment begins.', atLeast(1_048_576)),
  key('segment.index.bytes', 'INT', '10485760', 'log.index.size.max.bytes', 'Largest size of a segment\'s offset index.', atLeast(4)),
  key('segment.jitter.ms', 'LONG', '0', [{ name: 'log.roll.jitter.ms' }, { name: 'log.roll.jitter.hours', toMs: HOUR_MS }], 'Random time taken off segment.ms, so that segments do not roll together.', atLeast(0), WITHOUT_BROKER_DEFAULT),
  key('segment.ms', 'LONG', '604800000', [{ name: 'log.roll.ms' }, { name: 'log.roll.hours', toMs: HOUR_MS }], 'Age at which a new segment begins.', atLeast(1), WITHOUT_BROKER_DEFAULT),
  key('unclean.leader.election.enable', 'BOOLEAN', 'false', 'unclean.leader.election.enable', 'Whether a replica outside the in-sync set may lead when nobody else is left, losing records.'),
];

const BY_NAME = new Map(TOPIC_CONFIGS.map((it) => [it.name, it]));

export function topicConfigKey(name: string): TopicConfigKey | undefined {
  return BY_NAME.get(name);
}

/** Broker settings that give topics their defaults, and may be changed while the broker runs. */
export const BROKER_TOPIC_DEFAULTS: readonly ConfigKey[] = TOPIC_CONFIGS.filter((it) => it.synonyms.length > 0).map((it) => ({
  name: it.synonyms[0]?.name ?? it.name,
  type: it.type,
  defaultValue: it.brokerDefault,
  documentation: it.documentation,
  rule: it.rule,
}));

const throttle = (name: string, documentation: string): ConfigKey => ({ name, type: 'LONG', defaultValue: LONG_MAX_TEXT, documentation, rule: atLeast(0) });

/** Settings that a broker has only while it runs: how fast replicas that are named as throttled may catch up, in bytes a second. */
export const REPLICATION_THROTTLES: readonly ConfigKey[] = [
  throttle('follower.replication.throttled.rate', 'Bytes a second that this broker fetches for replicas in follower.replication.throttled.replicas of their topics.'),
  throttle('leader.replication.throttled.rate', 'Bytes a second that this broker gives to replicas in leader.replication.throttled.replicas of their topics.'),
  throttle('replica.alter.log.dirs.io.max.bytes.per.second', 'Bytes a second that replicas move at between log directories of this broker.'),
];

/** Log directories of a broker that get no new replicas, by path; or `*` for all (KIP-1066). */
export const CORDONED_LOG_DIRS = 'cordoned.log.dirs';
const CORDONED_DIRECTORIES: ConfigKey = { name: CORDONED_LOG_DIRS, type: 'LIST', defaultValue: '', documentation: 'Directories of log.dirs that get no new replicas; * is all of them.' };

/** Every setting of brokers that may be changed while they run. */
export const DYNAMIC_BROKER_CONFIGS: readonly ConfigKey[] = [...BROKER_TOPIC_DEFAULTS, ...REPLICATION_THROTTLES, CORDONED_DIRECTORIES];
/** Those of them that each broker has for itself. */
export const PER_BROKER_CONFIGS: ReadonlySet<string> = new Set([CORDONED_LOG_DIRS]);
