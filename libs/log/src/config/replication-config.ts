import { int, long, optional, string, type ConfigDefinition } from './config-definition.js';

/** Kafka's properties of replication between brokers, with Kafka's defaults. */
export const REPLICATION_CONFIG_DEFINITIONS = {
  'replica.lag.time.max.ms': long('30000', 'A follower that is behind for longer leaves the in-sync replicas.'),
  'replica.socket.timeout.ms': int('30000', 'How long a follower waits for an answer of its leader, besides replica.fetch.wait.max.ms.'),
  'replica.fetch.max.bytes': int('1048576', 'The bytes that a follower asks for of each partition; a larger batch comes whole.', { min: 0 }),
  'replica.fetch.wait.max.ms': int('500', 'How long a leader may wait for data before it answers a follower.'),
  'replica.fetch.min.bytes': int('1', 'What a leader waits for, at most replica.fetch.wait.max.ms, before it answers a follower.'),
  'replica.fetch.response.max.bytes': int('10485760', 'The bytes that a follower asks for in all.', { min: 0 }),
  'replica.fetch.backoff.ms': int('1000', 'The longest pause of a follower before it asks again after an error.', { min: 0 }),
  'num.replica.fetchers': int('1', 'Connections by which a broker fetches from each leader.'),
  'replica.high.watermark.checkpoint.interval.ms': long('5000', 'How often the high watermarks are written to disk.'),
  'replica.selector.class': optional(string('', 'Where consumers are sent to read: org.apache.kafka.common.replica.RackAwareReplicaSelector, or to the leader when not set.')),
  'replication.quota.window.num': int('11', 'The samples that the rate of throttled replication is measured by.', { min: 1 }),
  'replication.quota.window.size.seconds': int('1', 'The time of one such sample.', { min: 1 }),
  'num.replica.alter.log.dirs.threads': optional(int('1', 'How many replicas are copied at a time between log directories; as many as there are directories when not set.', { min: 1 })),
  'alter.log.dirs.replication.quota.window.num': int('11', 'The samples that the rate of throttled moves between log directories is measured by.', { min: 1 }),
  'alter.log.dirs.replication.quota.window.size.seconds': int('1', 'The time of one such sample.', { min: 1 }),
} as const satisfies Record<string, ConfigDefinition>;

/** The value of `replica.selector.class` that lets a consumer read from a replica near it. */
export const RACK_AWARE_SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector';
