import { ConfigError } from '@millrace/connect-api';
import type { KafkaClient } from '@millrace/client';
import { errorMessage, type Clock, type Logger } from '@millrace/foundation';
import { systemClock } from '@millrace/platform';
import { ConfigProviders } from './config-providers/config-providers.js';
import type { Secrets } from './config-providers/secrets.js';
import { OVERRIDE_PREFIXES } from './config/client-overrides.js';
import { settingsWithPrefix, WORKER_CONFIG, type WorkerConfig } from './config/worker-config.js';
import { Herder, topicSettings } from './herder/herder.js';
import { HealthCheck, unhealthy } from './herder/worker-health.js';
import { workerClientConfig } from './herder/task-specs.js';
import { machineMs } from './isolation/worker-lease.js';
import { kafkaClient } from './kafka/client-settings.js';
import { KafkaMembership } from './kafka/kafka-membership.js';
import { KafkaSinkGroups } from './kafka/kafka-sink-groups.js';
import { KafkaTopicLog } from './kafka/kafka-topic-log.js';
import { TopicAdmin } from './kafka/topic-admin.js';
import { PluginCatalog } from './plugins/plugin-catalog.js';
import type { ConnectRestApi, Forward } from './rest/connect-api.js';
import type { StringMap, WorkerHealth } from './rest/shapes.js';
import { REQUEST_TIMEOUT_MS } from './rest/request-budget.js';
import { restApi } from './rest/rest-api.js';
import type { WorkerMetrics } from './worker-metrics.js';

/** Connect's, for GET /health. */
const HEALTH_TIMEOUT_MS = 10_000;

export interface ConnectWorkerOptions {
  /** The worker's properties by Kafka Connect's names (`bootstrap.servers`, `group.id`, `config.storage.topic` …). */
  readonly config: StringMap;
  /** How other workers and clients reach this worker's REST interface: `http://host:port/`. Its host:port is the `worker_id`. */
  readonly advertisedUrl: string;
  /** Makes the HTTP calls to other workers. */
  readonly forward: Forward;
  /** Folders from which installed plugins are looked up: each one's `node_modules`, and those of its parents. `plugin.path` of the config is searched as well. */
  readonly pluginRoots: readonly string[];
  readonly logger: Logger;
  readonly clock?: Clock;
  /** A log level was set for all workers (PUT /admin/loggers/{logger}?scope=cluster). */
  readonly onLoggerLevel?: (logger: string, level: string) => void;
  /** Longest time for a request to the REST interface; Connect's 90 s by default. */
  readonly requestTimeoutMs?: number | undefined;
  /** How long trouble lasts before GET /health tells it; Connect's 10 s by default. */
  readonly healthTimeoutMs?: number | undefined;
  /** What GET / says. */
  readonly version?: string;
  readonly commit?: string;
}

/**
 * A worker of Kafka Connect's distributed mode. The constructor throws ConfigError for wrong settings. `start` resolves when the internal
 * topics have been read and the worker is on its way into its group; it rejects with OperationalError when it cannot work (the brokers are
 * not reachable, an internal topic is not compacted). `stop` ends its tasks in order, writes their last offsets and leaves the group.
 */
export class ConnectWorker {
  readonly rest: ConnectRestApi;
  readonly workerId: string;
  private readonly config: WorkerConfig;
  private readonly raw: StringMap;
  private readonly logger: Logger;
  private readonly client: KafkaClient;
  private readonly herder: Herder;
  private readonly healthCheck: HealthCheck;
  private clusterId = '';
  private phase: 'new' | 'starting' | 'running' | 'failed' | 'stopped' = 'new';
  private failure: Error | undefined;
  private stageSinceMs = Date.now();
  private stopping: Promise<void> | undefined;

  constructor(options: ConnectWorkerOptions) {
    const { advertisedUrl } = options;
    const providers = ConfigProviders.of(options.config);
    const { config: raw, secrets } = providers.resolve(options.config);
    const logger = secrets.logger(options.logger);
    this.raw = raw;
    this.logger = logger;
    this.config = parseHidden(raw, secrets);
    this.workerId = new URL(advertisedUrl).host;
    const catalog = PluginCatalog.discover({ pluginPath: this.config['plugin.path'], roots: options.pluginRoots, logger });
    this.client = kafkaClient({ 'client.id': this.config['client.id'] || `connect-${this.workerId}`, ...workerClientConfig(raw, 'admin') }, logger);
    this.herder = new Herder({
      raw,
      providers,
      config: this.config,
      workerId: this.workerId,
      advertisedUrl,
      catalog,
      configLog: this.topicLog('config', 1),
      statusLog: this.topicLog('status', this.config['status.storage.partitions']),
      offsetLog: this.topicLog('offset', this.config['offset.storage.partitions']),
      membership: new KafkaMembership({
        client: this.client,
        groupId: this.config['group.id'],
        sessionTimeoutMs: this.config['session.timeout.ms'],
        rebalanceTimeoutMs: this.config['rebalance.timeout.ms'],
        heartbeatMs: this.config['heartbeat.interval.ms'],
        logger,
        onFailed: (error) => this.failed(error),
      }),
      forward: options.forward,
      sinkGroups: new KafkaSinkGroups(logger),
      onLoggerLevel: options.onLoggerLevel ?? (() => undefined),
      openOffsetTopic: (name, topic, config) => this.connectorOffsetLog(name, topic, config),
      logger,
      clock: options.clock ?? systemClock,
    });
    this.healthCheck = new HealthCheck({
      startingStage: () => this.startingStage(),
      isReady: () => this.phase === 'running' && this.herder.group.hasStarted,
      away: () => this.herder.group.away,
      turn: () => this.herder.turn(),
      timeoutMs: options.healthTimeoutMs ?? HEALTH_TIMEOUT_MS,
      nowMs: machineMs,
    });
    this.rest = restApi({
      herder: this.herder,
      serverInfo: () => ({ version: options.version ?? '', commit: options.commit ?? '', kafka_cluster_id: this.clusterId }),
      health: () => this.health(),
      requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    });
  }

