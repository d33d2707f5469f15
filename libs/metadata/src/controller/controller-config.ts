import type { ConfigKey } from '../config/config-key.js';
import type { ConfigValues } from '../config/effective-config.js';

export interface ControllerConfig {
  readonly clusterId: string;
  /** num.partitions */
  readonly defaultPartitions: number;
  /** default.replication.factor */
  readonly defaultReplicationFactor: number;
  /** broker.session.timeout.ms */
  readonly brokerSessionTimeoutMs: number;
  /** The settings that brokers were started with; topics without an override follow them. */
  readonly staticBrokerConfigs: ConfigValues;
  /** Settings of brokers that may be changed while they run, with their rules. */
  readonly dynamicBrokerConfigs: readonly ConfigKey[];
}

/** How many producer ids one block holds. */
export const PRODUCER_ID_BLOCK = 1000;
/** The most partitions that one request may make. */
export const PARTITIONS_PER_REQUEST_MAX = 10_000;
