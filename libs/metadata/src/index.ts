export { MetadataImage } from './image/metadata-image.js';
export { MetadataDelta, type LocalChanges, type LocalPartition } from './image/metadata-delta.js';
export { NO_LEADER, UNASSIGNED_DIRECTORY, type PartitionRegistration, type TopicImage } from './image/topic-image.js';
export { isActive, type BrokerEndpoint, type BrokerRegistration, type FeatureRange } from './image/broker-registration.js';
export { imageRecords } from './image/image-records.js';
export { bootstrapRecords, leaderChangeMessage } from './bootstrap.js';
export { METADATA_VERSION, METADATA_VERSION_FEATURE, SUPPORTED_FEATURES } from './features.js';
export { isInternalTopic, topicNameProblem } from './topic-name.js';
export { CONFIG_RESOURCE_TYPES, configResourceTypeOf, type ConfigResourceType } from './config/config-resource.js';
export { CONFIG_TYPES, parseConfigValue, splitList, type ConfigKey, type ConfigRule, type ConfigType } from './config/config-key.js';
export { BROKER_TOPIC_DEFAULTS, TOPIC_CONFIGS, topicConfigKey, type BrokerSynonym, type TopicConfigKey } from './config/topic-configs.js';
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
export type { ControllerMoment, ControllerResult } from './controller/controller-result.js';
export { Controller } from './controller/controller.js';
