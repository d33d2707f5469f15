import { OperationalError } from '@millrace/foundation';

/** What a topic's configuration says to its partitions' logs. Kafka's names and defaults; `LOG_CONFIG_KEYS` has the names. */
export interface LogConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  /** Size at which an offset or time index is full and the segment rolls. */
  readonly segmentIndexBytes: number;
  /** A batch gets an index entry once more than this many bytes stand behind the last one. */
  readonly indexIntervalBytes: number;
  /** -1 is for ever. */
  readonly retentionMs: number;
  /** -1 is without a limit. */
  readonly retentionBytes: number;
  readonly cleanupPolicies: readonly ('delete' | 'compact')[];
  /** The dirty share of the log above which it is compacted, 0 to 1. */
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  /** A dirty record older than this is compacted whatever the ratio; the active segment is rolled for it. */
  readonly maxCompactionLagMs: number;
  /** How long tombstones and transaction markers stay once a compaction has come to them. */
  readonly deleteRetentionMs: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  readonly fileDeleteDelayMs: number;
}

const NEVER = Number.MAX_SAFE_INTEGER;

export const DEFAULT_LOG_CONFIG: LogConfig = {
  segmentBytes: 1_073_741_824,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10_485_760,
  indexIntervalBytes: 4096,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  cleanupPolicies: ['delete'],
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: NEVER,
  deleteRetentionMs: 86_400_000,
  flushMessages: NEVER,
  flushMs: NEVER,
  fileDeleteDelayMs: 60_000,
};

/** Kafka's topic property for each field. */
export const LOG_CONFIG_KEYS: Readonly<Record<keyof LogConfig, string>> = {
  segmentBytes: 'segment.bytes',
  segmentMs: 'segment.ms',
  segmentJitterMs: 'segment.jitter.ms',
  segmentIndexBytes: 'segment.index.bytes',
  indexIntervalBytes: 'index.interval.bytes',
  retentionMs: 'retention.ms',
  retentionBytes: 'retention.bytes',
  cleanupPolicies: 'cleanup.policy',
  minCleanableDirtyRatio: 'min.cleanable.dirty.ratio',
  minCompactionLagMs: 'min.compaction.lag.ms',
  maxCompactionLagMs: 'max.compaction.lag.ms',
  deleteRetentionMs: 'delete.retention.ms',
  flushMessages: 'flush.messages',
  flushMs: 'flush.ms',
  fileDeleteDelayMs: 'file.delete.delay.ms',
};

/** Reads the properties that concern a log; those absent keep the value of `base`. Throws OperationalError `INVALID_CONFIG` that names the property. */
export function logConfigFromProperties(properties: Readonly<Record<string, string | null | undefined>>, base: LogConfig = DEFAULT_LOG_CONFIG): LogConfig {
  const values: Record<string, unknown> = { ...base };
  for (const [field, key] of Object.entries(LOG_CONFIG_KEYS)) {
    const text = properties[key];
    if (text === undefined || text === null) continue;
    values[field] = field === 'cleanupPolicies' ? cleanupPolicies(key, text) : field === 'minCleanableDirtyRatio' ? ratio(key, text) : wholeNumber(key, text);
  }
  return values as unknown as LogConfig;
}

function wholeNumber(key: string, text: string): number {
  const trimmed = text.trim();
  if (!/^[+-]?\d{1,19}$/.test(trimmed)) throw new OperationalError('INVALID_CONFIG', `${key}: "${text}" is not a whole number`);
  return Math.min(Number(trimmed), NEVER);
}

function ratio(key: string, text: string): number {
  const value = Number(text.trim());
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new OperationalError('INVALID_CONFIG', `${key}: "${text}" is not between 0 and 1`);
  return value;
}

function cleanupPolicies(key: string, text: string): LogConfig['cleanupPolicies'] {
  const policies = text.split(',').map((it) => it.trim()).filter((it) => it !== '');
  for (const policy of policies) if (policy !== 'delete' && policy !== 'compact') throw new OperationalError('INVALID_CONFIG', `${key}: "${policy}" is neither delete nor compact`);
  return policies as LogConfig['cleanupPolicies'];
}

export function isCompacted(config: LogConfig): boolean {
  return config.cleanupPolicies.includes('compact');
}

/** How long a segment is filled at the most. */
export function segmentMsMax(config: LogConfig): number {
  return isCompacted(config) ? Math.min(config.segmentMs, config.maxCompactionLagMs) : config.segmentMs;
}
