import type { TaskSignal } from '@millrace/connect-api';
import type { ErrorSettings } from '../errors/error-settings.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { ConnectorTaskId, StringMap } from '../rest/shapes.js';
import type { TaskMetrics } from '../worker-metrics.js';

/** A converter and its settings, prefix removed. */
export interface ConverterSpec {
  readonly plugin: PluginDescriptor;
  readonly config: StringMap;
}

/** A step of the chain `transforms`; settings without their prefix. */
export interface TransformationSpec {
  readonly alias: string;
  readonly plugin: PluginDescriptor;
  readonly config: StringMap;
  readonly predicate: { readonly alias: string; readonly plugin: PluginDescriptor; readonly config: StringMap; readonly isNegated: boolean } | null;
}

/** All that a task needs to run in another thread or process: plain data. */
export interface TaskSpec {
  readonly id: ConnectorTaskId;
  readonly type: 'source' | 'sink';
  readonly plugin: PluginDescriptor;
  readonly config: StringMap;
  readonly keyConverter: ConverterSpec;
  readonly valueConverter: ConverterSpec;
  readonly headerConverter: ConverterSpec;
  readonly transformations: readonly TransformationSpec[];
  readonly errors: ErrorSettings;
  /** What config providers gave, each with its reference: kept out of dead letters. */
  readonly secrets: readonly (readonly [string, string])[];
  /** Kafka client settings by Kafka's names: the producer's of a source task, the consumer's of a sink task. */
  readonly clientConfig: StringMap;
  /** Consumer settings for topics that a source task follows besides its work. */
  readonly followerConfig: StringMap;
  /** Of the admin client that makes topics; null where topics are not made by the worker. */
  readonly adminConfig: StringMap | null;
  /** The connector's topic.creation settings. */
  readonly topicCreation: StringMap;
  /** Topics that a sink reads; null for a source. */
  readonly subscription: { readonly topics: readonly string[] } | { readonly pattern: string } | null;
  readonly startPaused: boolean;
  readonly offsetFlushIntervalMs: number;
  readonly offsetFlushTimeoutMs: number;
  readonly inFlightBytesMax: number;
  readonly stallTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly tracksTopics: boolean;
}

/** An error as it crosses a thread boundary. */
export interface ErrorReport {
  readonly message: string;
  readonly code: string | undefined;
  /** Stack and causes, for the status record. */
  readonly trace: string;
}

export type HostMessage =
  | { readonly type: 'start'; readonly spec: TaskSpec; readonly leaseUntilMs: number }
  /** The worker has its place in the group until then, by the machine's clock; -Infinity: it has lost it. */
  | { readonly type: 'lease'; readonly untilMs: number }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'stop' }
  /** Answered by `signalled` with the same id. */
  | { readonly type: 'signal'; readonly id: number; readonly signal: TaskSignal }
  | { readonly type: 'reply'; readonly id: number; readonly value?: unknown; readonly error?: ErrorReport };

/** A stored offset: key and value of the offset topic's record. */
export interface OffsetRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export type TaskRequest =
  /** Values of offset keys, in their order; null where none is stored. */
  | { readonly method: 'readOffsets'; readonly keys: readonly Uint8Array[] }
  /** Resolves when the records are durable. */
  | { readonly method: 'writeOffsets'; readonly records: readonly OffsetRecord[] };

export type TaskCounters = Omit<TaskMetrics, 'connector' | 'task' | 'type' | 'state'>;

export type TaskMessage =
  | { readonly type: 'state'; readonly state: 'RUNNING' | 'PAUSED' }
  | { readonly type: 'failed'; readonly error: ErrorReport }
  | { readonly type: 'stopped' }
  | { readonly type: 'request'; readonly id: number; readonly request: TaskRequest }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }
  | { readonly type: 'metrics'; readonly counters: TaskCounters }
  | { readonly type: 'topic'; readonly topic: string }
  /** The task has taken a signal, or refused it with the error. */
  | { readonly type: 'signalled'; readonly id: number; readonly error?: ErrorReport };

/** Two ends that exchange messages in order. */
export interface Channel<Out, In> {
  send(message: Out): void;
  onMessage: (message: In) => void;
}

export function errorReport(error: unknown): ErrorReport {
  const code = typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { message: error instanceof Error ? error.message : String(error), code, trace: traceOf(error) };
}

/** An error from a report: its stack is the one of the other side. */
export function errorFromReport(report: ErrorReport): Error {
  const error = new Error(report.message);
  error.stack = report.trace;
  return report.code === undefined ? error : Object.assign(error, { code: report.code });
}

function traceOf(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined || depth > 10 ? own : `${own}\nCaused by: ${traceOf(error.cause, depth + 1)}`;
}
