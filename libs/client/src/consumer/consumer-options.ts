import { OperationalError } from '@millrace/foundation';
import { boolean, integer, oneOf, only, parseProperties, string, type Properties, type PropertyTable } from '../config/properties.js';
import type { KafkaClientOptions } from '../cluster/client-options.js';
import type { KafkaClient } from '../cluster/kafka-client.js';
import { CLIENT_PROPERTIES, type ClientText } from '../producer/producer-options.js';
import type { Serializer } from '../serializers.js';
import { rangeAssignor, roundRobinAssignor, type Assignor } from './assignors.js';
import type { IsolationLevel } from './offset-lookup.js';
import { cooperativeStickyAssignor, stickyAssignor } from './sticky-assignors.js';

/** Java's consumer settings, in camelCase; the defaults are Java's. */
export interface ConsumerSettings {
  readonly groupId?: string;
  readonly groupInstanceId?: string;
  /** Default true with a group. */
  readonly enableAutoCommit?: boolean;
  readonly autoCommitIntervalMs?: number;
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'none';
  readonly maxPollRecords?: number;
  readonly maxPollIntervalMs?: number;
  readonly fetchMinBytes?: number;
  readonly fetchMaxWaitMs?: number;
  readonly fetchMaxBytes?: number;
  readonly maxPartitionFetchBytes?: number;
  readonly isolationLevel?: IsolationLevel;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  readonly checkCrcs?: boolean;
  /** Whether a topic that is read may be made by that, where the broker makes topics by itself. */
  readonly allowAutoCreateTopics?: boolean;
  /** Whether a pattern also takes topics that Kafka keeps for itself (`__consumer_offsets`). */
  readonly excludeInternalTopics?: boolean;
  /** Best first. Rebalances are cooperative when all of them are. The default is Java's: range, cooperative-sticky. */
  readonly assignors?: readonly Assignor[];
}

export type ConsumerOptions<K = Uint8Array, V = Uint8Array> = ConsumerSettings & {
  readonly keyDeserializer?: Pick<Serializer<K>, 'deserialize'>;
  readonly valueDeserializer?: Pick<Serializer<V>, 'deserialize'>;
} & (KafkaClientOptions | { /** Shared with others; not closed by the consumer. */ readonly client: KafkaClient });

export interface ResolvedConsumerSettings extends Required<Omit<ConsumerSettings, 'groupId' | 'groupInstanceId'>> {
  readonly groupId: string | undefined;
  readonly groupInstanceId: string | null;
}

/** Throws OperationalError INVALID_CONFIG. */
export function resolveConsumerSettings(options: ConsumerSettings): ResolvedConsumerSettings {
  const settings: ResolvedConsumerSettings = {
    groupId: options.groupId,
    groupInstanceId: options.groupInstanceId ?? null,
    enableAutoCommit: options.enableAutoCommit ?? options.groupId !== undefined,
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 5000,
    autoOffsetReset: options.autoOffsetReset ?? 'latest',
    maxPollRecords: options.maxPollRecords ?? 500,
    maxPollIntervalMs: options.maxPollIntervalMs ?? 300_000,
    fetchMinBytes: options.fetchMinBytes ?? 1,
    fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    fetchMaxBytes: options.fetchMaxBytes ?? 52_428_800,
    maxPartitionFetchBytes: options.maxPartitionFetchBytes ?? 1_048_576,
    isolationLevel: options.isolationLevel ?? 'read_uncommitted',
    sessionTimeoutMs: options.sessionTimeoutMs ?? 45_000,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 3000,
    checkCrcs: options.checkCrcs ?? true,
    allowAutoCreateTopics: options.allowAutoCreateTopics ?? true,
    excludeInternalTopics: options.excludeInternalTopics ?? true,
    assignors: options.assignors ?? [rangeAssignor, cooperativeStickyAssignor],
  };
  if (settings.groupId === '') throw new OperationalError('INVALID_CONFIG', 'group.id: The configured group.id should not be an empty string or whitespace.');
  if (settings.groupId === undefined && settings.enableAutoCommit) throw new OperationalError('INVALID_CONFIG', 'enable.auto.commit cannot be set to true when default group id (null) is used.');
  if (settings.maxPollRecords < 1) throw new OperationalError('INVALID_CONFIG', 'max.poll.records: Value must be at least 1');
  if (settings.heartbeatIntervalMs >= settings.sessionTimeoutMs) throw new OperationalError('INVALID_CONFIG', 'heartbeat.interval.ms must be less than session.timeout.ms');
  return settings;
}

