import { parseConfigValue } from './config-key.js';
import { topicConfigKey } from './topic-configs.js';

/** What is wrong with these settings of a topic, in Kafka's words with the setting named; null when they are fine. */
export function topicConfigProblem(configs: ReadonlyMap<string, string>): string | null {
  const parsed = new Map<string, string>();
  for (const name of configs.keys()) if (topicConfigKey(name) === undefined) return `Unknown topic config name: ${name}`;
  for (const [name, value] of configs) {
    const key = topicConfigKey(name);
    if (key === undefined) continue;
    const result = parseConfigValue(key, value);
    if ('problem' in result) return result.problem;
    parsed.set(name, result.value);
  }
  return conflictProblem(parsed);
}

function conflictProblem(configs: ReadonlyMap<string, string>): string | null {
  const value = (name: string): string => configs.get(name) ?? topicConfigKey(name)?.defaultValue ?? '';
  const [minLag, maxLag] = [value('min.compaction.lag.ms'), value('max.compaction.lag.ms')];
  if (BigInt(minLag) > BigInt(maxLag)) return `conflict topic config setting min.compaction.lag.ms (${minLag}) > max.compaction.lag.ms (${maxLag})`;
  if (value('remote.storage.enable') === 'true') return 'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.';
  return null;
}
