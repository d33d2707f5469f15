import type { AnyConfigDef, ConfigValue } from './config/config-def.js';
import type { ConnectLogger } from './logger.js';
import type { OffsetMap } from './records.js';

/** Settings by name, as the user gave them: text to text, with the framework's own (`name`, `tasks.max`, …) among them. Parse them by the plugin's ConfigDef. */
export type ConnectorConfig = Readonly<Record<string, string>>;

/** What a connector may ask of the runtime, from `start` to `stop`. */
export interface ConnectorContext {
  /** The name under which the user made it. */
  readonly connectorName: string;
  /** Lines carry the connector's name. */
  readonly logger: ConnectLogger;
  /** Asks the runtime to call `taskConfigs` again; tasks restart only if the result differs. */
  requestTaskReconfiguration(): void;
  /** Fails the connector: its status shows the error. */
  raiseError(error: Error): void;
}

/**
 * The planning half of a plugin: it splits the work into tasks, and does no data work. Lives in a thread that it shares with the other connectors of
 * its plugin; one that never lets go of that thread is ended with it.
 * Calls in order: `start` once, `taskConfigs` any number of times, `stop` once.
 */
export abstract class Connector {
  /** Called after `start` with the limit `tasks.max` and the settings that `start` got; each map of the answer is a task's whole config. Deterministic for the same input. */
  abstract taskConfigs(tasksMax: number, config: ConnectorConfig): Promise<ConnectorConfig[]> | ConnectorConfig[];

  /** The plugin's settings, without the framework's (`name`, `connector.class`, `tasks.max` …). */
  abstract config(): AnyConfigDef;

  /** `config` has passed `validate`. May connect to the outside to look around; a throw shows as the connector FAILED. */
  start(_context: ConnectorContext, _config: ConnectorConfig): Promise<void> | void {}

  /** The connector is deleted, stopped, moves to another worker or gets another config. Not called when `start` has thrown: free there what was made. */
  stop(): Promise<void> | void {}

  /**
   * Checks settings, first by the ConfigDef, then with live checks (can it connect?), adding errors to the value of the key at
   * fault. Called without `start`, on any worker, for PUT validate and before a config is stored. No side effects. Never lets a
   * secret into a message.
   */
  validate(config: ConnectorConfig): Promise<ConfigValue[]> | ConfigValue[] {
    return this.config().validate(config);
  }
}

/** The planning half of a source plugin. */
export abstract class SourceConnector extends Connector {
  /** KIP-618. Asked by validation, without `start`, when a config has exactly.once.support=required; that is refused all the same: delivery is at least once so far. */
  exactlyOnceSupport(_config: ConnectorConfig): 'supported' | 'unsupported' | undefined {
    return undefined;
  }
  /**
   * KIP-875: may refuse (throw ConfigError) or adjust outside state before offsets are overwritten; false: offsets are also held outside
   * and were not changed there, and the answer to the user says so. Called without `start`, for a connector that is stopped; a null offset forgets its partition.
   */
  alterOffsets(_config: ConnectorConfig, _offsets: ReadonlyMap<OffsetMap, OffsetMap | null>): Promise<boolean> | boolean {
    return false;
  }
  /**
   * The connector was deleted: called by the worker that had it, after `stop`, or on an instance that was never started when the connector was stopped, paused or
   * had failed. At most once in the cluster: not at all when that worker dies meanwhile. Its tasks may still be stopping elsewhere.
   */
  onDeleted(_config: ConnectorConfig): Promise<void> | void {}
}

/** The planning half of a sink plugin. Its topics come from the framework's settings `topics` or `topics.regex`. */
export abstract class SinkConnector extends Connector {
  /** Default: every task gets the connector's own settings; the group shares the partitions out among them. */
  taskConfigs(tasksMax: number, config: ConnectorConfig): Promise<ConnectorConfig[]> | ConnectorConfig[] {
    return Array.from({ length: tasksMax }, () => config);
  }
  /** KIP-875, as for a source, by `topic-partition`; a null offset forgets its partition. */
  alterOffsets(_config: ConnectorConfig, _offsets: ReadonlyMap<string, number | null>): Promise<boolean> | boolean {
    return false;
  }
}
