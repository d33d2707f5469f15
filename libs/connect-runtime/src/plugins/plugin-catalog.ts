import { ConnectError } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';
import type { PluginType } from '../rest/shapes.js';
import { BUILT_IN_CONVERTERS, BUILT_IN_HEADER_CONVERTERS } from '../converters/built-in-converters.js';
import { BUILT_IN_PREDICATES, BUILT_IN_TRANSFORMATIONS } from '../transforms/built-in-transformations.js';
import { discoverPlugins, type DiscoveryOptions } from './manifest-discovery.js';
import { compareVersions, VersionRange } from './maven-version.js';
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

/** The release of Kafka whose converters, transformations and predicates those of this worker stand for. */
const KAFKA_RELEASE = '4.3.1';

const BUILT_IN: readonly PluginDescriptor[] = [
  ...BUILT_IN_CONVERTERS.map((it) => builtIn(it.class, 'converter')),
  ...BUILT_IN_HEADER_CONVERTERS.map((it) => builtIn(it.class, 'header_converter')),
  ...[...BUILT_IN_TRANSFORMATIONS.keys()].map((it) => builtIn(it, 'transformation')),
  ...[...BUILT_IN_PREDICATES.keys()].map((it) => builtIn(it, 'predicate')),
];

function builtIn(name: string, type: PluginType): PluginDescriptor {
  return { class: name, type, version: KAFKA_RELEASE, folder: '', entry: '', exportName: '', aliases: [], taskClass: name };
}

/** The installed versions of one plugin, oldest first; none where a name means several plugins. */
type Versions = readonly PluginDescriptor[];

/** All plugins of this worker, by full class name, alias, simple name, or simple name without its kind's suffix. Several versions of one may be installed side by side. */
export class PluginCatalog {
  readonly plugins: readonly PluginDescriptor[];
  private readonly byName: ReadonlyMap<PluginKind, ReadonlyMap<string, Versions>>;

  constructor(plugins: readonly PluginDescriptor[]) {
    this.plugins = [...plugins, ...BUILT_IN];
    this.byName = new Map((Object.keys(KINDS) as PluginKind[]).map((kind) => [kind, this.index(kind)]));
  }

  static discover(options: DiscoveryOptions): PluginCatalog {
    return new PluginCatalog(discoverPlugins(options));
  }

  /**
   * The newest version of the plugin in the range (Maven's notation; without one the newest of all). Throws ConnectError with Connect's text when there is no such plugin, no such
   * version, or the name is not unique; ConfigError for a range that is none.
   */
  find(kind: PluginKind, name: string, range?: string | null): PluginDescriptor {
    const versions = this.byName.get(kind)?.get(name);
    if (versions !== undefined && versions.length > 0) return inRange(versions, range);
    const { interfaceName, plural, types } = KINDS[kind];
    const all = this.plugins.filter((it) => (types as readonly string[]).includes(it.type));
    if (versions !== undefined) {
      throw new ConnectError(`More than one ${interfaceName.toLowerCase()} matches alias ${name}. Please use full package and class name instead. Classes found: ${all.map((it) => it.class).join(', ')}`);
    }
    const list = kind === 'connector' ? all.map(describePlugin) : all.map((it) => it.class);
    throw new ConnectError(`Failed to find any class that implements ${interfaceName} and which name matches ${name}, available ${plural} are: ${list.join(', ')}`);
  }

  /** The same, or undefined. */
  lookup(kind: PluginKind, name: string, range?: string | null): PluginDescriptor | undefined {
    const versions = this.byName.get(kind)?.get(name);
    if (versions === undefined || versions.length === 0) return undefined;
    try {
      return inRange(versions, range);
    } catch {
      return undefined;
    }
  }

  /** Why a known plugin is not there in the range: no such version, or no range. Nothing where it is, or where there is no such plugin at all. */
  versionProblem(kind: PluginKind, name: string, range: string | null | undefined): string | undefined {
    const versions = this.byName.get(kind)?.get(name);
    if (versions === undefined || versions.length === 0) return undefined;
    try {
      inRange(versions, range);
      return undefined;
    } catch (error) {
      return errorMessage(error);
    }
  }

  /** Whether the name means something, be it more than one plugin. */
  knows(kind: PluginKind, name: string): boolean {
    return this.byName.get(kind)?.has(name) === true;
  }

  /** The installed versions of a plugin, oldest first. */
  versions(kind: PluginKind, name: string): string[] {
    return (this.byName.get(kind)?.get(name) ?? []).map(versionOf);
  }

  /** The classes of a kind, sorted. */
  classes(kind: PluginKind): string[] {
    return this.plugins.filter((it) => (KINDS[kind].types as readonly string[]).includes(it.type)).map((it) => it.class).sort();
  }

  private index(kind: PluginKind): Map<string, Versions> {
    const { types, suffix } = KINDS[kind];
    const byName = new Map<string, PluginDescriptor[]>();
    const own = this.plugins.filter((it) => (types as readonly string[]).includes(it.type));
    const claim = (name: string, plugin: PluginDescriptor): void => {
      const versions = byName.get(name);
      if (!versions) byName.set(name, [plugin]);
      else if (versions[0]?.class === plugin.class && !versions.some((it) => it.version === plugin.version)) versions.push(plugin);
    };
    for (const plugin of own) for (const name of [plugin.class, ...plugin.aliases]) claim(name, plugin);
    for (const versions of byName.values()) versions.sort((a, b) => compareVersions(versionOf(a), versionOf(b)));
    const short = new Map<string, Set<string>>();
    for (const plugin of own) {
      const simple = plugin.class.slice(plugin.class.lastIndexOf('.') + 1);
      const cut = simple.lastIndexOf(suffix);
      for (const name of new Set([simple, cut > 0 ? simple.slice(0, cut) : simple])) short.set(name, (short.get(name) ?? new Set()).add(plugin.class));
    }
    for (const [name, classes] of short) {
      const [only = ''] = classes;
      if (!byName.has(name)) byName.set(name, classes.size === 1 ? (byName.get(only) ?? []) : []);
    }
    return byName;
  }
}

function versionOf(plugin: PluginDescriptor): string {
  return plugin.version ?? 'undefined';
}

function inRange(versions: Versions, text: string | null | undefined): PluginDescriptor {
  const range = VersionRange.of(text);
  const found = versions.findLast((it) => range === undefined || range.contains(versionOf(it)));
  if (found) return found;
  throw new ConnectError(`Plugin ${versions[0]?.class ?? ''} not found that matches the version range ${String(range)}, available versions: [${versions.map(versionOf).join(', ')}]`);
}

/** A plugin as Connect's messages show it. */
function describePlugin(plugin: PluginDescriptor): string {
  const version = versionOf(plugin);
  return `PluginDesc{klass=class ${plugin.class}, name='${plugin.class}', version='${version}', encodedVersion=${version}, type=${plugin.type}, typeName='${plugin.type}', location='${plugin.folder}'}`;
}
