import { ConfigDef, type AnyConfigDef, type ConfigValue } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';
import { type ConfigProviders, hasReference } from '../config-providers/config-providers.js';
import { Secrets } from '../config-providers/secrets.js';
import { converterConfig, loadConverter, loadHeaderConverter, loadPredicate, loadTransformation } from '../plugins/load-plugin.js';
import { rangeProblem } from '../plugins/maven-version.js';
import type { PluginCatalog, PluginKind } from '../plugins/plugin-catalog.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import { badRequest, notFound } from '../rest/rest-error.js';
import type { ConfigInfos, ConfigKeyInfo, ConfigPatch, StringMap } from '../rest/shapes.js';
import { checkOverrides, OVERRIDE_PREFIXES, type ClientKind } from './client-overrides.js';
import { configInfos, configKeyInfos, groupsOf, mergeConfigInfos, type ConfigKeyMap } from './config-infos.js';
import { CONNECTOR_CONFIG, SINK_CONFIG, SOURCE_CONFIG } from './connector-config.js';
import { checkSink, hasDeadLetterTopic } from './sink-rules.js';
import { chainProblems, transformationKeys } from './transformation-config.js';
import { topicCreationGroups, usesTopicCreation } from './topic-creation.js';
import { overridePolicyOf, settingsWithPrefix, type WorkerConfig } from './worker-config.js';

const NULL_VALUE = 'Null value can not be supplied as the configuration value.';
const CONVERTER_KEYS = [
  ['header.converter', 'header_converter', 'header.converter.plugin.version'],
  ['key.converter', 'converter', 'key.converter.plugin.version'],
  ['value.converter', 'converter', 'value.converter.plugin.version'],
] as const satisfies readonly (readonly [string, PluginKind, string])[];
const CONNECTOR_VERSION = 'connector.plugin.version';

/** What validation asks of connector plugins. A plugin that does not come back holds up nothing but its own answer. */
export interface ValidationCalls {
  /** Names and looks of the plugin's settings, without what they check. */
  describe(plugin: PluginDescriptor): Promise<ConfigKeyMap>;
  validate(plugin: PluginDescriptor, config: StringMap): Promise<ConfigValue[]>;
  exactlyOnceSupport(plugin: PluginDescriptor, config: StringMap): Promise<'supported' | 'unsupported' | undefined>;
}

/** Validates connector configs: framework settings, the plugin's own, converters, client overrides, topic creation. */
export class ConnectorValidator {
  constructor(
    private readonly catalog: PluginCatalog,
    private readonly worker: WorkerConfig,
    private readonly groupId: string,
    private readonly providers: ConfigProviders,
    private readonly planning: ValidationCalls,
  ) {}

  /** PUT /connector-plugins/{plugin}/config/validate. Values of config providers are checked, but never shown. */
  async validate(given: ConfigPatch): Promise<ConfigInfos> {
    const raw = withoutProviderSettings(given);
    const connectorClass = raw['connector.class'];
    if (!connectorClass) throw badRequest(`Connector config ${JSON.stringify(Object.keys(raw))} contains no connector type`);
    const { config, secrets, problems } = this.resolved(raw);
    const infos = await this.validateResolved(config, problems);
    return secrets.isEmpty && problems.size === 0 ? infos : hideSecrets(infos, raw, secrets, problems);
  }

  /** With values in the place of references, as far as there are any; the others stay, and say why. */
  private resolved(raw: ConfigPatch): { config: ConfigPatch; secrets: Secrets; problems: Map<string, string> } {
    const secrets = new Secrets();
    const problems = new Map<string, string>();
    const config = Object.fromEntries(
      Object.entries(raw).map(([name, value]) => {
        if (value === null || !hasReference(value)) return [name, value];
        try {
          const one = this.providers.resolve({ [name]: value });
          secrets.addAll(one.secrets);
          return [name, one.config[name] ?? value];
        } catch (error) {
          problems.set(name, errorMessage(error));
          return [name, value];
        }
      }),
    );
    return { config, secrets, problems };
  }

