import { ConnectError } from '@millrace/connect-api';
import { errorSettings, type DeadLetterSettings } from '../errors/error-settings.js';
import type { Isolation } from '../isolation/task-carrier.js';
import type { ConverterSpec, TaskSpec } from '../isolation/task-protocol.js';
import type { PluginCatalog, PluginKind } from '../plugins/plugin-catalog.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import { OVERRIDE_PREFIXES } from '../config/client-overrides.js';
import { CONNECTOR_CONFIG, SINK_CONFIG } from '../config/connector-config.js';
import { transformationSpecs } from '../config/transformation-config.js';
import { usesTopicCreation } from '../config/topic-creation.js';
import { settingsWithPrefix, type WorkerConfig } from '../config/worker-config.js';
import type { ConnectorTaskId, StringMap } from '../rest/shapes.js';
import type { OwnOffsetTopic } from '../stores/source-offset-stores.js';
import type { TopicLog } from '../stores/topic-log.js';
import type { RestartPolicy } from './restart-budget.js';
import type { SinkGroup } from './sink-groups.js';

/** Worker settings that each Kafka client takes over: where the cluster is and how to get in. */
const SHARED_CLIENT_SETTINGS = /^(bootstrap\.servers|security\.|sasl\.|ssl\.|client\.dns\.lookup|request\.timeout\.ms|retry\.backoff|reconnect\.backoff|metadata\.max\.age\.ms|connections\.max\.idle\.ms|socket\.)/;

export type ClientPurpose = 'producer' | 'consumer' | 'admin';

/** The settings of a Kafka client of this worker, before a connector's overrides. */
export function workerClientConfig(config: StringMap, purpose: ClientPurpose): Record<string, string> {
  const shared = Object.fromEntries(Object.entries(config).filter(([key]) => SHARED_CLIENT_SETTINGS.test(key)));
  return { 'bootstrap.servers': 'localhost:9092', ...shared, ...settingsWithPrefix(config, `${purpose}.`) };
}

/** Opens the offset topic of a connector's own, with the connector's client settings. */
export type OpenOffsetTopic = (connector: string, topic: string, config: StringMap) => TopicLog;

const RESTART_KEYS = ['task.restart.max.attempts', 'task.restart.backoff.ms', 'task.restart.backoff.max.ms', 'task.restart.window.ms'] as const;

const OVERRIDE_KINDS = ['producer', 'consumer', 'admin'] as const;

/** Makes the plain data from which a task can start anywhere. */
export class TaskSpecs {
  constructor(
    private readonly raw: StringMap,
    private readonly worker: WorkerConfig,
    private readonly catalog: PluginCatalog,
    private readonly openOffsetTopic: OpenOffsetTopic,
  ) {}

  connectorPlugin(config: StringMap): PluginDescriptor {
    return this.catalog.find('connector', config['connector.class'] ?? '', config['connector.plugin.version']);
  }

  isolation(config: StringMap): Isolation {
    return (config['task.isolation'] ?? this.worker['task.isolation']) as Isolation;
  }

  restartPolicy(config: StringMap): RestartPolicy {
    const number = (name: (typeof RESTART_KEYS)[number]): number => {
      const text = config[name];
      return text === undefined ? this.worker[name] : Number(text);
    };
    return { attemptsMax: number('task.restart.max.attempts'), backoffMs: number('task.restart.backoff.ms'), backoffMaxMs: number('task.restart.backoff.max.ms'), windowMs: number('task.restart.window.ms') };
  }

  /** Throws ConnectError when a plugin is not there, and ConfigError for wrong settings. */
  of(id: ConnectorTaskId, connectorConfig: StringMap, taskConfig: StringMap, startPaused: boolean): TaskSpec {
    const plugin = this.connectorPlugin(connectorConfig);
    const framework = CONNECTOR_CONFIG.parse(connectorConfig);
    const isSource = plugin.type === 'source';
    return {
      id,
      type: isSource ? 'source' : 'sink',
      plugin,
      config: taskConfig,
      keyConverter: this.converter('converter', 'key.converter', connectorConfig),
      valueConverter: this.converter('converter', 'value.converter', connectorConfig),
      headerConverter: this.converter('header_converter', 'header.converter', connectorConfig),
      clientConfig: isSource ? this.producerConfig(id, connectorConfig) : this.consumerConfig(id, framework.name, connectorConfig),
      secrets: [],
      transformations: transformationSpecs(connectorConfig, this.catalog),
      errors: errorSettings(framework, isSource ? null : this.deadLetters(id, connectorConfig)),
      followerConfig: isSource ? { 'client.id': `connector-follower-${id.connector}-${id.task}`, ...workerClientConfig(this.raw, 'consumer') } : {},
      adminConfig: isSource && this.worker['topic.creation.enable'] && usesTopicCreation(connectorConfig) ? this.adminConfig(id, connectorConfig) : null,
      topicCreation: isSource ? Object.fromEntries(Object.entries(connectorConfig).filter(([key]) => key.startsWith('topic.creation.'))) : {},
      subscription: isSource ? null : subscriptionOf(connectorConfig),
      startPaused,
      offsetFlushIntervalMs: this.worker['offset.flush.interval.ms'],
      offsetFlushTimeoutMs: this.worker['offset.flush.timeout.ms'],
      inFlightBytesMax: this.worker['producer.bytes.in.flight.max'],
      stallTimeoutMs: framework['task.stall.timeout.ms'] ?? this.worker['task.stall.timeout.ms'],
      shutdownTimeoutMs: this.worker['task.shutdown.graceful.timeout.ms'],
      tracksTopics: this.worker['topic.tracking.enable'],
    };
  }

