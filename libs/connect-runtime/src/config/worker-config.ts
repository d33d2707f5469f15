import { ConfigDef, type ConfigOf } from '@millrace/connect-api';
import { SIGNATURE_ALGORITHMS } from '../herder/session-keys.js';
import { rangeProblem } from '../plugins/maven-version.js';
import type { StringMap } from '../rest/shapes.js';

const HIGH = 'high';
const MEDIUM = 'medium';
const LOW = 'low';

/** The worker's settings: Kafka Connect's names and defaults, and Millrace's own `task.*`. Unknown ones are ignored, as Connect does. */
export const WORKER_CONFIG = new ConfigDef({
  'bootstrap.servers': { kind: 'list', default: 'localhost:9092', importance: HIGH, doc: 'Addresses of brokers, host:port, from which the cluster is found.' },
  'group.id': { kind: 'string', importance: HIGH, doc: 'Names the cluster of workers that this one belongs to.' },
  'config.storage.topic': { kind: 'string', importance: HIGH, doc: 'Topic of connector and task configs.' },
  'config.storage.replication.factor': { kind: 'short', default: '3', check: replicationFactor, importance: LOW, doc: 'Replication factor with which that topic is created; -1 is the broker’s default.' },
  'offset.storage.topic': { kind: 'string', importance: HIGH, doc: 'Topic of source offsets.' },
  'offset.storage.partitions': { kind: 'int', default: '25', check: partitionCount, importance: LOW, doc: 'Partitions with which that topic is created; -1 is the broker’s default.' },
  'offset.storage.replication.factor': { kind: 'short', default: '3', check: replicationFactor, importance: LOW, doc: 'Replication factor with which that topic is created; -1 is the broker’s default.' },
  'status.storage.topic': { kind: 'string', importance: HIGH, doc: 'Topic of connector and task statuses.' },
  'status.storage.partitions': { kind: 'int', default: '5', check: partitionCount, importance: LOW, doc: 'Partitions with which that topic is created; -1 is the broker’s default.' },
  'status.storage.replication.factor': { kind: 'short', default: '3', check: replicationFactor, importance: LOW, doc: 'Replication factor with which that topic is created; -1 is the broker’s default.' },
  'key.converter': { kind: 'class', importance: HIGH, doc: 'Converter of record keys, for connectors that do not name one.' },
  'key.converter.plugin.version': { kind: 'string', default: null, check: rangeProblem, importance: LOW, doc: 'Version of that converter, or a range in Maven’s notation; the newest when not given.' },
  'value.converter': { kind: 'class', importance: HIGH, doc: 'Converter of record values, for connectors that do not name one.' },
  'value.converter.plugin.version': { kind: 'string', default: null, check: rangeProblem, importance: LOW, doc: 'Version of that converter, or a range in Maven’s notation; the newest when not given.' },
  'header.converter': { kind: 'class', default: 'org.apache.kafka.connect.storage.SimpleHeaderConverter', importance: LOW, doc: 'Converter of record headers, for connectors that do not name one.' },
  'header.converter.plugin.version': { kind: 'string', default: null, check: rangeProblem, importance: LOW, doc: 'Version of that converter, or a range in Maven’s notation; the newest when not given.' },
  'session.timeout.ms': { kind: 'int', default: '10000', min: 0, importance: HIGH, doc: 'After this time without a heartbeat the group goes on without this worker.' },
  'heartbeat.interval.ms': { kind: 'int', default: '3000', min: 0, importance: HIGH, doc: 'Time between heartbeats to the group’s coordinator.' },
  'rebalance.timeout.ms': { kind: 'int', default: '60000', min: 0, importance: HIGH, doc: 'Longest time for the workers to join a rebalance.' },
  'scheduled.rebalance.max.delay.ms': { kind: 'int', default: '300000', min: 0, importance: LOW, doc: 'How long the work of a worker that left waits for it to come back before others take it.' },
  'connect.protocol': { kind: 'string', default: 'sessioned', oneOf: ['eager', 'compatible', 'sessioned'], ignoreCase: true, importance: LOW, doc: 'How workers share out the work.' },
  'worker.sync.timeout.ms': { kind: 'int', default: '3000', importance: MEDIUM, doc: 'How long a worker that is behind on the config topic reads before it leaves the group.' },
  'worker.unsync.backoff.ms': { kind: 'int', default: '300000', min: 0, importance: MEDIUM, doc: 'How long such a worker stays out of the group.' },
  'offset.flush.interval.ms': { kind: 'long', default: '60000', min: 1, importance: LOW, doc: 'Time between commits of offsets by tasks.' },
  'offset.flush.timeout.ms': { kind: 'long', default: '5000', min: 1, importance: LOW, doc: 'Longest time for such a commit.' },
  'task.shutdown.graceful.timeout.ms': { kind: 'long', default: '5000', min: 0, importance: LOW, doc: 'Time for tasks to stop in order; in total, not per task.' },
  'inter.worker.key.ttl.ms': { kind: 'int', default: '3600000', min: 0, importance: LOW, doc: 'Life of the key that signs requests between workers; 0 keeps one key for ever.' },
  'inter.worker.key.generation.algorithm': { kind: 'string', default: 'HmacSHA256', oneOf: SIGNATURE_ALGORITHMS, importance: LOW, doc: 'Algorithm for which the key is made.' },
  'inter.worker.signature.algorithm': { kind: 'string', default: 'HmacSHA256', oneOf: SIGNATURE_ALGORITHMS, importance: LOW, doc: 'Algorithm that signs requests between workers.' },
  'inter.worker.verification.algorithms': { kind: 'list', default: 'HmacSHA256', check: knownAlgorithms, importance: LOW, doc: 'Algorithms that are accepted in such requests.' },
  'exactly.once.source.support': { kind: 'string', default: 'disabled', onlyDefault: true, importance: HIGH, doc: 'Exactly-once delivery of source connectors.' },
  'plugin.path': { kind: 'list', default: '', importance: LOW, doc: 'Folders that are plugins, or hold plugins, as npm packages with a manifest.' },
  'topic.creation.enable': { kind: 'boolean', default: 'true', importance: LOW, doc: 'Create the topics of source connectors that have topic.creation settings.' },
  'topic.tracking.enable': { kind: 'boolean', default: 'true', importance: LOW, doc: 'Keep track of the topics that each connector uses.' },
  'topic.tracking.allow.reset': { kind: 'boolean', default: 'true', importance: LOW, doc: 'Allow that the set of a connector’s topics is emptied.' },
  'connector.client.config.override.policy': { kind: 'string', default: 'All', check: overridePolicy, importance: MEDIUM, doc: 'Which Kafka client settings connectors may override: All, None, Principal or Allowlist.' },
  'connector.client.config.override.allowlist': { kind: 'list', default: '', importance: MEDIUM, doc: 'The settings that the policy Allowlist allows.' },
  'config.providers': { kind: 'list', default: '', importance: LOW, doc: 'Names of providers of values for ${provider:key} references.' },
  'client.id': { kind: 'string', default: '', importance: LOW, doc: 'Named to brokers with each request, for logs and quotas.' },
  'request.timeout.ms': { kind: 'int', default: '40000', min: 0, importance: MEDIUM, doc: 'Longest wait for a broker’s answer.' },
  'default.api.timeout.ms': { kind: 'int', default: '60000', min: 0, importance: MEDIUM, doc: 'How long the creation of an internal topic is tried while there are fewer brokers than its replication factor.' },
  'retry.backoff.ms': { kind: 'long', default: '100', min: 0, importance: LOW, doc: 'Wait before a failed request is sent again.' },
  'metadata.max.age.ms': { kind: 'long', default: '300000', min: 0, importance: LOW, doc: 'After this time the cluster’s metadata is asked for again.' },
  'task.isolation': { kind: 'string', default: 'thread', oneOf: ['thread', 'process', 'inline'], importance: LOW, doc: 'Where a task runs: in a thread or a process of its own, or in the worker’s thread.' },
  'task.heap.max.mb': { kind: 'int', default: '1024', min: 16, importance: LOW, doc: 'Heap limit of a task’s thread or process.' },
  'task.threads.max': { kind: 'int', default: '-1', min: -1, importance: LOW, doc: 'With this many threads of tasks, further tasks share a thread with others of the same plugin; -1: four for each core, at least 16.' },
  'task.stall.timeout.ms': { kind: 'long', default: '60000', min: 100, importance: LOW, doc: 'A task that neither reads nor writes for this long counts as stalled in its health, metrics and logs.' },
  'task.restart.max.attempts': { kind: 'int', default: '7', min: 0, importance: LOW, doc: 'How often a failed task or connector is started again within task.restart.window.ms; 0 leaves that to an operator.' },
  'task.restart.backoff.ms': { kind: 'long', default: '10000', min: 1, importance: LOW, doc: 'Wait before the first such restart; it doubles with each one of the window.' },
  'task.restart.backoff.max.ms': { kind: 'long', default: '300000', min: 1, importance: LOW, doc: 'Longest wait before such a restart.' },
  'task.restart.window.ms': { kind: 'long', default: '3600000', min: 1, importance: LOW, doc: 'Restarts that are longer ago do not count any more.' },
  'producer.bytes.in.flight.max': { kind: 'long', default: '33554432', min: 1048576, importance: LOW, doc: 'A source task is not polled while more bytes than this wait for their acknowledgement.' },
});

