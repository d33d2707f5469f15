import type { BrokerId } from '@millrace/foundation';
import type { ConfigKey } from '../config/config-key.js';
import type { ConfigValues } from '../config/effective-config.js';

export interface ControllerConfig {
  readonly clusterId: string;
  /** This node, and whether it is a broker too: then its own registration need not wait for the session of the process before it, which is certainly gone. */
  readonly nodeId?: BrokerId;
  /** num.partitions */
  readonly defaultPartitions: number;
  /** default.replication.factor */
  readonly defaultReplicationFactor: number;
  /** broker.session.timeout.ms */
  readonly brokerSessionTimeoutMs: number;
  /** leader.imbalance.check.interval.seconds; null: auto.leader.rebalance.enable is false. Without it 300 seconds. */
  readonly leaderImbalanceCheckIntervalMs?: number | null;
  /** unclean.leader.election.interval.ms; without it 300 seconds. */
  readonly uncleanLeaderElectionIntervalMs?: number;
  /** The nodes of the metadata quorum: a feature changes only when each of them has registered that it can. Absent: this one alone. */
  readonly quorumNodeIds?: readonly BrokerId[];
  /** Which features a new cluster begins with; without it those of `NEW_CLUSTER_LEVELS`. */
  readonly bootstrapLevels?: ReadonlyMap<string, number>;
  /** The settings that brokers were started with; topics without an override follow them. */
  readonly staticBrokerConfigs: ConfigValues;
  /** Settings of brokers that may be changed while they run, with their rules. */
  readonly dynamicBrokerConfigs: readonly ConfigKey[];
}

/** How many producer ids one block holds. */
export const PRODUCER_ID_BLOCK = 1000;
/** The most partitions that one request may make. */
export const PARTITIONS_PER_REQUEST_MAX = 10_000;
/** The most records of one batch of the metadata log, and of what a user asks for at once. */
export const RECORDS_PER_BATCH_MAX = 10_000;
/** The most leaders that one check moves; then comes the next. */
export const ELECTIONS_PER_CHECK_MAX = 1000;
export const LEADER_CHECK_INTERVAL_MS = 300_000;
