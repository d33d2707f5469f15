import type { StringMap } from '../rest/shapes.js';
import { settingsWithPrefix } from './worker-config.js';

/** How topics of one group are made (KIP-158). */
export interface TopicCreationGroup {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
  matches(topic: string): boolean;
}

const PREFIX = 'topic.creation.';
const RESERVED = new Set(['include', 'exclude', 'partitions', 'replication.factor']);

export interface TopicCreationProblem {
  readonly key: string;
  readonly problem: string;
}

/** True when the connector has topic.creation settings: without them topics are left to the broker's auto-creation. */
export function usesTopicCreation(config: StringMap): boolean {
  return Object.keys(config).some((key) => key.startsWith(PREFIX));
}

/** The groups in order of precedence, the default group last; or what is wrong with the settings. */
export function topicCreationGroups(config: StringMap): { groups: TopicCreationGroup[]; problems: TopicCreationProblem[] } {
  const problems: TopicCreationProblem[] = [];
  if (!usesTopicCreation(config)) return { groups: [], problems };
  const names = (config[`${PREFIX}groups`] ?? '')
    .split(',')
    .map((it) => it.trim())
    .filter((it) => it !== '' && it !== 'default');
  if (new Set(names).size !== names.length) problems.push({ key: `${PREFIX}groups`, problem: 'Duplicate alias provided.' });
  const number = (key: string, least: number, fallback?: number): number => {
    const text = config[key];
    if (text === undefined) {
      if (fallback === undefined) problems.push({ key, problem: `Missing required configuration "${key}" which has no default value.` });
      return fallback ?? -1;
    }
    const value = Number(text.trim());
    const isFine = Number.isInteger(value) && (value >= least || value === -1);
    if (!isFine) problems.push({ key, problem: `Invalid value ${text} for configuration ${key}: ${Number.isInteger(value) ? `Must be positive, or -1 to use the broker's default` : 'Not a number of type INT'}` });
    return value;
  };
  const pattern = (key: string): RegExp | undefined => {
    const text = config[key]?.trim();
    if (!text) return undefined;
    try {
      return new RegExp(`^(?:${text.split(',').map((it) => it.trim()).join('|')})$`);
    } catch {
      problems.push({ key, problem: `Invalid value ${text} for configuration ${key}: Invalid regex` });
      return undefined;
    }
  };
  const defaultReplication = number(`${PREFIX}default.replication.factor`, 1);
  const defaultPartitions = number(`${PREFIX}default.partitions`, 1);
  const groups = [...names, 'default'].map((name): TopicCreationGroup => {
    const prefix = `${PREFIX}${name}.`;
    const include = name === 'default' ? /^.*$/ : pattern(`${prefix}include`);
    if (!include && config[`${prefix}include`] === undefined) problems.push({ key: `${prefix}include`, problem: `Missing required configuration "${prefix}include" which has no default value.` });
    const exclude = pattern(`${prefix}exclude`);
    return {
      name,
      partitions: name === 'default' ? defaultPartitions : number(`${prefix}partitions`, 1, defaultPartitions),
      replicationFactor: name === 'default' ? defaultReplication : number(`${prefix}replication.factor`, 1, defaultReplication),
      configs: Object.fromEntries(Object.entries(settingsWithPrefix(config, prefix)).filter(([key]) => !RESERVED.has(key))),
      matches: (topic) => include !== undefined && include.test(topic) && !(exclude?.test(topic) ?? false),
    };
  });
  return { groups, problems };
}