  private async validateResolved(config: ConfigPatch, problems: ReadonlyMap<string, string>): Promise<ConfigInfos> {
    const connectorClass = config['connector.class'] ?? '';
    const newest = this.connectorPlugin(connectorClass);
    const missing = this.catalog.versionProblem('connector', connectorClass, config[CONNECTOR_VERSION]);
    if (missing !== undefined && rangeProblem(config[CONNECTOR_VERSION] ?? '') !== undefined) throw badRequest(missing);
    if (missing !== undefined) return this.withoutPlugin(connectorClass, config, missing);
    const plugin = this.catalog.lookup('connector', connectorClass, config[CONNECTOR_VERSION]) ?? newest;
    const isSource = plugin.type === 'source';
    const given = withoutNulls(config);
    const framework = this.frameworkDefinition(isSource, given);
    const values = new Map(framework.validate(config).map((it) => [it.name, it]));
    const complain = (name: string, problem: string): void => {
      const value = values.get(name) ?? { name, value: given[name] ?? null, recommendedValues: [], errors: [], visible: true };
      value.errors.push(problem);
      values.set(name, value);
    };
    const resolve = (name: string, value: string | null): void => {
      const known = values.get(name);
      if (known) known.value = value;
    };
    const own = { keys: await this.planning.describe(plugin) };
    for (const [name, value] of Object.entries(config)) {
      // A plugin's own setting may be null: as if it was not given.
      if (value !== null || (name in own.keys && !(name in framework.keys))) continue;
      complain(name, NULL_VALUE);
      resolve(name, null);
    }
    for (const [name, problem] of problems) complain(name, problem);
    for (const { key, problem } of chainProblems(given, this.catalog)) complain(key, problem);
    if (isSource) for (const { key, problem } of topicCreationGroups(given).problems) complain(key, problem);
    else checkSink(given, this.groupId, complain);
    const converters = CONVERTER_KEYS.flatMap(([key, kind, version]) => this.converterInfos(given, key, kind, { complain, resolve, version: given[version] }));
    if (isSource && given['exactly.once.support']?.toLowerCase() === 'required') for (const problem of await this.exactlyOnceProblems(plugin, given)) complain('exactly.once.support', problem);
    const ownValues = await this.planning.validate(plugin, given);
    const keys = { ...framework.keys, ...own.keys };
    const groups = [...new Set([...groupsOf(framework.keys), ...groupsOf(own.keys)])];
    const main = configInfos(connectorClass, keys, [...values.values(), ...ownValues], groups);
    return mergeConfigInfos(connectorClass, [main, ...this.overrideInfos(given, isSource), ...converters]);
  }

  /** GET /connector-plugins/{plugin}/config: the plugin's settings, then the framework's. */
  async pluginConfig(name: string, version?: string): Promise<ConfigKeyInfo[]> {
    for (const kind of ['connector', 'converter', 'header_converter', 'transformation', 'predicate'] as const) {
      if (!this.catalog.knows(kind, name)) continue;
      const plugin = this.requested(kind, name, version);
      if (kind === 'transformation') return configKeyInfos(loadTransformation(plugin).config().keys);
      if (kind === 'predicate') return configKeyInfos(loadPredicate(plugin).config().keys);
      if (kind !== 'connector') return configKeyInfos(converterConfig(plugin)?.keys ?? {});
      return [...configKeyInfos(await this.planning.describe(plugin)), ...configKeyInfos(withVersion((plugin.type === 'source' ? SOURCE_CONFIG : SINK_CONFIG).keys, CONNECTOR_VERSION, this.catalog.versions('connector', name)))];
    }
    throw notFound(`Unknown plugin ${name}.`);
  }

  private connectorPlugin(name: string): PluginDescriptor {
    try {
      return this.catalog.find('connector', name);
    } catch (error) {
      throw badRequest(errorMessage(error));
    }
  }

  private requested(kind: PluginKind, name: string, version: string | undefined): PluginDescriptor {
    if (version !== undefined && rangeProblem(version) !== undefined) throw badRequest(`Invalid version specification: ${version}`);
    try {
      return this.catalog.find(kind, name, version);
    } catch (error) {
      throw badRequest(errorMessage(error));
    }
  }

  /** A version of the connector that is not there: only what every connector has is checked. */
  private withoutPlugin(connectorClass: string, config: ConfigPatch, problem: string): ConfigInfos {
    const withoutConverter = withVersion(CONNECTOR_CONFIG.keys, 'header.converter.plugin.version', []);
    const keys = withVersion(withoutConverter, CONNECTOR_VERSION, this.catalog.versions('connector', connectorClass));
    const values = new ConfigDef(keys).validate(config);
    for (const it of values) if (it.name === 'connector.class' || it.name === CONNECTOR_VERSION) it.errors.push(problem);
    return configInfos(connectorClass, keys, values, groupsOf(keys));
  }

  /** The framework's settings, with this worker's converters as defaults and all installed ones as suggestions. */
  private frameworkDefinition(isSource: boolean, config: StringMap): ConfigDef {
    let keys = withVersion((isSource ? SOURCE_CONFIG : SINK_CONFIG).keys, CONNECTOR_VERSION, this.catalog.versions('connector', config['connector.class'] ?? ''));
    for (const [name, kind, version] of CONVERTER_KEYS) {
      keys = withVersion(keys, version, this.catalog.versions(kind, config[name] ?? this.worker[name]));
      const key = keys[name];
      if (key) keys = { ...keys, [name]: { ...key, default: this.worker[name], recommend: () => this.catalog.classes(kind) } };
    }
    return new ConfigDef({ ...keys, ...transformationKeys(config, this.catalog) });
  }

