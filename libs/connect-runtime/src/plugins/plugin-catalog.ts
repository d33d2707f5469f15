import { ConnectError } from '@millrace/connect-api';
import type { PluginType } from '../rest/shapes.js';
import { BUILT_IN_CONVERTERS, BUILT_IN_HEADER_CONVERTERS } from '../converters/built-in-converters.js';
import { BUILT_IN_PREDICATES, BUILT_IN_TRANSFORMATIONS } from '../transforms/built-in-transformations.js';
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
  transformation: { types: ['transformation'], suffix: 'Transformation', interfaceName: 'Transformation', plural: 'transformations' },
  predicate: { types: ['predicate'], suffix: 'Predicate', interfaceName: 'Predicate', plural: 'predicates' },
} as const satisfies Record<string, Kind>;

export type PluginKind = keyof typeof KINDS;

const BUILT_IN: readonly PluginDescriptor[] = [
  ...BUILT_IN_CONVERTERS.map((it) => builtIn(it.class, 'converter')),
  ...BUILT_IN_HEADER_CONVERTERS.map((it) => builtIn(it.class, 'header_converter')),
  ...[...BUILT_IN_TRANSFORMATIONS.keys()].map((it) => builtIn(it, 'transformation')),
  ...[...BUILT_IN_PREDICATES.keys()].map((it) => builtIn(it, 'predicate')),
];

function builtIn(name: string, type: PluginType): PluginDescriptor {
  return { class: name, type, version: undefined, folder: '', entry: '', exportName: '', aliases: [], taskClass: name };
}

/** All plugins of this worker, by full class name, alias, simple name, or simple name without its kind's suffix. */
export class PluginCatalog {
  readonly plugins: readonly PluginDescriptor[];
  private readonly byName: ReadonlyMap<PluginKind, ReadonlyMap<string, PluginDescriptor | undefined>>;

  constructor(plugins: readonly PluginDescriptor[]) {
    this.plugins = [...plugins, ...BUILT_IN];
    this.byName = new Map((Object.keys(KINDS) as PluginKind[]).map((kind) => [kind, this.index(kind)]));
  }

  static discover(options: DiscoveryOptions): PluginCatalog {
    return new PluginCatalog(discoverPlugins(options));
  }

  /** Throws ConnectError with Connect's text when there is no such plugin, or the name is not unique. */
  find(kind: PluginKind, name: string): PluginDescriptor {
    const found = this.byName.get(kind)?.get(name);
    if (found) return found;
    const { interfaceName, plural, types } = KINDS[kind];
    const all = this.plugins.filter((it) => (types as readonly string[]).includes(it.type));
    if (this.byName.get(kind)?.has(name)) {
      throw new ConnectError(`More than one ${interfaceName.toLowerCase()} matches alias ${name}. Please use full package and class name instead. Classes found: ${all.map((it) => it.class).join(', ')}`);
    }
    const list = kind === 'connector' ? all.map(describePlugin) : all.map((it) => it.class);
    throw new ConnectError(`Failed to find any class that implements ${interfaceName} and which name matches ${name}, available ${plural} are: ${list.join(', ')}`);
  }

  /** The same, or undefined. */
  lookup(kind: PluginKind, name: string): PluginDescriptor | undefined {
    return this.byName.get(kind)?.get(name);
  }

  /** Whether the name means something, be it more than one plugin. */
  knows(kind: PluginKind, name: string): boolean {
    return this.byName.get(kind)?.has(name) === true;
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
