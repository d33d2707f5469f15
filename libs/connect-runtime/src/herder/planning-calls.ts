import type { OffsetMap, SinkConnector, SourceConnector } from '@millrace/connect-api';
import { loadConnectorPlugin } from '../plugins/load-plugin.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { StringMap } from '../rest/shapes.js';

/** Single calls of a connector's planning half, each on an instance of its own that is not started. */
export interface PlanningCalls {
  /** False also when the connector has nothing to say about it. */
  alterSourceOffsets(plugin: PluginDescriptor, config: StringMap, offsets: ReadonlyMap<OffsetMap, OffsetMap | null>): Promise<boolean>;
  /** By `topic-partition`. */
  alterSinkOffsets(plugin: PluginDescriptor, config: StringMap, offsets: ReadonlyMap<string, number | null>): Promise<boolean>;
  onDeleted(plugin: PluginDescriptor, config: StringMap): Promise<void>;
}

/** In the caller's thread. */
export const INLINE_PLANNING: PlanningCalls = {
  alterSourceOffsets: async (plugin, config, offsets) => await (loadConnectorPlugin(plugin).connector() as SourceConnector).alterOffsets(config, offsets),
  alterSinkOffsets: async (plugin, config, offsets) => await (loadConnectorPlugin(plugin).connector() as SinkConnector).alterOffsets(config, offsets),
  onDeleted: async (plugin, config) => {
    const connector = loadConnectorPlugin(plugin).connector() as Partial<SourceConnector>;
    await connector.onDeleted?.(config);
  },
};
