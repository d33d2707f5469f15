import { PASSWORD_MASK, type ConfigKey, type ConfigValue } from '@millrace/connect-api';
import type { ConfigInfos, ConfigKeyInfo, ConfigValueInfo } from '../rest/shapes.js';

export type ConfigKeyMap = Readonly<Record<string, ConfigKey<never>>>;

/** Definitions as GET /connector-plugins/{plugin}/config shows them: numbered within their group in order of definition. */
export function configKeyInfos(keys: ConfigKeyMap, prefix = ''): ConfigKeyInfo[] {
  const counts = new Map<string | undefined, number>();
  return Object.entries(keys).map(([name, key]) => {
    const order = key.group === undefined ? -1 : (counts.get(key.group) ?? 0) + 1;
    counts.set(key.group, order);
    const hasDefault = key.default !== undefined;
    return {
      name: prefix + name,
      type: key.kind.toUpperCase(),
      required: !hasDefault,
      default_value: hasDefault && key.default !== null ? (key.kind === 'password' ? PASSWORD_MASK : key.default) : null,
      importance: key.importance.toUpperCase(),
      documentation: key.doc,
      group: key.group ?? null,
      order_in_group: order,
      width: (key.width ?? 'none').toUpperCase(),
      display_name: key.displayName ?? name,
      dependents: [...(key.dependents ?? [])],
      order,
    };
  });
}

export function groupsOf(keys: ConfigKeyMap): string[] {
  return [...new Set(Object.values(keys).flatMap((it) => (it.group === undefined ? [] : [it.group])))];
}

/** Connect's answer to a validation: each definition with its value, and values without a definition first. */
export function configInfos(name: string, keys: ConfigKeyMap, values: readonly ConfigValue[], groups: readonly string[]): ConfigInfos {
  const byName = new Map<string, ConfigValue>();
  for (const value of values) {
    const known = byName.get(value.name);
    if (known) known.errors = [...new Set([...known.errors, ...value.errors])];
    else byName.set(value.name, { ...value, errors: [...value.errors] });
  }
  const infos = configKeyInfos(keys);
  const known = new Set(infos.map((it) => it.name));
  const configs = [
    ...[...byName.values()].filter((it) => !known.has(it.name)).map((it) => ({ definition: null, value: valueInfo(it) })),
    ...infos.map((definition) => ({ definition, value: valueInfo(byName.get(definition.name) ?? absent(definition)) })),
  ];
  return { name, error_count: configs.reduce((sum, it) => sum + it.value.errors.length, 0), groups: [...groups], configs };
}

/** Several validations of one config as one. */
export function mergeConfigInfos(name: string, parts: readonly ConfigInfos[]): ConfigInfos {
  return {
    name,
    error_count: parts.reduce((sum, it) => sum + it.error_count, 0),
    groups: [...new Set(parts.flatMap((it) => it.groups))],
    configs: parts.flatMap((it) => it.configs),
  };
}

/** The text of the refusal of an invalid config. */
export function invalidConfigMessage(infos: ConfigInfos): string {
  const errors = infos.configs.flatMap((it) => it.value.errors);
  return [
    `Connector configuration is invalid and contains the following ${infos.error_count} error(s):`,
    ...errors,
    'You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`',
  ].join('\n');
}

function absent(definition: ConfigKeyInfo): ConfigValue {
  return { name: definition.name, value: definition.default_value, recommendedValues: [], errors: [], visible: true };
}

function valueInfo(value: ConfigValue): ConfigValueInfo {
  return { name: value.name, value: value.value, recommended_values: [...value.recommendedValues], errors: [...value.errors], visible: value.visible };
}
