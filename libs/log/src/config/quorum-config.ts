import { boolean, int, list, long, optional, string, type ConfigDefinition } from './config-definition.js';

/** Kafka's properties of the metadata quorum and of a broker's life in a cluster, with Kafka's defaults. */
export const QUORUM_CONFIG_DEFINITIONS = {
  'process.roles': list('broker,controller', 'The roles of this process: broker, controller or both.', ['broker', 'controller']),
  'cluster.id': optional(string('', 'The cluster that this node belongs to: log directories that were never formatted are formatted for it. Without it, and without a formatting, a node that is its own quorum makes one up.')),
  'controller.listener.names': optional(list('', 'The listeners of controllers. A node that is its own quorum needs none.')),
  'controller.quorum.voters': list('', 'The voters of the metadata quorum, as id@host:port; the same on all nodes. Empty with controller.quorum.bootstrap.servers.'),
  'controller.quorum.bootstrap.servers': list('', 'Where the leader of a dynamic quorum is asked for, as host:port.'),
  'controller.quorum.auto.join.enable': boolean('false', 'Whether a controller that is no voter asks to become one by itself; needs a dynamic quorum.'),
  'controller.quorum.election.timeout.ms': int('1000', 'The least time without a leader before an election.'),
  'controller.quorum.fetch.timeout.ms': int('2000', 'A voter that could not fetch from the leader for so long asks for an election.'),
  'controller.quorum.election.backoff.max.ms': int('1000', 'The longest pause between two elections.'),
  'controller.quorum.request.timeout.ms': int('2000', 'How long a node of the quorum waits for the answer of another.'),
  'controller.quorum.retry.backoff.ms': int('20', 'The pause before a request to another node of the quorum is sent again.'),
  'broker.heartbeat.interval.ms': int('2000', 'How often a broker tells the controller that it lives.'),
  'broker.session.timeout.ms': int('9000', 'A broker that the controller has not heard of for so long is fenced.'),
  'initial.broker.registration.timeout.ms': int('60000', 'How long a broker that starts tries to register.'),
  'controlled.shutdown.enable': boolean('true', 'Whether a broker that stops first has its leaderships moved to others.'),
  'auto.leader.rebalance.enable': boolean('true', 'Whether leadership goes back to the preferred replicas by itself.'),
  'leader.imbalance.check.interval.seconds': long('300', 'How often that is looked at.', { min: 1 }),
  'metadata.log.segment.bytes': int('1073741824', 'The size at which a segment of the metadata log is rolled.', { min: 1024 }),
  'metadata.log.segment.ms': long('604800000', 'The age at which a segment of the metadata log is rolled.'),
  'metadata.log.max.record.bytes.between.snapshots': long('20971520', 'A snapshot of the metadata is written after so many bytes of its log.', { min: 1 }),
  'metadata.log.max.snapshot.interval.ms': long('3600000', 'And after so much time, when the log has grown; 0 is never.', { min: 0 }),
  'metadata.max.retention.bytes': long('104857600', 'The most bytes of the metadata log and its snapshots, before those that newer snapshots stand for are deleted.'),
  'metadata.max.retention.ms': long('604800000', 'How long they are kept.'),
} as const satisfies Record<string, ConfigDefinition>;
