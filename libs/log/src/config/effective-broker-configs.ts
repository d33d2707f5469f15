import { DYNAMIC_BROKER_CONFIGS, REPLICATION_THROTTLES, type BrokerConfigLayers, type ConfigKey, type ConfigSource, type ConfigSynonym, type ConfigType, type EffectiveConfig } from '@millrace/metadata';
import { BROKER_CONFIG_DEFINITIONS, type BrokerConfigKey } from './broker-config.js';

/** What can be changed while the broker runs: the defaults of topics, and throttles. */
const DYNAMIC = new Set(DYNAMIC_BROKER_CONFIGS.map((it) => it.name));

export function isReadOnlyBrokerConfig(name: string): boolean {
  return !DYNAMIC.has(name);
}

/** Every property that the broker acts on, with where its value comes from; in the order of names. Throttles are there once they are given. */
export function effectiveBrokerConfigs(layers: BrokerConfigLayers): EffectiveConfig[] {
  const names = Object.keys(BROKER_CONFIG_DEFINITIONS).sort() as BrokerConfigKey[];
  const defined = names.map((name) => {
    const { type, defaultText, documentation } = BROKER_CONFIG_DEFINITIONS[name];
    return effective({ name, type: type.toUpperCase() as ConfigType, defaultValue: defaultText, documentation }, layers);
  });
  const given = REPLICATION_THROTTLES.map((key) => effective({ ...key, defaultValue: null }, layers)).filter((it) => it.value !== null);
  return [...defined, ...given].sort((a, b) => (a.key.name < b.key.name ? -1 : 1));
}

function effective(key: ConfigKey, layers: BrokerConfigLayers): EffectiveConfig {
  const synonyms: ConfigSynonym[] = [];
  const add = (source: ConfigSource, value: string | null | undefined): void => {
    if (value !== undefined && value !== null) synonyms.push({ name: key.name, value, source });
  };
  add('DYNAMIC_BROKER', layers.dynamicBroker.get(key.name));
  add('DYNAMIC_DEFAULT_BROKER', layers.dynamicDefault.get(key.name));
  add('STATIC_BROKER', layers.static.get(key.name));
  add('DEFAULT', key.defaultValue);
  const [first] = synonyms;
  return { key, value: first?.value ?? null, source: first?.source ?? 'DEFAULT', synonyms };
}
