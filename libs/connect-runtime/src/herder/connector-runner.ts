import { ConnectError } from '@millrace/connect-api';
import { errorMessage, hasCode, type Clock, type Logger } from '@millrace/foundation';
import { type ResolvedConfig, withReferences } from '../config-providers/config-providers.js';
import { Secrets } from '../config-providers/secrets.js';
import type { PlannedConnector, PlannedConnectorEvents } from '../isolation/planning-host.js';
import { errorReport } from '../isolation/task-protocol.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { StringMap } from '../rest/shapes.js';
import type { TargetState } from '../stores/config-records.js';
import { within } from '../waiting.js';
import type { Planning } from './planning-calls.js';
import { RestartBudget, type RestartPolicy } from './restart-budget.js';
import type { StartupTotals } from './startup-totals.js';
import type { RestartRecord } from './task-supervisor.js';

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 60_000;

export interface ConnectorRunnerOptions {
  readonly name: string;
  readonly planning: Planning;
  /** Puts the values of config providers in their places. */
  readonly resolve: (config: StringMap) => ResolvedConfig;
  readonly findPlugin: (config: StringMap) => PluginDescriptor;
  /** Stores the task configs if they differ from what is stored. */
  readonly publishTasks: (name: string, configs: readonly StringMap[], plugin: PluginDescriptor) => Promise<void>;
  readonly onState: (state: 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED', trace: string | null) => void;
  readonly restartPolicy: (config: StringMap) => RestartPolicy;
  readonly startups: StartupTotals;
  readonly clock: Clock;
  readonly logger: Logger;
}

class TooManyTasks extends ConnectError {}

interface Running {
  readonly connector: PlannedConnector;
  readonly plugin: PluginDescriptor;
  /** As stored, and as the connector got it. */
  readonly config: StringMap;
  readonly resolved: StringMap;
}

/**
 * One connector instance on this worker. It is told what is wanted and gets there by itself, one step after the other; a plugin
 * that blocks holds up only its own runner.
 */
export class ConnectorRunner {
  private wanted: { readonly config: StringMap; readonly target: TargetState } | undefined;
  private running: Running | undefined;
  /** The instance, also while it starts. */
  private opened: PlannedConnector | undefined;
  private work: Promise<void> = Promise.resolve();
  private retryTimer: NodeJS.Timeout | undefined;
  private retryMs = RETRY_MIN_MS;
  private failedFor: StringMap | undefined;
  private reported: string | undefined;
  private isStopped = false;
  private budget: RestartBudget | undefined;
  private plannedMs: number | null = null;
  private secrets = new Secrets();

  constructor(private readonly options: ConnectorRunnerOptions) {}

  /** Nothing happens when it is there already. A failed connector stays failed for the same config. */
  want(config: StringMap, target: TargetState): void {
    const isSame = this.wanted !== undefined && this.wanted.target === target && isSameConfig(this.wanted.config, config);
    if (isSame) return;
    this.wanted = { config, target };
    this.budget = new RestartBudget(this.options.restartPolicy(config));
    this.failedFor = undefined;
    void this.enqueue(() => this.converge());
  }

  restarts(): RestartRecord {
    const { budget, plannedMs } = this;
    return { restarts: budget?.total ?? 0, plannedMs, left: budget?.left(this.options.clock.nowMs()) ?? 0 };
  }

  restart(): Promise<void> {
    if (this.wanted) this.budget = new RestartBudget(this.options.restartPolicy(this.wanted.config));
    return this.enqueue(async () => {
      await this.stopInstance();
      this.failedFor = undefined;
      this.reported = undefined;
      await this.converge();
    });
  }

  /** Asks the connector for its task configs again. */
  reconfigure(): void {
    void this.enqueue(() => this.publish());
  }