export type WorkerConfig = ConfigOf<typeof WORKER_CONFIG>;

/** The settings under a prefix, without it: `producer.`, `config.storage.` … */
export function settingsWithPrefix(config: StringMap, prefix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(config).flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [])));
}

function knownAlgorithms(names: readonly string[]): string | undefined {
  return names.length > 0 && names.every((it) => SIGNATURE_ALGORITHMS.includes(it)) ? undefined : `Expected some of ${SIGNATURE_ALGORITHMS.join(', ')}`;
}

export function replicationFactor(value: number): string | undefined {
  return value >= 1 || value === -1 ? undefined : 'Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker’s default';
}

function partitionCount(value: number): string | undefined {
  return value >= 1 || value === -1 ? undefined : 'Number of partitions must be positive, or -1 to use the broker’s default';
}

function overridePolicy(value: string): string | undefined {
  return overridePolicyOf(value) === undefined ? 'There is no such override policy: All, None, Principal and Allowlist are known' : undefined;
}

export type OverridePolicy = 'All' | 'None' | 'Principal' | 'Allowlist';

/** A policy by its short or full Java name. */
export function overridePolicyOf(name: string): OverridePolicy | undefined {
  const simple = name.slice(name.lastIndexOf('.') + 1).replace('ConnectorClientConfigOverridePolicy', '');
  return (['All', 'None', 'Principal', 'Allowlist'] as const).find((it) => it === simple);
}
