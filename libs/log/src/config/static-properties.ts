import { BROKER_CONFIG_DEFINITIONS, type BrokerConfig, type BrokerConfigKey } from './broker-config.js';

/** The properties that were set, by name: the layer between what was changed at run time and the defaults. */
export function staticProperties(config: BrokerConfig): ReadonlyMap<string, string> {
  const keys = Object.keys(BROKER_CONFIG_DEFINITIONS) as BrokerConfigKey[];
  return new Map(keys.flatMap((key) => (config.isSet(key) ? [[key, config.text(key) ?? ''] as const] : [])));
}