interface TextSettings extends Omit<ConsumerSettings, 'assignors'>, ClientText {
  readonly assignorNames?: string;
  readonly requestTimeoutMs?: number;
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  readonly apiTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly securityProtocol?: string;
  readonly groupProtocol?: string;
}

const PROPERTIES: PropertyTable<TextSettings> = {
  ...CLIENT_PROPERTIES,
  groupId: string('group.id'),
  groupInstanceId: string('group.instance.id'),
  enableAutoCommit: boolean('enable.auto.commit'),
  autoCommitIntervalMs: integer('auto.commit.interval.ms'),
  autoOffsetReset: oneOf('auto.offset.reset', ['earliest', 'latest', 'none']),
  maxPollRecords: integer('max.poll.records', 1),
  maxPollIntervalMs: integer('max.poll.interval.ms', 1),
  fetchMinBytes: integer('fetch.min.bytes'),
  fetchMaxWaitMs: integer('fetch.max.wait.ms'),
  fetchMaxBytes: integer('fetch.max.bytes'),
  maxPartitionFetchBytes: integer('max.partition.fetch.bytes'),
  isolationLevel: oneOf('isolation.level', ['read_uncommitted', 'read_committed']),
  sessionTimeoutMs: integer('session.timeout.ms', 1),
  heartbeatIntervalMs: integer('heartbeat.interval.ms', 1),
  checkCrcs: boolean('check.crcs'),
  allowAutoCreateTopics: boolean('allow.auto.create.topics'),
  excludeInternalTopics: boolean('exclude.internal.topics'),
  assignorNames: string('partition.assignment.strategy'),
  requestTimeoutMs: integer('request.timeout.ms'),
  retryBackoffMs: integer('retry.backoff.ms'),
  retryBackoffMaxMs: integer('retry.backoff.max.ms'),
  apiTimeoutMs: integer('default.api.timeout.ms'),
  connectTimeoutMs: integer('socket.connection.setup.timeout.ms'),
  securityProtocol: only('security.protocol', 'PLAINTEXT'),
  groupProtocol: only('group.protocol', 'classic'),
};

/** By the names of Java's classes. */
const ASSIGNORS: Readonly<Record<string, Assignor>> = { RangeAssignor: rangeAssignor, RoundRobinAssignor: roundRobinAssignor, StickyAssignor: stickyAssignor, CooperativeStickyAssignor: cooperativeStickyAssignor };
const JAVA_PACKAGE = 'org.apache.kafka.clients.consumer.';

/** As `producerOptionsFrom`, for the consumer's keys. */
export function consumerOptionsFrom(properties: Properties, onUnknown?: (key: string) => void): ConsumerSettings & Partial<KafkaClientOptions> {
  const { assignorNames, securityProtocol, groupProtocol, connectionsMaxIdleMs, ...rest } = parseProperties<TextSettings>(properties, PROPERTIES, onUnknown);
  return {
    ...rest,
    ...(connectionsMaxIdleMs === undefined ? {} : { connectionsMaxIdleMs: connectionsMaxIdleMs < 0 ? Number.POSITIVE_INFINITY : connectionsMaxIdleMs }),
    ...(assignorNames === undefined ? {} : { assignors: assignorNames.split(',').map((name) => assignorNamed(name.trim())) }),
  };
}

function assignorNamed(name: string): Assignor {
  const assignor = name.startsWith(JAVA_PACKAGE) ? ASSIGNORS[name.slice(JAVA_PACKAGE.length)] : Object.values(ASSIGNORS).find((it) => it.name === name);
  if (assignor === undefined) throw new OperationalError('INVALID_CONFIG', `Invalid value ${name} for configuration partition.assignment.strategy: must be one of ${Object.values(ASSIGNORS).map((it) => it.name).join(', ')}, or Java's name of it`);
  return assignor;
}