  /** Exactly-once delivery can be required, and is refused; the connector's own word on it is told as well. */
  private async exactlyOnceProblems(plugin: PluginDescriptor, config: StringMap): Promise<string[]> {
    const problems = ['This worker does not have exactly-once source support enabled.'];
    try {
      const support = await this.planning.exactlyOnceSupport(plugin, config);
      if (support === 'unsupported') problems.push('The connector does not support exactly-once semantics with the provided configuration.');
      if (support === undefined) {
        problems.push(
          'The connector does not implement the API required for preflight validation of exactly-once source support. Please consult the documentation for the connector to determine whether it supports exactly-once semantics, and then consider reconfiguring the connector to use the value "requested" for this property (which will disable this preflight check and allow the connector to be created).',
        );
      }
    } catch (error) {
      problems.push(`An unexpected error occurred during validation: ${errorMessage(error)}`);
    }
    return problems;
  }

  private converterInfos(
    config: StringMap,
    key: string,
    kind: PluginKind,
    { complain, resolve, version }: { readonly complain: (name: string, problem: string) => void; readonly resolve: (name: string, value: string | null) => void; readonly version: string | undefined },
  ): ConfigInfos[] {
    const name = config[key];
    if (name === undefined) return [];
    const newest = this.catalog.lookup(kind, name);
    if (!newest) {
      resolve(key, null);
      complain(key, `Invalid value ${name} for configuration ${key}: Class ${name} could not be found.`);
      return [];
    }
    resolve(key, newest.class);
    const missing = this.catalog.versionProblem(kind, name, version);
    if (missing !== undefined) {
      if (rangeProblem(version ?? '') === undefined) complain(key, missing);
      complain(`${key}.plugin.version`, missing);
      return [];
    }
    let definition: AnyConfigDef | undefined;
    try {
      const plugin = this.catalog.find(kind, name, version);
      if (kind === 'header_converter') loadHeaderConverter(plugin);
      else loadConverter(plugin);
      definition = converterConfig(plugin);
    } catch (error) {
      complain(key, `Failed to load class ${newest.class}: ${errorMessage(error)}`);
    }
    if (!definition) return [];
    const prefix = `${key}.`;
    const values = definition.validate(settingsWithPrefix(config, prefix)).map((it) => ({ ...it, name: prefix + it.name }));
    return [configInfos('', Object.fromEntries(Object.entries(definition.keys).map(([it, definitionOf]) => [prefix + it, definitionOf])), values, groupsOf(definition.keys))];
  }

  private overrideInfos(config: StringMap, isSource: boolean): ConfigInfos[] {
    const policy = overridePolicyOf(this.worker['connector.client.config.override.policy']) ?? 'All';
    const kinds: ClientKind[] = isSource ? ['producer', ...(usesTopicCreation(config) ? (['admin'] as const) : [])] : ['consumer', ...(hasDeadLetterTopic(config) ? (['producer', 'admin'] as const) : [])];
    return kinds.flatMap((kind) => {
      const overrides = checkOverrides(config, kind, policy, this.worker['connector.client.config.override.allowlist']);
      if (overrides.length === 0) return [];
      const values = overrides.map(({ name, value, error }) => ({ name: OVERRIDE_PREFIXES[kind] + name, value, recommendedValues: [], errors: error === undefined ? [] : [error], visible: true }));
      return [configInfos('', {}, values, [])];
    });
  }
}

function withoutNulls(config: ConfigPatch): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter((it): it is [string, string] => it[1] !== null));
}

/** A connector brings no providers of its own. */
function withoutProviderSettings(config: ConfigPatch): ConfigPatch {
  return Object.fromEntries(Object.entries(config).filter(([name]) => name !== 'config.providers' && !name.startsWith('config.providers.')));
}

/** References in the place of what they stand for; what is wrong with a value that is not shown is not told either, but for its own problem. */
function hideSecrets(infos: ConfigInfos, raw: ConfigPatch, secrets: Secrets, problems: ReadonlyMap<string, string>): ConfigInfos {
  const configs = infos.configs.map(({ definition, value }) => {
    const reference = raw[value.name];
    const hide = (text: string): string => secrets.hide(text);
    const shown = { ...value, value: value.value === null ? null : hide(value.value), recommended_values: value.recommended_values.map(hide), errors: value.errors.map(hide) };
    if (typeof reference !== 'string' || !hasReference(reference)) return { definition, value: shown };
    const problem = problems.get(value.name);
    const errors = problem !== undefined ? [problem] : value.errors.length > 0 ? [`Invalid value ${reference} for configuration ${value.name}: what the config provider gives is not valid`] : [];
    return { definition, value: { ...shown, value: reference, errors } };
  });
  return { ...infos, error_count: configs.reduce((sum, it) => sum + it.value.errors.length, 0), configs };
}

/** A plugin's version is chosen among those that are installed; the newest holds when none is. */
function withVersion(keys: ConfigKeyMap, name: string, versions: readonly string[]): ConfigKeyMap {
  const key = keys[name];
  return key === undefined ? keys : { ...keys, [name]: { ...key, default: versions.at(-1) ?? null, recommend: () => versions, isVisible: () => versions.length > 0 } };
}
