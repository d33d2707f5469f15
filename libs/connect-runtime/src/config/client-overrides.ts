import type { OverridePolicy } from './worker-config.js';
import type { StringMap } from '../rest/shapes.js';
import { settingsWithPrefix } from './worker-config.js';

export const OVERRIDE_PREFIXES = { producer: 'producer.override.', consumer: 'consumer.override.', admin: 'admin.override.' } as const;
export type ClientKind = keyof typeof OVERRIDE_PREFIXES;

const PRINCIPAL_SETTINGS: ReadonlySet<string> = new Set(['sasl.jaas.config', 'sasl.mechanism', 'security.protocol']);

/** The Kafka client settings that a connector overrides, and why the worker's policy refuses one, by setting. */
export function checkOverrides(config: StringMap, kind: ClientKind, policy: OverridePolicy, allowlist: readonly string[]): { name: string; value: string; error: string | undefined }[] {
  return Object.entries(settingsWithPrefix(config, OVERRIDE_PREFIXES[kind])).map(([name, value]) => ({ name, value, error: isAllowed(name, policy, allowlist) ? undefined : refusal(name, policy) }));
}

function isAllowed(name: string, policy: OverridePolicy, allowlist: readonly string[]): boolean {
  if (policy === 'All') return true;
  if (policy === 'Principal') return PRINCIPAL_SETTINGS.has(name);
  return policy === 'Allowlist' && allowlist.includes(name);
}

function refusal(name: string, policy: OverridePolicy): string {
  return `The '${policy}' policy does not allow '${name}' to be overridden in the connector configuration.`;
}
