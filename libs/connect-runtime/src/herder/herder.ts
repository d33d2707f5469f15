import { errorMessage, type Clock, type Logger } from '@millrace/foundation';
import type { ConfigProviders } from '../config-providers/config-providers.js';
import { ConnectorValidator } from '../config/connector-validator.js';
import { settingsWithPrefix, type WorkerConfig } from '../config/worker-config.js';
import type { GroupMembership } from '../group/group-membership.js';
import type { WorkSet } from '../group/work-set.js';
import { errorReport } from '../isolation/task-protocol.js';
import type { PluginCatalog } from '../plugins/plugin-catalog.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { Forward } from '../rest/connect-api.js';
import type { ConnectorTaskId, StringMap } from '../rest/shapes.js';
import type { RestartRequest } from '../stores/config-records.js';
import type { ConfigChange } from '../stores/config-state.js';
import { ConfigStore } from '../stores/config-store.js';
import { OffsetStore } from '../stores/offset-store.js';
import { SourceOffsetStores } from '../stores/source-offset-stores.js';
import type { Status, StatusRecord, StatusState } from '../stores/status-records.js';
import { StatusStore } from '../stores/status-store.js';
import type { ConnectorMetrics } from '../worker-metrics.js';
import type { TopicLog } from '../stores/topic-log.js';
import { ConnectorHealths } from './connector-health.js';
import { ConnectorReads } from './connector-reads.js';
import { ConnectorSignals } from './connector-signals.js';
import { ConnectorWrites } from './connector-writes.js';
import { Forwarder } from './forwarding.js';
import { GroupState } from './group-state.js';
import { LocalWork } from './local-work.js';
import { OffsetChanges } from './offset-changes.js';
import { Planning } from './planning-calls.js';
import { threadsMax } from '../isolation/task-threads.js';
import { restartPlan } from './restart-plan.js';
import { Serial } from './serial.js';
import { InternalRequests } from './session-keys.js';
import type { SinkGroups } from './sink-groups.js';
import { TaskSpecs, type OpenOffsetTopic } from './task-specs.js';

/** How long tasks may take to stop that another worker may already run. */
const LOST_GRACE_MS = 2000;

export interface HerderOptions {
  /** The worker's properties, values of config providers in their places. */
  readonly raw: StringMap;
  readonly providers: ConfigProviders;
  readonly config: WorkerConfig;
  readonly workerId: string;
  readonly advertisedUrl: string;
  readonly catalog: PluginCatalog;
  readonly configLog: TopicLog;
  readonly statusLog: TopicLog;
  readonly offsetLog: TopicLog;
  readonly membership: GroupMembership;
  readonly forward: Forward;
  readonly sinkGroups: SinkGroups;
  readonly openOffsetTopic: OpenOffsetTopic;
  /** A level was set for all workers. */
  readonly onLoggerLevel: (logger: string, level: string) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The worker's centre: turns changes of configs and of the assignment into what runs here, and keeps statuses, session key and clean-up going. */
export class Herder {
  readonly reads: ConnectorReads;
  readonly writes: ConnectorWrites;
  readonly signals: ConnectorSignals;
  readonly healths: ConnectorHealths;
  readonly validator: ConnectorValidator;
  readonly group: GroupState;
  readonly work: LocalWork;
  readonly configs: ConfigStore;
  readonly statuses: StatusStore;
  readonly offsets: OffsetStore;
  private readonly internal: InternalRequests;
  readonly planning: Planning;
  private readonly offsetStores: SourceOffsetStores;
  private readonly workSteps = new Serial();
  private readonly writeSteps = new Serial();
  private readonly taskCounts = new Map<string, number>();
  private keyTimer: NodeJS.Timeout | undefined;
  private isReconcileDue = false;

