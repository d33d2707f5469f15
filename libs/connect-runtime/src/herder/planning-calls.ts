import type { ConfigValue, OffsetMap } from '@millrace/connect-api';
import type { Logger } from '@millrace/foundation';
import { PlanningHost, type PlannedConnector, type PlannedConnectorEvents } from '../isolation/planning-host.js';
import type { PlainKeys } from '../isolation/planning-protocol.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { StringMap } from '../rest/shapes.js';

export interface PlanningOptions {
  readonly isThread: boolean;
  readonly heapMaxMb: number;
  readonly logger: Logger;
}

/** The planning halves of all connectors on this worker: one host for each plugin, and for each installed version of it. */
export class Planning {
  private readonly hosts = new Map<string, PlanningHost>();

  constructor(private readonly options: PlanningOptions) {}

  open(plugin: PluginDescriptor, connector: string, events: PlannedConnectorEvents): PlannedConnector {
    return this.host(plugin).open(connector, events);
  }

  describe(plugin: PluginDescriptor): Promise<PlainKeys> {
    return this.host(plugin).call({ method: 'describe' });
  }

  validate(plugin: PluginDescriptor, config: StringMap): Promise<ConfigValue[]> {
    return this.host(plugin).call({ method: 'validate', config });
  }

  exactlyOnceSupport(plugin: PluginDescriptor, config: StringMap): Promise<'supported' | 'unsupported' | undefined> {
    return this.host(plugin).call({ method: 'exactlyOnceSupport', config });
  }

  /** False also when the connector has nothing to say about it. */
  alterSourceOffsets(plugin: PluginDescriptor, config: StringMap, offsets: ReadonlyMap<OffsetMap, OffsetMap | null>): Promise<boolean> {
    return this.host(plugin).call({ method: 'alterSourceOffsets', config, offsets });
  }

  /** By `topic-partition`. */
  alterSinkOffsets(plugin: PluginDescriptor, config: StringMap, offsets: ReadonlyMap<string, number | null>): Promise<boolean> {
    return this.host(plugin).call({ method: 'alterSinkOffsets', config, offsets });
  }

  /** Of a connector that does not run: on an instance that was never started. */
  onDeleted(plugin: PluginDescriptor, config: StringMap): Promise<void> {
    return this.host(plugin).call({ method: 'onDeleted', config });
  }

  async close(): Promise<void> {
    await Promise.all([...this.hosts.values()].map((it) => it.close()));
  }

  private host(plugin: PluginDescriptor): PlanningHost {
    const key = `${plugin.entry}#${plugin.exportName}`;
    let host = this.hosts.get(key);
    if (!host) this.hosts.set(key, (host = new PlanningHost(plugin, this.options)));
    return host;
  }
}
