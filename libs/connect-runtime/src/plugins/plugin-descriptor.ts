import type { PluginType } from '../rest/shapes.js';

/** What is known of a plugin without running it. Plain data: it travels to task threads. */
export interface PluginDescriptor {
  readonly class: string;
  readonly type: PluginType;
  readonly version: string | undefined;
  /** The package's folder; empty for what comes with the runtime. */
  readonly folder: string;
  /** Absolute path of the module; empty for what comes with the runtime. */
  readonly entry: string;
  readonly exportName: string;
  readonly aliases: readonly string[];
  readonly taskClass: string;
}