  constructor(private readonly options: HerderOptions) {
    const { raw, config, catalog, logger, clock, membership, advertisedUrl } = options;
    this.configs = new ConfigStore(options.configLog, logger, (change) => this.onConfigChange(change));
    this.statuses = new StatusStore(options.statusLog, logger);
    this.offsets = new OffsetStore(options.offsetLog);
    this.planning = new Planning({ isThread: config['task.isolation'] !== 'inline', heapMaxMb: config['task.heap.max.mb'], logger });
    this.validator = new ConnectorValidator(catalog, config, config['group.id'], options.providers, this.planning);
    this.offsetStores = new SourceOffsetStores(this.offsets, logger);
    const specs = new TaskSpecs(raw, config, catalog, options.openOffsetTopic);
    const offsetChanges = new OffsetChanges({ configs: this.configs.state, specs, resolve: (connectorConfig) => options.providers.resolve(connectorConfig), stores: this.offsetStores, sinkGroups: options.sinkGroups, planning: this.planning, leavingMs: config['task.shutdown.graceful.timeout.ms'] + 1000, logger });
    const tracksTopics = config['topic.tracking.enable'];
    this.work = new LocalWork({
      configs: this.configs.state,
      specs,
      resolve: (connectorConfig) => options.providers.resolve(connectorConfig),
      heapMaxMb: config['task.heap.max.mb'],
      threadsMax: threadsMax(config['task.threads.max']),
      shutdownTimeoutMs: config['task.shutdown.graceful.timeout.ms'],
      publishTasks: (name, configs, plugin) => this.publishTasks(name, configs, plugin),
      connectorStatus: (name, state, trace, isSafe) => this.putConnectorStatus(name, state, trace, isSafe),
      taskStatus: (id, state, trace, isSafe) => this.putTaskStatus(id, state, trace, isSafe),
      taskGone: (id) => this.removeTaskStatus(id),
      topicUsed: (id, topic) => this.noteTopic(id, topic),
      offsets: this.offsetStores,
      planning: this.planning,
      inLine: (step) => this.workSteps.run(step),
      logger,
      clock,
    });
    this.group = new GroupState({
      membership,
      configs: this.configs,
      advertisedUrl,
      scheduledRebalanceMaxDelayMs: config['scheduled.rebalance.max.delay.ms'],
      syncTimeoutMs: config['worker.sync.timeout.ms'],
      unsyncBackoffMs: config['worker.unsync.backoff.ms'],
      sessionTimeoutMs: config['session.timeout.ms'],
      protocol: config['connect.protocol'].toLowerCase(),
      logger,
      clock,
      stopWork: (work) => this.workSteps.run(() => this.work.stop(work)),
      onAssigned: () => this.onAssigned(),
      onLost: () => this.workSteps.run(() => this.work.stopAll(Math.min(LOST_GRACE_MS, config['task.shutdown.graceful.timeout.ms']))),
      onLease: (untilMs) => this.work.lease(untilMs),
    });
    this.internal = new InternalRequests(
      { keyAlgorithm: config['inter.worker.key.generation.algorithm'], algorithm: config['inter.worker.signature.algorithm'], accepted: config['inter.worker.verification.algorithms'] },
      () => this.configs.state.sessionKey,
      () => this.group.protocolVersion >= 2,
    );
    this.reads = new ConnectorReads({ configs: this.configs.state, statuses: this.statuses.state, offsets: offsetChanges, catalog, tracksTopics });
    const forwarder = new Forwarder(options.forward);
    const { protocol } = new URL(advertisedUrl);
    const internal = this.internal;
    const peers = { statuses: this.statuses.state, work: this.work, forwarder, workerId: options.workerId, workerUrl: (workerId: string) => `${protocol}//${workerId}/` };
    this.signals = new ConnectorSignals({ ...peers, internal, configs: this.configs });
    this.healths = new ConnectorHealths({ ...peers, configs: this.configs.state, logger });
    this.writes = new ConnectorWrites({
      configs: this.configs,
      statuses: this.statuses,
      group: this.group,
      work: this.work,
      reads: this.reads,
      validator: this.validator,
      offsets: offsetChanges,
      forwarder,
      internal,
      tracksTopics,
      allowsTopicReset: config['topic.tracking.allow.reset'],
      exclusively: this.writeSteps.run,
      onWork: this.workSteps.run,
    });
  }

  /** Resolves when this worker has its first assignment. */
  async start(): Promise<void> {
    await Promise.all([this.configs.start(), this.statuses.start(), this.offsets.start()]);
    for (const name of this.configs.state.connectors) this.taskCounts.set(name, this.configs.state.taskCount(name));
    this.group.start();
  }

  /** Stops what runs, writes the last statuses and leaves the group: others take over at once, except for the rebalance delay. */
  async stop(): Promise<void> {
    clearTimeout(this.keyTimer);
    await this.workSteps.run(() => this.work.close());
    await this.group.stop();
    await this.planning.close();
    await Promise.all([this.configs.stop(), this.statuses.stop(), this.offsets.stop(), this.offsetStores.stop()]);
  }

