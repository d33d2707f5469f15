import { GROUP_CONFIG_DEFAULTS, type GroupConfig } from '@millrace/coordinator';
import type { BrokerConfig } from '../config/broker-config.js';

const MINUTE_MS = 60_000;

export function groupConfigOf(config: BrokerConfig): GroupConfig {
  return {
    ...GROUP_CONFIG_DEFAULTS,
    initialRebalanceDelayMs: config.get('group.initial.rebalance.delay.ms'),
    sessionTimeoutMsMin: config.get('group.min.session.timeout.ms'),
    sessionTimeoutMsMax: config.get('group.max.session.timeout.ms'),
    groupSizeMax: config.get('group.max.size'),
    offsetMetadataLengthMax: config.get('offset.metadata.max.bytes'),
    offsetsRetentionMs: config.get('offsets.retention.minutes') * MINUTE_MS,
    offsetsRetentionCheckIntervalMs: config.get('offsets.retention.check.interval.ms'),
  };
}
