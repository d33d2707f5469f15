import { ConfigError, type AnyConfigDef, type ConfigKey } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';
import type { TransformationSpec } from '../isolation/task-protocol.js';
import { loadPredicate, loadTransformation } from '../plugins/load-plugin.js';
import type { PluginCatalog, PluginKind } from '../plugins/plugin-catalog.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { StringMap } from '../rest/shapes.js';
import type { ConfigKeyMap } from './config-infos.js';
import { settingsWithPrefix } from './worker-config.js';

const WIRING = {
  negate: { kind: 'boolean', default: 'false', importance: 'medium', doc: 'Whether it runs for the others.' },
  predicate: { kind: 'string', default: null, importance: 'medium', doc: 'Alias of the predicate that decides for which records this transformation runs.' },
} as const satisfies Record<string, ConfigKey<never>>;

/** The two lists of aliases: how each kind is named, found and asked for its settings. */
const LISTS = {
  transforms: { kind: 'transformation', title: 'Transforms', load: (plugin: PluginDescriptor): AnyConfigDef => loadTransformation(plugin).config(), wiring: WIRING },
  predicates: { kind: 'predicate', title: 'Predicates', load: (plugin: PluginDescriptor): AnyConfigDef => loadPredicate(plugin).config(), wiring: {} },
} as const;

function aliasesOf(text: string | undefined): string[] {
  return [...new Set((text ?? '').split(',').map((it) => it.trim()).filter((it) => it !== ''))];
}

export function duplicateAlias(aliases: readonly string[]): string | undefined {
  return new Set(aliases).size === aliases.length ? undefined : 'Duplicate alias provided.';
}

/** The settings that a connector has by its `transforms` and `predicates`, by their full names. */
export function transformationKeys(config: StringMap, catalog: PluginCatalog): ConfigKeyMap {
  const keys: Record<string, ConfigKey<never>> = {};
  for (const [list, { kind, title, load, wiring }] of Object.entries(LISTS)) {
    for (const alias of aliasesOf(config[list])) {
      const prefix = `${list}.${alias}.`;
      const group = `${title}: ${alias}`;
      keys[`${prefix}type`] = {
        kind: 'class',
        importance: 'high',
        doc: `Class for the '${alias}' ${kind}.`,
        group,
        width: 'long',
        displayName: `${kind === 'predicate' ? 'Predicate' : 'Transformation'} type for ${alias}`,
        recommend: () => catalog.classes(kind),
        check: (name: string) => typeProblem({ prefix, name, kind, config, catalog, load }),
      };
      const type = config[`${prefix}type`] ?? '';
      keys[`${prefix}plugin.version`] = versionKey({ kind, name: type, group, displayName: `${kind === 'predicate' ? 'Predicate' : 'Transformation'} version for ${alias}`, catalog });
      const definition = made(() => load(catalog.find(kind, type, config[`${prefix}plugin.version`])));
      if (!definition) continue;
      for (const [name, key] of Object.entries<ConfigKey<never>>({ ...definition.keys, ...wiring })) keys[prefix + name] = { ...key, group: key.group === undefined ? group : `${group}: ${key.group}`, displayName: key.displayName ?? name };
    }
  }
  return keys;
}

interface VersionedPlugin {
  readonly kind: PluginKind;
  /** Of its class. */
  readonly name: string;
  readonly group: string;
  readonly displayName: string;
  readonly catalog: PluginCatalog;
}

/** The setting that chooses among the installed versions. */
function versionKey({ kind, name, group, displayName, catalog }: VersionedPlugin): ConfigKey<never> {
  const versions = catalog.versions(kind, name);
  return { kind: 'string', default: versions.at(-1) ?? null, importance: 'high', doc: `Version of the ${kind}, or a range of versions; the newest when not given.`, group, width: 'long', displayName, recommend: () => versions, isVisible: () => versions.length > 0 };
}

/** Nothing where the plugin is not there, or cannot be made: `typeProblem` says so. */
function made<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

