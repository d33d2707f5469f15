import { CONFIG_TYPES, parseConfigValue, type ConfigKey } from './config-key.js';
import { TOPIC_CONFIGS, type TopicConfigKey } from './topic-configs.js';

/** Where a value comes from, as DescribeConfigs numbers it. */
export const CONFIG_SOURCES = { UNKNOWN: 0, DYNAMIC_TOPIC: 1, DYNAMIC_BROKER: 2, DYNAMIC_DEFAULT_BROKER: 3, STATIC_BROKER: 4, DEFAULT: 5 } as const;
export type ConfigSource = keyof typeof CONFIG_SOURCES;

export type ConfigValues = ReadonlyMap<string, string>;

/** The settings of a broker, strongest first. */
export interface BrokerConfigLayers {
  readonly dynamicBroker: ConfigValues;
  readonly dynamicDefault: ConfigValues;
  readonly static: ConfigValues;
}

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

/** One setting as it is in force, with everything that it could come from. */
export interface EffectiveConfig {
  readonly key: ConfigKey;
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly synonyms: readonly ConfigSynonym[];
}

/** The settings in force for a topic with these overrides on a broker with these settings; in the order of names. */
export function effectiveTopicConfigs(overrides: ConfigValues, broker: BrokerConfigLayers): EffectiveConfig[] {
  return TOPIC_CONFIGS.map((key) => effectiveTopicConfig(key, overrides, broker));
}

export function effectiveTopicConfig(key: TopicConfigKey, overrides: ConfigValues, broker: BrokerConfigLayers): EffectiveConfig {
  const synonyms = brokerSynonyms(key, broker);
  const override = overrides.get(key.name);
  if (override !== undefined) synonyms.unshift({ name: key.name, value: override, source: 'DYNAMIC_TOPIC' });
  return { key, value: override === undefined ? brokerValue(key, broker) : canonical(key, override), source: synonyms[0]?.source ?? 'DEFAULT', synonyms };
}

/** The type's number for DescribeConfigs. */
export function configTypeCode(key: ConfigKey): number {
  return CONFIG_TYPES[key.type];
}

function brokerValue(key: TopicConfigKey, broker: BrokerConfigLayers): string | null {
  for (const layer of [broker.dynamicBroker, broker.dynamicDefault, broker.static]) {
    for (const synonym of key.synonyms) {
      const value = layer.get(synonym.name);
      if (value === undefined) continue;
      // In hours or minutes; a negative number means "no limit" in any unit.
      if (synonym.toMs !== undefined) return String(Number(value) < 0 ? -1 : Number(value) * synonym.toMs);
      return canonical(key, value);
    }
  }
  return key.defaultValue;
}

/** As Kafka lists them: nothing before the first mention of the strongest synonym. */
function brokerSynonyms(key: TopicConfigKey, broker: BrokerConfigLayers): ConfigSynonym[] {
  const [first] = key.synonyms;
  if (first === undefined) return [];
  const found: ConfigSynonym[] = [];
  const layers: readonly (readonly [ConfigSource, ConfigValues])[] = [
    ['DYNAMIC_BROKER', broker.dynamicBroker],
    ['DYNAMIC_DEFAULT_BROKER', broker.dynamicDefault],
    ['STATIC_BROKER', broker.static],
  ];
  for (const [source, layer] of layers) {
    for (const { name } of key.synonyms) {
      const value = layer.get(name);
      if (value !== undefined) found.push({ name, value, source });
    }
  }
  if (key.brokerDefault !== null) found.push({ name: first.name, value: key.brokerDefault, source: 'DEFAULT' });
  const start = found.findIndex((it) => it.name === first.name);
  return start < 0 ? [] : found.slice(start);
}

function canonical(key: ConfigKey, value: string): string {
  const result = parseConfigValue(key, value);
  return 'value' in result ? result.value : value;
}
