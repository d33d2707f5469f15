export { Broker, type BrokerOptions } from './broker.js';
export { formatNode, type FormatOptions, type FormattedFolder } from './node/format-node.js';
export type { BrokerMetrics, PartitionMetrics, ReplicaMetrics } from './broker-metrics.js';
export type { ApiTraffic } from './request-dispatcher.js';
export type { LogCleanerMetrics } from './cleaner/log-cleaner.js';
export { BROKER_CONFIG_DEFINITIONS, BrokerConfig, type BrokerConfigKey } from './config/broker-config.js';
export type { ConfigDefinition, ConfigType } from './config/config-definition.js';
export type { NamedEndpoint } from './config/listeners.js';
