import type { ConnectorTaskId } from '../rest/shapes.js';

export type StatusState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING' | 'DESTROYED';

export interface Status {
  readonly state: StatusState;
  readonly trace: string | null;
  readonly workerId: string;
  readonly generation: number;
  readonly version: string | null;
}

export interface TopicUse {
  readonly topic: string;
  readonly connector: string;
  readonly task: number;
  readonly discoveredMs: number;
}

/** A record of the status topic. `value` null removes. */
export type StatusRecord =
  | { readonly kind: 'connector'; readonly connector: string; readonly value: Status | null }
  | { readonly kind: 'task'; readonly id: ConnectorTaskId; readonly value: Status | null }
  | { readonly kind: 'topic'; readonly connector: string; readonly topic: string; readonly value: TopicUse | null };

const STATES: ReadonlySet<string> = new Set(['UNASSIGNED', 'RUNNING', 'PAUSED', 'STOPPED', 'FAILED', 'RESTARTING', 'DESTROYED']);

export function encodeStatusKey(record: StatusRecord): string {
  switch (record.kind) {
    case 'connector':
      return `status-connector-${record.connector}`;
    case 'task':
      return `status-task-${record.id.connector}-${record.id.task}`;
    case 'topic':
      return `status-topic-${record.topic}:connector-${record.connector}`;
  }
}

export function encodeStatusValue(record: StatusRecord): string | null {
  if (record.value === null) return null;
  if (record.kind === 'topic') {
    const { topic, connector, task, discoveredMs } = record.value;
    return JSON.stringify({ topic: { name: topic, connector, task, discoverTimestamp: discoveredMs } });
  }
  const { state, trace, workerId, generation, version } = record.value;
  return JSON.stringify({ state, trace, worker_id: workerId, generation, version });
}

/** Undefined for what is not a status record. */
export function decodeStatusRecord(key: string, value: string | null): StatusRecord | undefined {
  let json: Record<string, unknown> | null;
  try {
    json = value === null ? null : (JSON.parse(value) as Record<string, unknown> | null);
  } catch {
    return undefined;
  }
  if (key.startsWith('status-connector-')) {
    const status = json === null ? null : statusOf(json);
    return status === undefined ? undefined : { kind: 'connector', connector: key.slice('status-connector-'.length), value: status };
  }
  const task = /^status-task-(.*)-(\d+)$/s.exec(key);
  if (task) {
    const status = json === null ? null : statusOf(json);
    return status === undefined ? undefined : { kind: 'task', id: { connector: task[1] ?? '', task: Number(task[2]) }, value: status };
  }
  const topic = /^status-topic-(.*?):connector-(.*)$/s.exec(key);
  if (!topic) return undefined;
  const use = json === null ? null : topicUseOf(json);
  return use === undefined ? undefined : { kind: 'topic', topic: topic[1] ?? '', connector: topic[2] ?? '', value: use };
}

function statusOf(json: Record<string, unknown>): Status | undefined {
  const { state, trace, worker_id: workerId, generation, version } = json;
  if (typeof state !== 'string' || !STATES.has(state) || typeof workerId !== 'string' || typeof generation !== 'number') return undefined;
  return { state: state as StatusState, trace: typeof trace === 'string' ? trace : null, workerId, generation, version: typeof version === 'string' ? version : null };
}

function topicUseOf(json: Record<string, unknown>): TopicUse | undefined {
  const it = json.topic as Partial<Record<string, unknown>> | null | undefined;
  if (typeof it?.name !== 'string' || typeof it.connector !== 'string' || typeof it.task !== 'number' || typeof it.discoverTimestamp !== 'number') return undefined;
  return { topic: it.name, connector: it.connector, task: it.task, discoveredMs: it.discoverTimestamp };
}
