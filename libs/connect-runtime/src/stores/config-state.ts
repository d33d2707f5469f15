import type { ConnectorTaskId, StringMap } from '../rest/shapes.js';
import type { Work } from '../group/connect-protocol.js';
import type { ConfigRecord, RestartRequest, SessionKey, TargetState } from './config-records.js';

/** What a record of the config topic changed. */
export type ConfigChange =
  | { readonly kind: 'connector' | 'tasks' | 'target-state' | 'removed'; readonly connector: string }
  | { readonly kind: 'session-key' }
  | { readonly kind: 'logger'; readonly logger: string; readonly level: string }
  | { readonly kind: 'restart'; readonly request: RestartRequest };

/**
 * The cluster's configs, replayed from the config topic. Task configs wait until the commit record that follows them; a commit
 * without all of its task configs (some were compacted away) marks the connector inconsistent: it has no tasks until its configs are made anew.
 */
export class ConfigState {
  /** One more than the offset of the last record. */
  offset = 0;
  sessionKey: SessionKey | undefined;
  private readonly configs = new Map<string, StringMap>();
  private readonly targetStates = new Map<string, TargetState>();
  private readonly taskCounts = new Map<string, number>();
  private readonly taskConfigs = new Map<string, Map<number, StringMap>>();
  private readonly pendingTasks = new Map<string, Map<number, StringMap>>();
  private readonly inconsistent = new Set<string>();
  /** The connector config that was current when the task configs were committed. */
  private readonly appliedConfigs = new Map<string, StringMap>();

  get connectors(): string[] {
    return [...this.configs.keys()];
  }

  has(connector: string): boolean {
    return this.configs.has(connector);
  }

  config(connector: string): StringMap | undefined {
    return this.configs.get(connector);
  }

  targetState(connector: string): TargetState {
    return this.targetStates.get(connector) ?? 'STARTED';
  }

  /** The config for which the present task configs were made. */
  appliedConfig(connector: string): StringMap | undefined {
    return this.appliedConfigs.get(connector);
  }

  isInconsistent(connector: string): boolean {
    return this.inconsistent.has(connector);
  }

  taskCount(connector: string): number {
    return this.inconsistent.has(connector) ? 0 : (this.taskCounts.get(connector) ?? 0);
  }

  tasks(connector: string): ConnectorTaskId[] {
    return Array.from({ length: this.taskCount(connector) }, (_, task) => ({ connector, task }));
  }

  taskConfig(id: ConnectorTaskId): StringMap | undefined {
    return this.taskConfigs.get(id.connector)?.get(id.task);
  }

  allTaskConfigs(connector: string): StringMap[] {
    return this.tasks(connector).map((id) => this.taskConfig(id) ?? {});
  }

  /** All that should run somewhere. */
  work(): Work {
    const connectors = this.connectors;
    return { connectors, tasks: connectors.flatMap((it) => this.tasks(it)) };
  }

  apply(record: ConfigRecord): ConfigChange | undefined {
    switch (record.kind) {
      case 'connector':
        return this.applyConnector(record.connector, record.value);
      case 'task': {
        const { connector, task } = record.id;
        if (record.value === null) return undefined;
        let pending = this.pendingTasks.get(connector);
        if (!pending) this.pendingTasks.set(connector, (pending = new Map()));
        pending.set(task, record.value);
        return undefined;
      }
      case 'commit':
        return record.value === null ? undefined : this.applyCommit(record.connector, record.value);
      case 'target-state':
        if (record.value === null) {
          this.targetStates.delete(record.connector);
          return undefined;
        }
        this.targetStates.set(record.connector, record.value);
        return this.configs.has(record.connector) ? { kind: 'target-state', connector: record.connector } : undefined;
      case 'restart':
        return record.value === null ? undefined : { kind: 'restart', request: record.value };
      case 'tasks-fencing':
        return undefined;
      case 'logger':
        return record.value === null ? undefined : { kind: 'logger', logger: record.logger, level: record.value };
      case 'session-key':
        if (record.value === null) return undefined;
        this.sessionKey = record.value;
        return { kind: 'session-key' };
    }
  }

  private applyConnector(connector: string, config: StringMap | null): ConfigChange | undefined {
    if (config !== null) {
      this.configs.set(connector, config);
      return { kind: 'connector', connector };
    }
    const existed = this.configs.delete(connector);
    this.forgetTasks(connector);
    return existed ? { kind: 'removed', connector } : undefined;
  }

  private forgetTasks(connector: string): void {
    this.taskCounts.delete(connector);
    this.taskConfigs.delete(connector);
    this.pendingTasks.delete(connector);
    this.appliedConfigs.delete(connector);
    this.inconsistent.delete(connector);
  }

  private applyCommit(connector: string, count: number): ConfigChange | undefined {
    const config = this.configs.get(connector);
    if (!config) {
      this.forgetTasks(connector);
      return undefined;
    }
    const pending = this.pendingTasks.get(connector);
    this.pendingTasks.delete(connector);
    const known = this.taskConfigs.get(connector) ?? new Map<number, StringMap>();
    const complete = Array.from({ length: count }, (_, task) => pending?.has(task) ?? false).every(Boolean);
    if (complete) {
      for (const [task, taskConfig] of pending ?? []) known.set(task, taskConfig);
      for (const task of known.keys()) if (task >= count) known.delete(task);
      this.taskConfigs.set(connector, known);
      this.inconsistent.delete(connector);
    } else this.inconsistent.add(connector);
    this.taskCounts.set(connector, count);
    this.appliedConfigs.set(connector, config);
    return { kind: 'tasks', connector };
  }
}

