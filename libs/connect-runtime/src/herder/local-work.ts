import { ConfigError, type TaskSignal } from '@millrace/connect-api';
import { errorMessage, OperationalError, type Clock, type Logger } from '@millrace/foundation';
import { taskName, WorkSet } from '../group/work-set.js';
import type { ResolvedConfig } from '../config-providers/config-providers.js';
import { Secrets } from '../config-providers/secrets.js';
import type { Isolation } from '../isolation/task-carrier.js';
import { errorFromReport, errorReport, type TaskSpec } from '../isolation/task-protocol.js';
import { machineMs } from '../isolation/worker-lease.js';
import { TaskHost } from '../isolation/task-host.js';
import { TaskThreads } from '../isolation/task-threads.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { ConnectorTaskId, StringMap, TaskHealth } from '../rest/shapes.js';
import type { ConfigState } from '../stores/config-state.js';
import type { OffsetLease, OwnOffsetTopic, SourceOffsetStores } from '../stores/source-offset-stores.js';
import type { StatusState } from '../stores/status-records.js';
import type { SupervisedTaskMetrics, TaskPlugins } from '../worker-metrics.js';
import { ConnectorRunner, isSameConfig } from './connector-runner.js';
import type { Planning } from './planning-calls.js';
import { StartupTotals } from './startup-totals.js';
import { TaskSupervisor, type RestartRecord } from './task-supervisor.js';
import { taskPlugins } from './task-plugins.js';
import type { TaskSpecs } from './task-specs.js';

export interface LocalWorkOptions {
  readonly configs: ConfigState;
  readonly specs: TaskSpecs;
  /** Puts the values of config providers in their places. */
  readonly resolve: (config: StringMap) => ResolvedConfig;
  readonly heapMaxMb: number;
  readonly threadsMax: number;
  readonly shutdownTimeoutMs: number;
  readonly publishTasks: (name: string, configs: readonly StringMap[], plugin: PluginDescriptor) => Promise<void>;
  readonly connectorStatus: (name: string, state: StatusState, trace: string | null, isSafe: boolean) => void;
  readonly taskStatus: (id: ConnectorTaskId, state: StatusState, trace: string | null, isSafe: boolean) => void;
  /** The task is configured no more: its status goes. */
  readonly taskGone: (id: ConnectorTaskId) => void;
  readonly topicUsed: (id: ConnectorTaskId, topic: string) => void;
  readonly offsets: SourceOffsetStores;
  readonly planning: Planning;
  /** One after the other with all that changes what runs here. */
  readonly inLine: (step: () => Promise<void>) => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface RunningTask {
  readonly id: ConnectorTaskId;
  /** As text, references to config providers as they are: what must be equal for the task to run on. */
  readonly specText: string;
  readonly plugins: TaskPlugins;
  readonly host: TaskHost;
  readonly lease: OffsetLease;
  /** What the config providers gave for it. */
  readonly secrets: Secrets;
  isPaused: boolean;
}

/** What runs on this worker. `reconcile` compares it with what should run and acts on the differences only. */
export class LocalWork {
  private readonly connectors = new Map<string, ConnectorRunner>();
  private readonly tasks = new Map<string, RunningTask>();
  /** Tasks that could not even be started, with the spec or config text that failed. */
  private readonly unstartable = new Map<string, string>();
  readonly connectorStartups = new StartupTotals();
  readonly taskStartups = new StartupTotals();
  private isClosed = false;
  private leaseUntilMs = -Infinity;

  private readonly supervisor: TaskSupervisor;
  private readonly threads: TaskThreads;

  constructor(private readonly options: LocalWorkOptions) {
    this.threads = new TaskThreads(options.threadsMax);
    this.supervisor = new TaskSupervisor({
      policy: (connector) => options.specs.restartPolicy(options.configs.config(connector) ?? {}),
      restart: (id) => options.inLine(() => this.restartFailed(id)),
      logger: options.logger,
      clock: options.clock,
    });
  }