  /** Resolves when all changes of what runs here are done that were asked for so far. */
  async turn(): Promise<void> {
    await this.workSteps.run(() => Promise.resolve());
  }

  /** Of the connectors that run here. */
  connectorMetrics(): ConnectorMetrics[] {
    return this.work.connectorNames.map((connector) => {
      const config = this.configs.state.config(connector);
      return {
        connector,
        type: this.reads.type(config),
        connectorClass: config?.['connector.class'] ?? '',
        version: this.version(connector),
        state: this.statuses.state.connector(connector)?.state ?? 'UNASSIGNED',
        restarts: this.work.connectorRestarts(connector)?.restarts ?? 0,
      };
    });
  }

  private onConfigChange(change: ConfigChange): void {
    const { state } = this.configs;
    switch (change.kind) {
      case 'session-key':
        return;
      case 'logger':
        return this.options.onLoggerLevel(change.logger, change.level);
      case 'restart':
        void this.restartLocal(change.request).catch((error: unknown) => this.restartFailed(change.request, error));
        return;
      case 'target-state':
        return this.reconcileSoon();
      case 'removed':
        this.taskCounts.delete(change.connector);
        return this.group.requestRejoin();
      case 'connector':
      case 'tasks': {
        const count = state.taskCount(change.connector);
        if (this.taskCounts.get(change.connector) !== count) this.group.requestRejoin();
        this.taskCounts.set(change.connector, count);
        this.reconcileSoon();
      }
    }
  }

  /** Once for all the changes that were read in one go. */
  private reconcileSoon(): void {
    if (this.isReconcileDue) return;
    this.isReconcileDue = true;
    void this.workSteps
      .run(async () => {
        this.isReconcileDue = false;
        await this.work.reconcile(this.assignedNow());
      })
      .catch((error: unknown) => this.options.logger.error({ error: errorMessage(error) }, 'the work of this worker could not be brought in line'));
  }

  private async onAssigned(): Promise<void> {
    await this.workSteps.run(() => this.work.reconcile(this.assignedNow()));
    if (!this.group.isLeader) return;
    this.cleanStatuses();
    await this.keepSessionKey();
  }

  /** The assignment, without what has been deleted since. */
  private assignedNow(): WorkSet {
    const { state } = this.configs;
    const assigned = this.group.assigned;
    for (const name of [...assigned.connectors]) if (!state.has(name)) assigned.connectors.delete(name);
    for (const [name, id] of [...assigned.tasks]) if (!state.has(id.connector) || id.task >= state.taskCount(id.connector)) assigned.tasks.delete(name);
    return assigned;
  }

  private async restartLocal(request: RestartRequest): Promise<void> {
    const plan = restartPlan(request, this.statuses.state, this.reads.type(this.configs.state.config(request.connector)));
    if (!plan) return;
    const { assigned } = this.group;
    const tasks = plan.tasks.filter((id) => assigned.tasks.has(`${id.connector}-${id.task}`));
    for (const id of tasks) this.putTaskStatus(id, 'RESTARTING', null, false);
    if (plan.connector && assigned.connectors.has(request.connector)) {
      this.putConnectorStatus(request.connector, 'RESTARTING', null, false);
      void this.work.restartConnector(request.connector).catch((error: unknown) => this.restartFailed(request, error));
    }
    await this.workSteps.run(async () => {
      await Promise.all(tasks.map((id) => this.work.restartTask(id)));
    });
  }

  /** Nothing must say RESTARTING for ever. */
  private restartFailed({ connector }: RestartRequest, error: unknown): void {
    this.options.logger.error({ connector, error: errorMessage(error) }, 'a restart that was asked for could not be carried out');
    const trace = `The restart could not be carried out: ${errorReport(error).trace}`;
    const { state } = this.statuses;
    const isMine = (status: Status | undefined): boolean => status?.state === 'RESTARTING' && status.workerId === this.options.workerId;
    if (isMine(state.connector(connector))) this.putConnectorStatus(connector, 'FAILED', trace, true);
    for (const [task, status] of state.tasks(connector)) if (isMine(status)) this.putTaskStatus({ connector, task }, 'FAILED', trace, true);
  }

