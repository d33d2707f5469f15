import { BROKER_TOPIC_DEFAULTS, type BrokerConfigLayers, type ConfigSource, type ConfigSynonym, type ConfigType, type EffectiveConfig } from '@millrace/metadata';
import { BROKER_CONFIG_DEFINITIONS, type BrokerConfigKey } from './broker-config.js';

/** What can be changed while the broker runs: the defaults of topics. */
const DYNAMIC = new Set(BROKER_TOPIC_DEFAULTS.map((it) => it.name));

export function isReadOnlyBrokerConfig(name: string): boolean {
  return !DYNAMIC.has(name);
}

/** Every property that the broker acts on, with where its value comes from; in the order of names. */
export function effectiveBrokerConfigs(layers: BrokerConfigLayers): EffectiveConfig[] {
  const names = Object.keys(BROKER_CONFIG_DEFINITIONS).sort() as BrokerConfigKey[];
  return names.map((name) => {
    const { type, defaultText, documentation } = BROKER_CONFIG_DEFINITIONS[name];
    const synonyms: ConfigSynonym[] = [];
    const add = (source: ConfigSource, value: string | null | undefined): void => {
      if (value !== undefined && value !== null) synonyms.push({ name, value, source });
    };
    add('DYNAMIC_BROKER', layers.dynamicBroker.get(name));
    add('DYNAMIC_DEFAULT_BROKER', layers.dynamicDefault.get(name));
    add('STATIC_BROKER', layers.static.get(name));
    add('DEFAULT', defaultText);
    const first = synonyms[0];
    return { key: { name, type: type.toUpperCase() as ConfigType, defaultValue: defaultText, documentation }, value: first?.value ?? null, source: first?.source ?? 'DEFAULT', synonyms };
  });
}