  /** Starts what is missing, passes on new configs and target states, restarts tasks whose config changed. Stops nothing that is still assigned and unchanged. */
  async reconcile(assigned: WorkSet): Promise<void> {
    if (this.isClosed) return;
    const { configs } = this.options;
    await this.stopOthers(assigned);
    for (const name of assigned.connectors) {
      const config = configs.config(name);
      if (config) this.runner(name).want(config, configs.targetState(name));
    }
    const changed: ConnectorTaskId[] = [];
    for (const id of assigned.tasks.values()) if (this.hasChanged(id)) changed.push(id);
    for (const id of changed) this.supervisor.forget(id);
    await this.stopTasks(changed, false);
    for (const id of assigned.tasks.values()) {
      const running = this.tasks.get(taskName(id));
      if (running) this.steer(running);
      else this.startTask(id);
    }
  }

  /** Stops what is given; its status says UNASSIGNED. */
  async stop(work: WorkSet, graceMs = this.options.shutdownTimeoutMs): Promise<void> {
    const names = [...work.connectors].filter((it) => this.connectors.has(it));
    await Promise.all([this.stopTasks([...work.tasks.values()], true, graceMs), ...names.map((name) => this.stopConnector(name))]);
  }

  /** Tasks that do not stop within the grace time are ended by force. */
  async stopAll(graceMs = this.options.shutdownTimeoutMs): Promise<void> {
    await this.stop(this.running(), graceMs);
  }

  /** Stops everything; nothing is started any more, whatever is still assigned. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.stopAll();
  }

  /** How long this worker has its place in the group; -Infinity when it has lost it. */
  lease(untilMs: number): void {
    this.leaseUntilMs = untilMs;
    for (const { host } of this.tasks.values()) host.lease(untilMs);
  }

  running(): WorkSet {
    const set = new WorkSet();
    for (const name of this.connectors.keys()) set.connectors.add(name);
    for (const { id } of this.tasks.values()) set.tasks.set(taskName(id), id);
    return set;
  }

  /** Rejects when it is not here. */
  async restartConnector(name: string): Promise<void> {
    const runner = this.connectors.get(name);
    if (!runner) throw new OperationalError('CONNECT_NOT_HERE', `Connector ${name} does not run on this worker`);
    await runner.restart();
  }

  async restartTask(id: ConnectorTaskId): Promise<void> {
    this.unstartable.delete(taskName(id));
    this.supervisor.forget(id);
    await this.stopTasks([id], false);
    if (!this.isClosed) this.startTask(id);
  }

  private async restartFailed(id: ConnectorTaskId): Promise<void> {
    if (this.isClosed || this.tasks.get(taskName(id))?.host.phase !== 'FAILED') return;
    await this.stopTasks([id], false);
    this.startTask(id);
  }

  connectorRestarts(name: string): RestartRecord | undefined {
    return this.connectors.get(name)?.restarts();
  }

  taskHealth(connector: string, workerId: string): TaskHealth[] {
    const nowMs = this.options.clock.nowMs();
    return [...this.tasks.values()].flatMap(({ id, host }) => {
      if (id.connector !== connector) return [];
      const { state, isStalled, stalledIn, stalledForMs, lastProgressMs, errors, ...rest } = host.metrics();
      const { restarts, plannedMs, left } = this.supervisor.record(id);
      const isAlive = state !== 'FAILED' && state !== 'STOPPED';
      const counters = Object.fromEntries(Object.entries({ ...rest, ...errors }).flatMap(([name, value]) => (name === 'task' || typeof value === 'string' ? [] : [[name, value]])));
      return [
        {
          id: id.task,
          state,
          worker_id: workerId,
          stalled: isAlive && isStalled,
          stalled_in: isAlive && isStalled ? stalledIn : null,
          stalled_since: isAlive && isStalled ? nowMs - stalledForMs : null,
          last_progress: lastProgressMs === 0 ? null : lastProgressMs,
          restarts,
          restart_planned: plannedMs,
          restarts_left: left,
          counters,
        },
      ];
    });
  }