  /** Adds what the framework puts into each task's config, as Connect does. */
  private async publishTasks(name: string, configs: readonly StringMap[], plugin: PluginDescriptor): Promise<void> {
    const connectorConfig = this.configs.state.config(name) ?? {};
    const topics = plugin.type === 'sink' ? Object.fromEntries(['topics', 'topics.regex'].flatMap((key) => (connectorConfig[key] ? [[key, connectorConfig[key]]] : []))) : {};
    await this.writes.publishTasks(
      name,
      configs.map((it) => ({ ...it, 'task.class': plugin.taskClass, ...topics })),
    );
  }

  /** On the leader: statuses of connectors and tasks that are not configured any more go. */
  private cleanStatuses(): void {
    const { state } = this.configs;
    for (const name of this.statuses.state.connectors) {
      const isGone = !state.has(name);
      if (isGone) {
        this.statuses.put({ kind: 'connector', connector: name, value: null });
        for (const topic of this.statuses.state.topicsOf(name)) this.statuses.put({ kind: 'topic', connector: name, topic, value: null });
      }
      for (const [task] of this.statuses.state.tasks(name)) {
        if (isGone || task >= state.taskCount(name)) this.statuses.put({ kind: 'task', id: { connector: name, task }, value: null });
      }
    }
  }

  private async keepSessionKey(): Promise<void> {
    const { config, clock, logger } = this.options;
    const ttlMs = config['inter.worker.key.ttl.ms'];
    clearTimeout(this.keyTimer);
    if (this.group.protocolVersion < 2) return;
    const key = this.configs.state.sessionKey;
    const ageMs = key ? clock.nowMs() - key.creationTimestampMs : Infinity;
    const isDue = !key || !this.internal.isOfThisAlgorithm(key) || (ttlMs > 0 && ageMs >= ttlMs);
    try {
      if (isDue) await this.configs.putSessionKey(this.internal.newKey(clock));
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, 'the key that signs requests between workers could not be written');
    }
    if (ttlMs <= 0) return;
    this.keyTimer = setTimeout(() => this.group.isLeader && void this.keepSessionKey(), isDue ? ttlMs : ttlMs - ageMs);
    this.keyTimer.unref();
  }

  private putConnectorStatus(connector: string, state: StatusState, trace: string | null, isSafe: boolean): void {
    const record = { kind: 'connector', connector, value: { state, trace, workerId: this.options.workerId, generation: this.group.generation, version: this.version(connector) } } as const;
    this.putStatus(record, isSafe);
  }

  private putTaskStatus(id: ConnectorTaskId, state: StatusState, trace: string | null, isSafe: boolean): void {
    const record = { kind: 'task', id, value: { state, trace, workerId: this.options.workerId, generation: this.group.generation, version: this.version(id.connector) } } as const;
    this.putStatus(record, isSafe);
  }

  /** Unless the task runs elsewhere by now. */
  private removeTaskStatus(id: ConnectorTaskId): void {
    if (this.statuses.state.task(id)?.workerId === this.options.workerId) this.statuses.put({ kind: 'task', id, value: null });
  }

  /** What a worker says that is not surely in the group must not hide what its successor has said. */
  private putStatus(record: StatusRecord, isSafe: boolean): void {
    if (isSafe || !this.group.lease.isValid) this.statuses.putSafe(record);
    else this.statuses.put(record);
  }

  private version(connector: string): string | null {
    const config = this.configs.state.config(connector);
    const name = config?.['connector.class'];
    return (name === undefined ? undefined : this.options.catalog.lookup('connector', name, config?.['connector.plugin.version'])?.version) ?? null;
  }

  private noteTopic({ connector, task }: ConnectorTaskId, topic: string): void {
    if (this.statuses.state.topicsOf(connector).includes(topic)) return;
    this.statuses.put({ kind: 'topic', connector, topic, value: { topic, connector, task, discoveredMs: this.options.clock.nowMs() } });
  }
}

/** Settings of an internal topic, from the worker's `config.storage.*`, `offset.storage.*` or `status.storage.*`. */
export function topicSettings(raw: StringMap, prefix: string): Record<string, string> {
  const own = new Set(['topic', 'replication.factor', 'partitions']);
  return Object.fromEntries(Object.entries(settingsWithPrefix(raw, prefix)).filter(([key]) => !own.has(key)));
}