  /**
   * After `stop` nothing is reported any more. With `isDeleted` the connector may clean up behind itself, also when it did not run. What does
   * not come to an end within the grace time is left behind.
   */
  async stop(isDeleted: boolean, graceMs: number): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.retryTimer);
    const ended = this.enqueue(async () => {
      const { running } = this;
      await this.stopInstance(isDeleted ? running?.resolved : undefined);
      if (isDeleted && !running && this.wanted) await this.deletedUnstarted(this.options.resolve(this.wanted.config).config);
    });
    await within(graceMs, ended);
    await this.opened?.abandon();
  }

  private enqueue(step: () => Promise<void>): Promise<void> {
    const done = this.work.then(step).catch((error: unknown) => this.options.logger.error({ connector: this.options.name, error: this.secrets.hide(errorMessage(error)) }, 'a step of a connector failed'));
    this.work = done;
    return done;
  }

  private async converge(): Promise<void> {
    const { wanted } = this;
    if (!wanted || this.isStopped || this.failedFor === wanted.config) return;
    if (wanted.target !== 'STARTED') {
      await this.stopInstance();
      return this.report(wanted.target, null);
    }
    if (this.running && isSameConfig(this.running.config, wanted.config)) return;
    await this.stopInstance();
    const started = this.options.startups.begin();
    try {
      const { config: resolved, secrets } = this.options.resolve(wanted.config);
      this.secrets = secrets;
      const plugin = this.options.findPlugin(resolved);
      const connector: PlannedConnector = this.options.planning.open(plugin, this.options.name, this.events(wanted.config, () => this.opened === connector));
      this.opened = connector;
      await connector.start(resolved);
      this.running = { connector, plugin, config: wanted.config, resolved };
      started(true);
    } catch (error) {
      started(false);
      await this.leave();
      return this.fail(error, wanted.config);
    }
    // Also when it ran before: its version may be another one.
    this.reported = undefined;
    this.report('RUNNING', null);
    await this.publish();
  }

  private async publish(): Promise<void> {
    const { running } = this;
    if (!running || this.isStopped) return;
    clearTimeout(this.retryTimer);
    try {
      const { config, resolved } = running;
      const tasksMax = Number(resolved['tasks.max'] ?? 1);
      const configs = await running.connector.taskConfigs(tasksMax);
      if (configs.length > tasksMax) {
        const text = `The connector ${this.options.name} has generated ${configs.length} tasks, which is greater than ${tasksMax}, the maximum number of tasks it is configured to create.`;
        if (resolved['tasks.max.enforce']?.toLowerCase() !== 'false') throw new TooManyTasks(`${text} This is disallowed; it can be permitted by reconfiguring the connector with 'tasks.max.enforce' set to false.`);
        this.options.logger.warn({ connector: this.options.name, tasks: configs.length, tasksMax }, 'a connector makes more tasks than tasks.max');
      }
      await this.options.publishTasks(this.options.name, withReferences(configs, config, resolved), running.plugin);
      this.retryMs = RETRY_MIN_MS;
    } catch (error) {
      if (!(error instanceof TooManyTasks) && !hasCode(error, 'CONNECT_CONFIG')) return this.retryPublish(error);
      await this.stopInstance();
      this.fail(error, running.config);
    }
  }

  private retryPublish(error: unknown): void {
    this.options.logger.warn({ connector: this.options.name, error: this.secrets.hide(errorMessage(error)), retryMs: this.retryMs }, 'task configs could not be stored; will try again');
    if (this.isStopped) return;
    this.retryTimer = setTimeout(() => this.reconfigure(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
  }

  /** With the config of a connector that was deleted: it is told so after its stop. */
  private async stopInstance(deletedConfig?: StringMap): Promise<void> {
    const { running } = this;
    this.running = undefined;
    this.plannedMs = null;
    clearTimeout(this.retryTimer);
    if (!running) return;
    try {
      await running.connector.stop();
      if (deletedConfig) await running.connector.onDeleted(deletedConfig);
    } catch (error) {
      this.options.logger.warn({ connector: this.options.name, error: this.secrets.hide(errorMessage(error)) }, 'a connector did not stop in order');
    }
    await this.leave();
  }

  private async leave(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    await opened?.abandon();
  }

  private async deletedUnstarted(config: StringMap): Promise<void> {
    const { planning, findPlugin } = this.options;
    await planning.onDeleted(findPlugin(config), config);
  }

  /** Of one instance: what it still says when another has taken its place concerns nobody. */
  private events(config: StringMap, isCurrent: () => boolean): PlannedConnectorEvents {
    const { name, logger } = this.options;
    return {
      logger: this.secrets.logger(logger.child({ connector: name })),
      onReconfigure: () => this.reconfigure(),
      onError: (error) =>
        void this.enqueue(async () => {
          if (!isCurrent()) return;
          await this.stopInstance();
          this.fail(error, config);
        }),
      onGone: () =>
        void this.enqueue(async () => {
          if (!isCurrent()) return;
          this.running = undefined;
          this.opened = undefined;
          await this.converge();
        }),
    };
  }

  /** With the config that failed: another may be wanted by now, and is still to be tried. */
  private fail(error: unknown, config: StringMap): void {
    this.failedFor = config;
    this.options.logger.error({ connector: this.options.name, error: this.secrets.hide(errorMessage(error)) }, 'a connector failed');
    this.report('FAILED', this.secrets.hide(errorReport(error).trace));
    if (!(error instanceof TooManyTasks) && !hasCode(error, 'CONNECT_CONFIG')) this.planRestart();
  }

  private planRestart(): void {
    const { clock, logger, name } = this.options;
    const delayMs = this.budget?.take(clock.nowMs());
    if (delayMs === undefined || this.isStopped) return;
    logger.info({ connector: name, delayMs, restarts: this.budget?.total }, 'a failed connector will be started again');
    this.plannedMs = clock.nowMs() + delayMs;
    this.retryTimer = setTimeout(() => {
      this.plannedMs = null;
      void this.enqueue(async () => {
        this.failedFor = undefined;
        this.reported = undefined;
        await this.converge();
      });
    }, delayMs);
    this.retryTimer.unref();
  }

  private report(state: 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED', trace: string | null): void {
    if (this.isStopped || (this.reported === state && trace === null)) return;
    this.reported = state;
    this.options.onState(state, trace);
  }
}

export function isSameConfig(a: StringMap, b: StringMap): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