  /** Undefined when the task is not on this worker; rejects as TaskHost.signal does. */
  signalTask(id: ConnectorTaskId, signal: TaskSignal, timeoutMs: number): Promise<void> | undefined {
    const running = this.tasks.get(taskName(id));
    return running?.host.signal(signal, timeoutMs).catch((error: unknown) => {
      const { message, trace, ...rest } = errorReport(error);
      throw errorFromReport({ ...rest, message: running.secrets.hide(message), trace: running.secrets.hide(trace) });
    });
  }

  taskMetrics(): SupervisedTaskMetrics[] {
    return [...this.tasks.values()].map(({ id, host, plugins }) => ({
      ...host.metrics(),
      ...plugins,
      runningRatio: host.share('RUNNING'),
      pauseRatio: host.share('PAUSED'),
      restarts: this.supervisor.record(id).restarts,
    }));
  }

  get connectorNames(): string[] {
    return [...this.connectors.keys()];
  }

  private async stopOthers(assigned: WorkSet): Promise<void> {
    await this.stop(this.running().minus(assigned));
    for (const name of this.unstartable.keys()) if (!assigned.tasks.has(name)) this.unstartable.delete(name);
  }

  private async stopConnector(name: string): Promise<void> {
    const runner = this.connectors.get(name);
    if (!runner) return;
    this.connectors.delete(name);
    const isDeleted = !this.options.configs.has(name);
    await runner.stop(isDeleted, this.options.shutdownTimeoutMs);
    if (!isDeleted) this.options.connectorStatus(name, 'UNASSIGNED', null, true);
  }

  private runner(name: string): ConnectorRunner {
    let runner = this.connectors.get(name);
    if (!runner) {
      const { specs, resolve, publishTasks, connectorStatus, logger } = this.options;
      runner = new ConnectorRunner({
        name,
        planning: this.options.planning,
        resolve,
        findPlugin: (config) => specs.connectorPlugin(config),
        restartPolicy: (config) => specs.restartPolicy(config),
        clock: this.options.clock,
        publishTasks,
        startups: this.connectorStartups,
        onState: (state, trace) => connectorStatus(name, state, trace, state === 'FAILED'),
        logger,
      });
      this.connectors.set(name, runner);
    }
    return runner;
  }

  /** A task is compared only when its configs were made for the connector's present config: until then it runs on as it is. */
  private hasChanged(id: ConnectorTaskId): boolean {
    const running = this.tasks.get(taskName(id));
    const config = this.options.configs.config(id.connector);
    const applied = this.options.configs.appliedConfig(id.connector);
    if (!running || !config || !applied || !isSameConfig(config, applied)) return false;
    return this.specText(id) !== running.specText;
  }

  private specText(id: ConnectorTaskId): string {
    const { configs, specs } = this.options;
    const config = configs.config(id.connector) ?? {};
    const taskConfig = configs.taskConfig(id) ?? {};
    try {
      return JSON.stringify(specs.of(id, config, taskConfig, false));
    } catch {
      return JSON.stringify([config, taskConfig]);
    }
  }

  private steer(running: RunningTask): void {
    const isPaused = this.options.configs.targetState(running.id.connector) !== 'STARTED';
    if (isPaused === running.isPaused) return;
    running.isPaused = isPaused;
    if (isPaused) running.host.pause();
    else running.host.resume();
  }

