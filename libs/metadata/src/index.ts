export { MetadataImage } from './image/metadata-image.js';
export { MetadataDelta, type LocalChanges, type LocalPartition } from './image/metadata-delta.js';
export type { ImageObserver } from './image/image-observer.js';
export { directoryOf, NO_LEADER, type PartitionRegistration, type TopicImage } from './image/topic-image.js';
export { LOST_DIRECTORY, UNASSIGNED_DIRECTORY } from './image/directory-id.js';
export { hasOnlineDirectory, isActive, type BrokerEndpoint, type BrokerRegistration, type FeatureRange } from './image/broker-registration.js';
export type { ControllerRegistration } from './image/controller-registration.js';
export { imageRecords } from './image/image-records.js';
export { bootstrapRecords, featureRecords, leaderChangeMessage } from './bootstrap.js';
export { hasCordonedDirectories, METADATA_VERSION, METADATA_VERSION_FEATURE, metadataVersionOf, NEW_CLUSTER_LEVELS, SUPPORTED_FEATURES } from './features.js';
export { isInternalTopic, topicNameProblem } from './topic-name.js';
export { CONFIG_RESOURCE_TYPES, configResourceTypeOf, type ConfigResourceType } from './config/config-resource.js';
export { CONFIG_TYPES, parseConfigValue, splitList, type ConfigKey, type ConfigRule, type ConfigType } from './config/config-key.js';
export { BROKER_TOPIC_DEFAULTS, CORDONED_LOG_DIRS, DYNAMIC_BROKER_CONFIGS, REPLICATION_THROTTLES, TOPIC_CONFIGS, topicConfigKey, type BrokerSynonym, type TopicConfigKey } from './config/topic-configs.js';
export {
  CONFIG_SOURCES,
  configTypeCode,
  effectiveTopicConfig,
  effectiveTopicConfigs,
  type BrokerConfigLayers,
  type ConfigSource,
  type ConfigSynonym,
  type ConfigValues,
  type EffectiveConfig,
} from './config/effective-config.js';
export { topicConfigProblem } from './config/validate-configs.js';
export { PRODUCER_ID_BLOCK, type ControllerConfig } from './controller/controller-config.js';
export { batchesOf, type ControllerMoment, type ControllerResult } from './controller/controller-result.js';
export { Controller } from './controller/controller.js';