interface TypeQuestion {
  readonly prefix: string;
  readonly name: string;
  readonly kind: 'transformation' | 'predicate';
  readonly config: StringMap;
  readonly catalog: PluginCatalog;
  readonly load: (plugin: PluginDescriptor) => AnyConfigDef;
}

/** What is wrong with a step as a whole; its settings one by one are checked by their own definitions. */
function typeProblem({ prefix, name, kind, config, catalog, load }: TypeQuestion): string | undefined {
  const version = config[`${prefix}plugin.version`];
  if (!catalog.knows(kind, name)) return `Class ${name} could not be found.`;
  if (catalog.versionProblem(kind, name, version) !== undefined) return undefined;
  try {
    load(catalog.find(kind, name, version));
  } catch (error) {
    return errorMessage(error);
  }
  if (kind === 'predicate') return undefined;
  const predicate = config[`${prefix}predicate`];
  if (predicate === undefined) {
    return config[`${prefix}negate`] === undefined ? undefined : `Config '${prefix}negate' was provided but there is no config '${prefix}predicate' defining a predicate to be negated.`;
  }
  return aliasesOf(config.predicates).includes(predicate.trim()) ? undefined : `The predicate ${predicate} is not among the predicates of the connector`;
}

/** The chain of a task. Throws ConnectError where a plugin is not there, ConfigError where a predicate is not. */
export function transformationSpecs(config: StringMap, catalog: PluginCatalog): TransformationSpec[] {
  return aliasesOf(config.transforms).map((alias) => {
    const { type = '', predicate, negate, 'plugin.version': version, ...own } = settingsWithPrefix(config, `transforms.${alias}.`);
    return { alias, plugin: catalog.find('transformation', type, version), config: own, predicate: predicate === undefined ? null : predicateSpec(config, catalog, predicate.trim(), negate) };
  });
}

function predicateSpec(config: StringMap, catalog: PluginCatalog, alias: string, negate: string | undefined): NonNullable<TransformationSpec['predicate']> {
  if (!aliasesOf(config.predicates).includes(alias)) throw new ConfigError(`The predicate ${alias} is not among the predicates of the connector`, 'predicates');
  const { type = '', 'plugin.version': version, ...own } = settingsWithPrefix(config, `predicates.${alias}.`);
  return { alias, plugin: catalog.find('predicate', type, version), config: own, isNegated: negate?.trim().toLowerCase() === 'true' };
}

interface ChainProblem {
  readonly key: string;
  readonly problem: string;
}

/** Versions that are not there, and what the steps say of their settings together: they are set up as in a task, and thrown away. By the setting at fault. */
export function chainProblems(config: StringMap, catalog: PluginCatalog): ChainProblem[] {
  const ofVersions = Object.entries(LISTS).flatMap(([list, { kind }]) =>
    aliasesOf(config[list]).flatMap((alias) => {
      const prefix = `${list}.${alias}.`;
      const problem = catalog.versionProblem(kind, config[`${prefix}type`] ?? '', config[`${prefix}plugin.version`]);
      return problem === undefined ? [] : ['type', 'plugin.version'].map((it) => ({ key: prefix + it, problem }));
    }),
  );
  return [...ofVersions, ...setupProblems(config, catalog)];
}

function setupProblems(config: StringMap, catalog: PluginCatalog): ChainProblem[] {
  return aliasesOf(config.transforms).flatMap((alias) => {
    const { type = '', predicate: _predicate, negate: _negate, 'plugin.version': version, ...own } = settingsWithPrefix(config, `transforms.${alias}.`);
    const plugin = catalog.lookup('transformation', type, version);
    const transformation = plugin && made(() => loadTransformation(plugin));
    if (!transformation || transformation.config().validate(own).some((it) => it.errors.length > 0)) return [];
    try {
      transformation.configure(own);
      transformation.close();
      return [];
    } catch (error) {
      return [{ key: `transforms.${alias}.type`, problem: errorMessage(error) }];
    }
  });
}