  private startTask(id: ConnectorTaskId): void {
    const { configs, specs, heapMaxMb, logger, clock, taskStatus, topicUsed, offsets } = this.options;
    const name = taskName(id);
    const isPaused = configs.targetState(id.connector) !== 'STARTED';
    const stored = configs.config(id.connector);
    if (!stored) return;
    const started = this.taskStartups.begin();
    const secrets = new Secrets();
    let spec: TaskSpec;
    let isolation: Isolation;
    let offsetTopic: OwnOffsetTopic | undefined;
    try {
      const connector = this.options.resolve(stored);
      const task = this.options.resolve(configs.taskConfig(id) ?? {});
      secrets.addAll(connector.secrets);
      secrets.addAll(task.secrets);
      this.checkTaskCount(id.connector, connector.config);
      isolation = specs.isolation(connector.config);
      spec = { ...specs.of(id, connector.config, task.config, isPaused), secrets: secrets.entries() };
      offsetTopic = spec.type === 'source' ? specs.ownOffsetTopic(id.connector, connector.config) : undefined;
    } catch (error) {
      const trace = secrets.hide(errorReport(error).trace);
      const cause = JSON.stringify([stored, configs.taskConfig(id)]);
      if (this.unstartable.get(name) === cause) return started(false);
      this.unstartable.set(name, cause);
      started(false);
      logger.error({ connector: id.connector, task: id.task, error: secrets.hide(errorMessage(error)) }, 'a task cannot be started');
      return taskStatus(id, 'FAILED', trace, true);
    }
    this.unstartable.delete(name);
    const lease = offsets.lease(offsetTopic);
    const isCurrent: () => boolean = () => this.tasks.get(name)?.host === host;
    const host: TaskHost = new TaskHost({
      spec,
      isolation,
      heapMaxMb,
      threads: this.threads,
      leaseUntilMs: this.leaseUntilMs,
      logger: secrets.logger(logger),
      clock,
      events: {
        readOffsets: (keys) => lease.read(keys),
        writeOffsets: (records) => (this.tasks.get(name)?.host === host && machineMs() < this.leaseUntilMs ? lease.write(records) : Promise.reject(notOurs(id))),
        onState: (state) => {
          started(true);
          if (isCurrent()) taskStatus(id, state, null, false);
        },
        onFailed: (told, code) => {
          started(false);
          const trace = secrets.hide(told);
          logger.error({ connector: id.connector, task: id.task, error: trace.split('\n', 1)[0], trace }, 'a task failed');
          if (!isCurrent()) return;
          taskStatus(id, 'FAILED', trace, true);
          this.supervisor.failed(id, code);
        },
        onTopic: (topic) => topicUsed(id, topic),
      },
    });
    this.tasks.set(name, { id, specText: this.specText(id), plugins: taskPlugins(spec), host, lease, secrets, isPaused });
    host.start();
  }

  private checkTaskCount(connector: string, config: StringMap): void {
    const tasks = this.options.configs.taskCount(connector);
    const tasksMax = Number(config['tasks.max'] ?? 1);
    if (tasks <= tasksMax || config['tasks.max.enforce']?.toLowerCase() === 'false') return;
    throw new ConfigError(`The connector ${connector} has ${tasks} tasks, which is greater than ${tasksMax}, the maximum number of tasks it is configured to create; tasks.max.enforce=false permits that`, 'tasks.max');
  }

  private isConfigured({ connector, task }: ConnectorTaskId): boolean {
    const { configs } = this.options;
    return configs.has(connector) && task < configs.taskCount(connector);
  }

  private async stopTasks(ids: readonly ConnectorTaskId[], isRevoked: boolean, graceMs = this.options.shutdownTimeoutMs): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        const name = taskName(id);
        const running = this.tasks.get(name);
        if (!running) return;
        await running.host.stop(graceMs);
        if (this.tasks.get(name) === running) this.tasks.delete(name);
        void running.lease.release();
        if (!isRevoked) return;
        this.supervisor.forget(id);
        if (this.isConfigured(id)) this.options.taskStatus(id, 'UNASSIGNED', null, true);
        else this.options.taskGone(id);
      }),
    );
  }
}

/** Offsets of a task that may run elsewhere by now: they would move that one back. */
function notOurs(id: ConnectorTaskId): OperationalError {
  return new OperationalError('CONNECT_TASK_FENCED', `Task ${taskName(id)} may run on another worker by now`);
}