  /** A converter that the connector names brings only the connector's settings, otherwise all are the worker's. */
  private converter(kind: PluginKind, key: string, connectorConfig: StringMap): ConverterSpec {
    const own = connectorConfig[key];
    const source = own === undefined ? this.raw : connectorConfig;
    const name = own ?? this.raw[key] ?? (kind === 'header_converter' ? this.worker['header.converter'] : undefined);
    if (name === undefined) throw new ConnectError(`Neither the connector nor the worker has a ${key}`);
    return { plugin: this.catalog.find(kind, name, source[`${key}.plugin.version`]), config: settingsWithPrefix(source, `${key}.`) };
  }

  /** The consumer group of a sink, and the cluster that it is on. */
  sinkGroup(name: string, config: StringMap): SinkGroup {
    const consumer = this.consumerConfig({ connector: name, task: 0 }, name, config);
    const adminConfig = { ...workerClientConfig(this.raw, 'admin'), 'client.id': `connector-worker-adminclient-${name}`, ...settingsWithPrefix(config, OVERRIDE_PREFIXES.admin) };
    return { groupId: consumer['group.id'] ?? `connect-${name}`, adminConfig };
  }

  /** Undefined for a connector that keeps its offsets in the worker's topic. */
  ownOffsetTopic(name: string, config: StringMap): OwnOffsetTopic | undefined {
    const topic = config['offsets.storage.topic']?.trim();
    const overrides = OVERRIDE_KINDS.map((kind) => settingsWithPrefix(config, OVERRIDE_PREFIXES[kind]));
    if (!topic) return undefined;
    if (topic === this.worker['offset.storage.topic'] && overrides.every((it) => it['bootstrap.servers'] === undefined)) return undefined;
    return { topic, identity: JSON.stringify([topic, overrides]), open: () => this.openOffsetTopic(name, topic, config) };
  }

  private deadLetters(id: ConnectorTaskId, config: StringMap): DeadLetterSettings | null {
    const sink = SINK_CONFIG.parse(config);
    const topic = sink['errors.deadletterqueue.topic.name'];
    if (topic === '') return null;
    return {
      topic,
      replicationFactor: sink['errors.deadletterqueue.topic.replication.factor'],
      hasContextHeaders: sink['errors.deadletterqueue.context.headers.enable'],
      producerConfig: this.producerConfig(id, config, 'connector-dlq-producer'),
      adminConfig: this.adminConfig(id, config),
    };
  }

  private producerConfig(id: ConnectorTaskId, config: StringMap, client = 'connector-producer'): StringMap {
    return { ...workerClientConfig(this.raw, 'producer'), 'client.id': `${client}-${id.connector}-${id.task}`, ...settingsWithPrefix(config, OVERRIDE_PREFIXES.producer) };
  }

  private consumerConfig(id: ConnectorTaskId, name: string, config: StringMap): StringMap {
    return {
      'group.id': `connect-${name}`,
      'auto.offset.reset': 'earliest',
      'client.id': `connector-consumer-${id.connector}-${id.task}`,
      ...workerClientConfig(this.raw, 'consumer'),
      ...settingsWithPrefix(config, OVERRIDE_PREFIXES.consumer),
      'enable.auto.commit': 'false',
    };
  }

  private adminConfig(id: ConnectorTaskId, config: StringMap): StringMap {
    return { ...workerClientConfig(this.raw, 'admin'), 'client.id': `connector-adminclient-${id.connector}-${id.task}`, ...settingsWithPrefix(config, OVERRIDE_PREFIXES.admin) };
  }
}

function subscriptionOf(config: StringMap): TaskSpec['subscription'] {
  const pattern = config['topics.regex']?.trim();
  if (pattern) return { pattern };
  return { topics: [...new Set((config.topics ?? '').split(',').map((it) => it.trim()).filter((it) => it !== ''))] };
}
