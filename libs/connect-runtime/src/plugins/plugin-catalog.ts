import { ConnectError } from '@millrace/connect-api';
import type { PluginType } from '../rest/shapes.js';
import { BUILT_IN_CONVERTERS } from '../converters/built-in-converters.js';
import { discoverPlugins, type DiscoveryOptions } from './manifest-discovery.js';
import type { PluginDescriptor } from './plugin-descriptor.js';

interface Kind {
  readonly types: readonly PluginType[];
  /** The suffix that a short name may leave out. */
  readonly suffix: string;
  readonly interfaceName: string;
  readonly plural: string;
}

const KINDS = {
  connector: { types: ['source', 'sink'], suffix: 'Connector', interfaceName: 'Connector', plural: 'connectors' },
  converter: { types: ['converter'], suffix: 'Converter', interfaceName: 'Converter', plural: 'converters' },
  header_converter: { types: ['header_converter'], suffix: 'HeaderConverter', interfaceName: 'HeaderConverter', plural: 'header converters' },
} as const satisfies Record<string, Kind>;

export type PluginKind = keyof typeof KINDS;

/** All plugins of this worker, by full class name, alias, simple name, or simple name without its kind's suffix. */
export class PluginCatalog {
  readonly plugins: readonly PluginDescriptor[];
  private readonly byName: Readonly<Record<PluginKind, ReadonlyMap<string, PluginDescriptor | undefined>>>;

  constructor(plugins: readonly PluginDescriptor[]) {
    const builtIn = BUILT_IN_CONVERTERS.flatMap((it) =>
      it.types.map((type): PluginDescriptor => ({ class: it.class, type, version: undefined, folder: '', entry: '', exportName: '', aliases: [], taskClass: it.class })),
    );
    this.plugins = [...plugins, ...builtIn];
    this.byName = { connector: this.index('connector'), converter: this.index('converter'), header_converter: this.index('header_converter') };
  }

  static discover(options: DiscoveryOptions): PluginCatalog {
    return new PluginCatalog(discoverPlugins(options));
  }

  /** Throws ConnectError with Connect's text when there is no such plugin, or the name is not unique. */
  find(kind: PluginKind, name: string): PluginDescriptor {
    const found = this.byName[kind].get(name);
    if (found) return found;
    const { interfaceName, plural, types } = KINDS[kind];
    const all = this.plugins.filter((it) => (types as readonly string[]).includes(it.type));
    if (this.byName[kind].has(name)) {
      throw new ConnectError(`More than one ${interfaceName.toLowerCase()} matches alias ${name}. Please use full package and class name instead. Classes found: ${all.map((it) => it.class).join(', ')}`);
    }
    const list = kind === 'connector' ? all.map(describePlugin) : all.map((it) => it.class);
    throw new ConnectError(`Failed to find any class that implements ${interfaceName} and which name matches ${name}, available ${plural} are: ${list.join(', ')}`);
  }

  /** The same, or undefined. */
  lookup(kind: PluginKind, name: string): PluginDescriptor | undefined {
    return this.byName[kind].get(name);
  }

  /** The classes of a kind, sorted. */
  classes(kind: PluginKind): string[] {
    return this.plugins.filter((it) => (KINDS[kind].types as readonly string[]).includes(it.type)).map((it) => it.class).sort();
  }

  private index(kind: PluginKind): Map<string, PluginDescriptor | undefined> {
    const { types, suffix } = KINDS[kind];
    const byName = new Map<string, PluginDescriptor | undefined>();
    const own = this.plugins.filter((it) => (types as readonly string[]).includes(it.type));
    for (const plugin of own) for (const name of [plugin.class, ...plugin.aliases]) if (!byName.has(name)) byName.set(name, plugin);
    const short = new Map<string, Set<PluginDescriptor>>();
    for (const plugin of own) {
      const simple = plugin.class.slice(plugin.class.lastIndexOf('.') + 1);
      const cut = simple.lastIndexOf(suffix);
      for (const name of new Set([simple, cut > 0 ? simple.slice(0, cut) : simple])) short.set(name, (short.get(name) ?? new Set()).add(plugin));
    }
    for (const [name, owners] of short) if (!byName.has(name)) byName.set(name, owners.size === 1 ? [...owners][0] : undefined);
    return byName;
  }
}

/** A plugin as Connect's messages show it. */
export function describePlugin(plugin: PluginDescriptor): string {
  const version = plugin.version ?? 'undefined';
  return `PluginDesc{klass=class ${plugin.class}, name='${plugin.class}', version='${version}', encodedVersion=${version}, type=${plugin.type}, typeName='${plugin.type}', location='${plugin.folder}'}`;
}
