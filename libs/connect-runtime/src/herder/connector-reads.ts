import type { PluginCatalog } from '../plugins/plugin-catalog.js';
import { ConnectRestError, notFound } from '../rest/rest-error.js';
import type { ConnectorInfo, ConnectorOffsets, ConnectorStateInfo, ConnectorType, PluginInfo, PluginType, StringMap, TaskInfo, TaskStateInfo } from '../rest/shapes.js';
import type { ConfigState } from '../stores/config-state.js';
import type { StatusState } from '../stores/status-state.js';
import type { OffsetChanges } from './offset-changes.js';
import { connectorStateInfo, taskStateInfo } from './status-shapes.js';

export interface ConnectorReadsOptions {
  readonly configs: ConfigState;
  readonly statuses: StatusState;
  readonly offsets: OffsetChanges;
  readonly catalog: PluginCatalog;
  readonly tracksTopics: boolean;
}

/** The order of GET /connector-plugins. */
const PLUGIN_TYPES: readonly PluginType[] = ['sink', 'source', 'transformation', 'predicate', 'converter', 'header_converter'];

/** The verbs that read: from this worker's copy of the internal topics, without waiting for a rebalance. */
export class ConnectorReads {
  constructor(private readonly options: ConnectorReadsOptions) {}

  names(): string[] {
    return this.options.configs.connectors;
  }

  expanded(expand: readonly string[]): Record<string, { status?: ConnectorStateInfo; info?: ConnectorInfo }> {
    const all: Record<string, { status?: ConnectorStateInfo; info?: ConnectorInfo }> = {};
    for (const name of this.names()) {
      const entry: { status?: ConnectorStateInfo; info?: ConnectorInfo } = {};
      if (expand.includes('status') && !this.options.statuses.connector(name)) continue;
      for (const what of expand) {
        if (what === 'status') entry.status = this.status(name);
        if (what === 'info') entry.info = this.info(name);
      }
      all[name] = entry;
    }
    return all;
  }

  info(name: string): ConnectorInfo {
    const config = this.config(name);
    return { name, config, tasks: this.options.configs.tasks(name), type: this.type(config) };
  }

  /** Throws 404 for an unknown connector. */
  config(name: string): StringMap {
    const config = this.options.configs.config(name);
    if (!config) throw notFound(`Connector ${name} not found`);
    return config;
  }

  type(config: StringMap | undefined): ConnectorType {
    const name = config?.['connector.class'] ?? '';
    const { catalog } = this.options;
    const type = (catalog.lookup('connector', name, config?.['connector.plugin.version']) ?? catalog.lookup('connector', name))?.type;
    return type === 'source' || type === 'sink' ? type : 'unknown';
  }

  status(name: string): ConnectorStateInfo {
    return connectorStateInfo(name, this.options.statuses, this.type(this.options.configs.config(name)));
  }

  tasks(name: string): TaskInfo[] {
    this.config(name);
    return this.options.configs.tasks(name).map((id) => ({ id, config: this.options.configs.taskConfig(id) ?? {} }));
  }

  taskStatus(name: string, task: number): TaskStateInfo {
    const status = this.options.statuses.task({ connector: name, task });
    if (!status) throw notFound(`No status found for task ${name}-${task}`);
    return taskStateInfo(task, status);
  }

  async connectorOffsets(name: string): Promise<ConnectorOffsets> {
    const config = this.config(name);
    return { offsets: await this.options.offsets.read(name, config, this.type(config) === 'sink') };
  }

  topics(name: string): Record<string, { topics: string[] }> {
    if (!this.options.tracksTopics) throw new ConnectRestError('FORBIDDEN', 403, 'Topic tracking is disabled.');
    return { [name]: { topics: this.options.statuses.topicsOf(name) } };
  }

  plugins(connectorsOnly: boolean): PluginInfo[] {
    return this.options.catalog.plugins
      .filter((it) => !connectorsOnly || it.type === 'source' || it.type === 'sink')
      .sort((a, b) => PLUGIN_TYPES.indexOf(a.type) - PLUGIN_TYPES.indexOf(b.type) || (a.class < b.class ? -1 : 1))
      .map((it) => ({ class: it.class, type: it.type, ...(it.version === undefined ? {} : { version: it.version }) }));
  }
}
