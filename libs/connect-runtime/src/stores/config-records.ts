import type { ConnectorTaskId, StringMap } from '../rest/shapes.js';
import { taskName } from '../group/work-set.js';

/** What an operator wants of a connector. */
export type TargetState = 'STARTED' | 'PAUSED' | 'STOPPED';

export interface RestartRequest {
  readonly connector: string;
  readonly includeTasks: boolean;
  readonly onlyFailed: boolean;
}

export interface SessionKey {
  /** Base64. */
  readonly key: string;
  readonly algorithm: string;
  readonly creationTimestampMs: number;
}

/** A record of the config topic. `value` null deletes. */
export type ConfigRecord =
  | { readonly kind: 'connector'; readonly connector: string; readonly value: StringMap | null }
  | { readonly kind: 'task'; readonly id: ConnectorTaskId; readonly value: StringMap | null }
  | { readonly kind: 'commit'; readonly connector: string; readonly value: number | null }
  | { readonly kind: 'target-state'; readonly connector: string; readonly value: TargetState | null }
  | { readonly kind: 'restart'; readonly connector: string; readonly value: RestartRequest | null }
  | { readonly kind: 'tasks-fencing'; readonly connector: string; readonly value: number | null }
  /** A logger's level on all workers (KIP-976). */
  | { readonly kind: 'logger'; readonly logger: string; readonly value: string | null }
  | { readonly kind: 'session-key'; readonly value: SessionKey | null };

const RESTART_PREFIX = 'restart-connector-';
const LOGGER_PREFIX = 'logger-cluster-';
const SESSION_KEY = 'session-key';

export function encodeConfigKey(record: ConfigRecord): string {
  switch (record.kind) {
    case 'task':
      return `task-${taskName(record.id)}`;
    case 'restart':
      return RESTART_PREFIX + record.connector;
    case 'logger':
      return LOGGER_PREFIX + record.logger;
    case 'session-key':
      return SESSION_KEY;
    default:
      return `${record.kind}-${record.connector}`;
  }
}

/** JSON text in Java's order of members; null for a deletion. */
export function encodeConfigValue(record: ConfigRecord): string | null {
  if (record.value === null) return null;
  switch (record.kind) {
    case 'connector':
    case 'task':
      return JSON.stringify({ properties: record.value });
    case 'commit':
      return JSON.stringify({ tasks: record.value });
    case 'target-state':
      return JSON.stringify({ state: record.value === 'STOPPED' ? 'PAUSED' : record.value, 'state.v2': record.value });
    case 'restart':
      return JSON.stringify({ 'include-tasks': record.value.includeTasks, 'only-failed': record.value.onlyFailed });
    case 'tasks-fencing':
      return JSON.stringify({ 'task-count': record.value });
    case 'logger':
      return JSON.stringify({ level: record.value });
    case 'session-key':
      return JSON.stringify({ key: record.value.key, algorithm: record.value.algorithm, 'creation-timestamp': record.value.creationTimestampMs });
  }
}

/** Undefined for a record of a kind that is not known, or that does not have the form it should. */
export function decodeConfigRecord(key: string, value: string | null): ConfigRecord | undefined {
  let json: Record<string, unknown> | null;
  try {
    json = value === null ? null : (JSON.parse(value) as Record<string, unknown> | null);
  } catch {
    return undefined;
  }
  if (json !== null && (typeof json !== 'object' || Array.isArray(json))) return undefined;
  if (key === SESSION_KEY) return withValue(json, (it) => sessionKey(it), (parsed) => ({ kind: 'session-key', value: parsed }));
  if (key.startsWith(LOGGER_PREFIX)) return withValue(json, (it) => (typeof it.level === 'string' ? it.level : undefined), (value) => ({ kind: 'logger', logger: key.slice(LOGGER_PREFIX.length), value }));
  if (key.startsWith(RESTART_PREFIX)) {
    const connector = key.slice(RESTART_PREFIX.length);
    return withValue(json, (it) => ({ connector, includeTasks: it['include-tasks'] === true, onlyFailed: it['only-failed'] === true }), (parsed) => ({ kind: 'restart', connector, value: parsed }));
  }
  for (const kind of ['connector', 'commit', 'target-state', 'tasks-fencing'] as const) {
    if (!key.startsWith(`${kind}-`)) continue;
    const connector = key.slice(kind.length + 1);
    if (kind === 'connector') return withValue(json, (it) => properties(it), (parsed) => ({ kind, connector, value: parsed }));
    if (kind === 'target-state') return withValue(json, (it) => targetState(it), (parsed) => ({ kind, connector, value: parsed }));
    return withValue(json, (it) => count(it[kind === 'commit' ? 'tasks' : 'task-count']), (parsed) => ({ kind, connector, value: parsed }));
  }
  const task = /^task-(.*)-(\d+)$/s.exec(key);
  if (!task) return undefined;
  const id = { connector: task[1] ?? '', task: Number(task[2]) };
  return withValue(json, (it) => properties(it), (parsed) => ({ kind: 'task', id, value: parsed }));
}

function withValue<T>(json: Record<string, unknown> | null, parse: (json: Record<string, unknown>) => T | undefined, make: (value: T | null) => ConfigRecord): ConfigRecord | undefined {
  if (json === null) return make(null);
  const parsed = parse(json);
  return parsed === undefined ? undefined : make(parsed);
}

function properties(json: Record<string, unknown>): StringMap | undefined {
  const map = json.properties;
  if (typeof map !== 'object' || map === null) return undefined;
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, value === null ? null : String(value)])) as StringMap;
}

function targetState(json: Record<string, unknown>): TargetState | undefined {
  const state = json['state.v2'] ?? json.state;
  return state === 'STARTED' || state === 'PAUSED' || state === 'STOPPED' ? state : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function sessionKey(json: Record<string, unknown>): SessionKey | undefined {
  const { key, algorithm, 'creation-timestamp': creation } = json;
  return typeof key === 'string' && typeof algorithm === 'string' && typeof creation === 'number' ? { key, algorithm, creationTimestampMs: creation } : undefined;
}
