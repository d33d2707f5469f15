import type { CompressionType } from '@millrace/foundation';
import { effectiveTopicConfigs, type BrokerConfigLayers, type ConfigValues } from '@millrace/metadata';
import type { TimestampType } from '@millrace/records';
import { logConfigFromProperties, type LogConfig } from '@millrace/storage';
import { parseThrottledReplicas, type ThrottledReplicas } from '../replicas/replication-throttle.js';

/** A topic's configuration as the data plane uses it: resolved and parsed once per change. */
export interface TopicSettings {
  readonly log: LogConfig;
  readonly maxMessageBytes: number;
  readonly timestampType: TimestampType;
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly isCompacted: boolean;
  readonly minInsyncReplicas: number;
  readonly throttledOnLeader: ThrottledReplicas;
  readonly throttledOnFollower: ThrottledReplicas;
  /** Undefined: batches stay as the producer compressed them. */
  readonly recompressTo: { readonly compression: CompressionType; readonly level: number | undefined } | undefined;
}

/** The settings in force for a topic with these overrides on this broker. All values were checked when they were set. */
export function topicSettings(overrides: ConfigValues, layers: BrokerConfigLayers): TopicSettings {
  const values: Record<string, string> = {};
  for (const { key, value } of effectiveTopicConfigs(overrides, layers)) if (value !== null) values[key.name] = value;
  const log = logConfigFromProperties(values);
  return {
    log,
    maxMessageBytes: whole(values['max.message.bytes']),
    timestampType: values['message.timestamp.type'] === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: whole(values['message.timestamp.before.max.ms']),
    timestampAfterMaxMs: whole(values['message.timestamp.after.max.ms']),
    isCompacted: log.cleanupPolicies.includes('compact'),
    minInsyncReplicas: whole(values['min.insync.replicas']),
    throttledOnLeader: parseThrottledReplicas(values['leader.replication.throttled.replicas']),
    throttledOnFollower: parseThrottledReplicas(values['follower.replication.throttled.replicas']),
    recompressTo: recompression(values),
  };
}

/** Kafka's "for ever" is beyond 2^53. */
function whole(text: string | undefined): number {
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

function recompression(values: Readonly<Record<string, string>>): TopicSettings['recompressTo'] {
  const type = values['compression.type'];
  switch (type) {
    case 'uncompressed':
      return { compression: 'none', level: undefined };
    case 'snappy':
      return { compression: type, level: undefined };
    case 'gzip':
    case 'lz4':
    case 'zstd':
      return { compression: type, level: whole(values[`compression.${type}.level`]) };
    default:
      return undefined;
  }
}
