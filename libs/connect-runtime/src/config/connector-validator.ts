import { type AnyConfigDef, ConfigDef, ConnectError, type ConfigValue } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';
import { BUILT_IN_CONVERTERS } from '../converters/built-in-converters.js';
import { loadConnectorPlugin } from '../plugins/load-plugin.js';
import type { PluginCatalog, PluginKind } from '../plugins/plugin-catalog.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import { badRequest, notFound } from '../rest/rest-error.js';
import type { ConfigInfos, ConfigKeyInfo, ConfigPatch, StringMap } from '../rest/shapes.js';
import { checkOverrides, OVERRIDE_PREFIXES, type ClientKind } from './client-overrides.js';
import { configInfos, configKeyInfos, groupsOf, mergeConfigInfos, type ConfigKeyMap } from './config-infos.js';
import { providerReference, SINK_CONFIG, SOURCE_CONFIG } from './connector-config.js';
import { topicCreationGroups, usesTopicCreation } from './topic-creation.js';
import { overridePolicyOf, settingsWithPrefix, type WorkerConfig } from './worker-config.js';

const NULL_VALUE = 'Null value can not be supplied as the configuration value.';
const CONVERTER_KEYS = [
  ['header.converter', 'header_converter'],
  ['key.converter', 'converter'],
  ['value.converter', 'converter'],
] as const satisfies readonly (readonly [string, PluginKind])[];

/** Validates connector configs: framework settings, the plugin's own, converters, client overrides, topic creation. */
export class ConnectorValidator {
  constructor(
    private readonly catalog: PluginCatalog,
    private readonly worker: WorkerConfig,
    private readonly groupId: string,
  ) {}

  /** PUT /connector-plugins/{plugin}/config/validate. */
  async validate(config: ConfigPatch): Promise<ConfigInfos> {
    const connectorClass = config['connector.class'];
    if (!connectorClass) throw badRequest(`Connector config ${JSON.stringify(Object.keys(config))} contains no connector type`);
    const plugin = this.connectorPlugin(connectorClass);
    const isSource = plugin.type === 'source';
    const given = withoutNulls(config);
    const framework = this.frameworkDefinition(isSource);
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
    const own = this.ownDefinition(plugin);
    for (const [name, value] of Object.entries(config)) {
      if (value === null) {
        // A plugin's own setting may be null: as if it was not given.
        if (name in own.keys && !(name in framework.keys)) continue;
        complain(name, NULL_VALUE);
        resolve(name, null);
      }
      if (value !== null && providerReference(value) !== undefined) complain(name, `The value of ${name} refers to a config provider (${providerReference(value)}), and this worker has none`);
    }
    if (isSource) for (const { key, problem } of topicCreationGroups(given).problems) complain(key, problem);
    else this.checkSink(given, complain);
    const converters = CONVERTER_KEYS.flatMap(([key, kind]) => this.converterInfos(given, key, kind, { complain, resolve }));
    const ownValues = await this.ownValues(plugin, given);
    const keys = { ...framework.keys, ...own.keys };
    const groups = [...new Set([...groupsOf(framework.keys), ...groupsOf(own.keys)])];
    const main = configInfos(connectorClass, keys, [...values.values(), ...ownValues], groups);
    return mergeConfigInfos(connectorClass, [main, ...this.overrideInfos(given, isSource), ...converters]);
  }

  /** GET /connector-plugins/{plugin}/config: the plugin's settings, then the framework's. */
  pluginConfig(name: string): ConfigKeyInfo[] {
    for (const kind of ['connector', 'converter', 'header_converter'] as const) {
      const plugin = this.catalog.lookup(kind, name);
      if (!plugin) continue;
      if (kind !== 'connector') return configKeyInfos(BUILT_IN_CONVERTERS.find((it) => it.class === plugin.class)?.config?.keys ?? {});
      return [...configKeyInfos(this.ownDefinition(plugin).keys), ...configKeyInfos((plugin.type === 'source' ? SOURCE_CONFIG : SINK_CONFIG).keys)];
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

  /** The framework's settings, with this worker's converters as defaults and all installed ones as suggestions. */
  private frameworkDefinition(isSource: boolean): ConfigDef {
    const keys: ConfigKeyMap = (isSource ? SOURCE_CONFIG : SINK_CONFIG).keys;
    const converters = CONVERTER_KEYS.flatMap(([name, kind]) => {
      const key = keys[name];
      return key ? [[name, { ...key, default: this.worker[name], recommend: () => this.catalog.classes(kind) }] as const] : [];
    });
    return new ConfigDef({ ...keys, ...Object.fromEntries(converters) });
  }

  private ownDefinition(plugin: PluginDescriptor): AnyConfigDef {
    return loadConnectorPlugin(plugin).connector().config();
  }

  /** The plugin's values: its own settings only, whatever a plugin that validates everything says of the framework's. */
  private async ownValues(plugin: PluginDescriptor, given: StringMap): Promise<ConfigValue[]> {
    const connector = loadConnectorPlugin(plugin).connector();
    return await connector.validate(given);
  }

  private checkSink(config: StringMap, complain: (name: string, problem: string) => void): void {
    const hasTopics = (config.topics ?? '').trim() !== '';
    const hasRegex = (config['topics.regex'] ?? '').trim() !== '';
    if (hasTopics === hasRegex) {
      const problem = hasTopics ? 'topics and topics.regex are mutually exclusive options, but both are set.' : 'Must configure one of topics or topics.regex';
      complain('topics', problem);
      complain('topics.regex', problem);
    }
    const group = config['consumer.override.group.id'];
    if (group !== undefined && group === this.groupId) complain('consumer.override.group.id', `Consumer group ${group} conflicts with Connect worker group ${this.groupId}`);
    if (config.name !== undefined && `connect-${config.name}` === this.groupId && group === undefined) complain('name', `Consumer group for sink connector named ${config.name} conflicts with Connect worker group ${this.groupId}`);
  }

  private converterInfos(
    config: StringMap,
    key: string,
    kind: PluginKind,
    { complain, resolve }: { readonly complain: (name: string, problem: string) => void; readonly resolve: (name: string, value: string | null) => void },
  ): ConfigInfos[] {
    const name = config[key];
    if (name === undefined) return [];
    let plugin: PluginDescriptor;
    try {
      plugin = this.catalog.find(kind, name);
      resolve(key, plugin.class);
    } catch (error) {
      resolve(key, null);
      complain(key, `Invalid value ${name} for configuration ${key}: ${error instanceof ConnectError ? `Class ${name} could not be found.` : errorMessage(error)}`);
      return [];
    }
    const definition = BUILT_IN_CONVERTERS.find((it) => it.class === plugin.class)?.config;
    if (!definition) return [];
    const prefix = `${key}.`;
    const values = definition.validate(settingsWithPrefix(config, prefix)).map((it) => ({ ...it, name: prefix + it.name }));
    return [configInfos('', Object.fromEntries(Object.entries(definition.keys).map(([it, definitionOf]) => [prefix + it, definitionOf])), values, groupsOf(definition.keys))];
  }

  private overrideInfos(config: StringMap, isSource: boolean): ConfigInfos[] {
    const policy = overridePolicyOf(this.worker['connector.client.config.override.policy']) ?? 'All';
    const kinds: ClientKind[] = isSource ? ['producer', ...(usesTopicCreation(config) ? (['admin'] as const) : [])] : ['consumer'];
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