  async start(): Promise<void> {
    this.phase = 'starting';
    this.stageSinceMs = Date.now();
    try {
      this.clusterId = await new TopicAdmin(this.client).clusterId();
      await this.herder.start();
    } catch (error) {
      this.failed(error instanceof Error ? error : new Error(String(error)));
      await this.stop();
      throw error;
    }
    this.stageSinceMs = Date.now();
    if (this.phase === 'starting') this.phase = 'running';
  }

  /** Once; later calls wait for the same. */
  stop(): Promise<void> {
    this.stopping ??= this.herder.stop().finally(() => {
      this.phase = 'stopped';
      this.client.close();
    });
    return this.stopping;
  }

  /** The worker's settings with what its config providers gave in place: may hold secrets, never to be shown. */
  get settings(): StringMap {
    return this.raw;
  }

  /** What a Kafka client of the worker's own is made from, by Kafka's names; may hold secrets. */
  clientSettings(purpose: 'producer' | 'consumer' | 'admin'): StringMap {
    return workerClientConfig(this.raw, purpose);
  }

  metrics(): WorkerMetrics {
    const { group, work } = this.herder;
    return {
      workerId: this.workerId,
      groupGeneration: group.generation,
      isLeader: group.isLeader,
      leader: group.leaderUrl ?? null,
      protocol: group.protocolName,
      rebalances: group.rebalances.metrics(),
      connectors: this.herder.connectorMetrics(),
      connectorStartups: work.connectorStartups,
      tasks: work.taskMetrics(),
      taskStartups: work.taskStartups,
    };
  }

  private topicLog(kind: 'config' | 'status' | 'offset', partitions: number): KafkaTopicLog {
    const { raw, logger } = this;
    const prefix = `${kind}.storage.` as const;
    return new KafkaTopicLog({
      topic: { topic: this.config[`${prefix}topic`], partitions, replicationFactor: this.config[`${prefix}replication.factor`], configs: topicSettings(raw, prefix) },
      setting: `${prefix}topic`,
      createTimeoutMs: this.config['default.api.timeout.ms'],
      isSinglePartition: kind === 'config',
      client: this.client,
      producerConfig: { 'client.id': `${this.config['group.id']}-${kind}s`, ...workerClientConfig(raw, 'producer') },
      consumerConfig: { 'client.id': `${this.config['group.id']}-${kind}s`, ...workerClientConfig(raw, 'consumer') },
      logger,
    });
  }

  private connectorOffsetLog(connector: string, topic: string, config: StringMap): KafkaTopicLog {
    const { raw } = this;
    const logger = this.logger.child({ connector });
    const settings = (purpose: 'producer' | 'consumer' | 'admin'): StringMap => ({
      'client.id': `connector-offsets-${purpose}-${connector}`,
      ...workerClientConfig(raw, purpose),
      ...settingsWithPrefix(config, OVERRIDE_PREFIXES[purpose]),
    });
    return new KafkaTopicLog({
      topic: { topic, partitions: this.config['offset.storage.partitions'], replicationFactor: this.config['offset.storage.replication.factor'], configs: topicSettings(raw, 'offset.storage.') },
      setting: 'offsets.storage.topic',
      createTimeoutMs: this.config['default.api.timeout.ms'],
      isSinglePartition: false,
      client: kafkaClient(settings('admin'), logger),
      ownsClient: true,
      producerConfig: settings('producer'),
      consumerConfig: settings('consumer'),
      logger,
    });
  }

  private startingStage(): string {
    const stage = this.phase === 'running' ? 'ensuring membership in the cluster' : 'initializing and reading to the end of internal topics';
    return `The worker is currently ${stage}, which began at ${new Date(this.stageSinceMs).toISOString()}.`;
  }

  private async health(): Promise<WorkerHealth> {
    if (this.phase === 'failed' || this.phase === 'stopped') return unhealthy(this.failure?.message ?? 'it was stopped');
    return await this.healthCheck.check();
  }

  private failed(error: Error): void {
    this.failure = error;
    this.phase = 'failed';
    this.logger.error({ error: errorMessage(error) }, 'the worker cannot go on');
  }
}

/** The worker's settings; what is wrong with them is told without what config providers gave. */
function parseHidden(raw: StringMap, secrets: Secrets): WorkerConfig {
  try {
    return WORKER_CONFIG.parse(raw);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(secrets.hide(error.message), error.key) : error;
  }
}
