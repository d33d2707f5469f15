import type { Uuid } from '@millrace/foundation';
import type { MetadataRecord } from '@millrace/protocol';
import { CONFIG_RESOURCE_TYPES } from '../config/config-resource.js';
import { hasCordonedDirectories, METADATA_VERSION_FEATURE, registerBrokerVersion } from '../features.js';
import type { MetadataImage } from './metadata-image.js';
import type { PartitionRegistration } from './topic-image.js';

/** Records that rebuild the image from nothing: the content of a snapshot, between its header and footer. Features come first, for they say how to read the rest. */
export function imageRecords(image: MetadataImage): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  const features = [...image.featureLevels].sort(([a], [b]) => (a === METADATA_VERSION_FEATURE ? -1 : b === METADATA_VERSION_FEATURE ? 1 : a < b ? -1 : 1));
  for (const [name, featureLevel] of features) records.push({ type: 'FeatureLevelRecord', version: 0, record: { name, featureLevel } });
  const hasCordoned = hasCordonedDirectories(image.featureLevels);
  for (const broker of image.brokers.values()) {
    records.push({
      type: 'RegisterBrokerRecord',
      version: registerBrokerVersion(image.featureLevels),
      record: {
        brokerId: broker.brokerId,
        isMigratingZkBroker: false,
        incarnationId: broker.incarnationId,
        brokerEpoch: broker.epoch,
        endPoints: [...broker.endpoints],
        features: [...broker.features],
        rack: broker.rack,
        fenced: broker.isFenced,
        inControlledShutdown: broker.isShuttingDown,
        logDirs: [...broker.logDirs],
        cordonedLogDirs: hasCordoned && broker.cordonedLogDirs !== null ? [...broker.cordonedLogDirs] : null,
      },
    });
  }
  for (const it of image.controllers.values()) {
    records.push({
      type: 'RegisterControllerRecord',
      version: 0,
      record: { controllerId: it.controllerId, incarnationId: it.incarnationId, zkMigrationReady: false, endPoints: [...it.endpoints], features: [...it.features] },
    });
  }
  for (const topic of image.topics.values()) {
    records.push({ type: 'TopicRecord', version: 0, record: { name: topic.name, topicId: topic.topicId } });
    for (const it of topic.partitions) records.push(partitionRecord(topic.topicId, it));
  }
  for (const { type, name: resourceName, values } of image.configResources) {
    for (const [name, value] of values) records.push({ type: 'ConfigRecord', version: 0, record: { resourceType: CONFIG_RESOURCE_TYPES[type], resourceName, name, value } });
  }
  if (image.nextProducerId > 0) records.push({ type: 'ProducerIdsRecord', version: 0, record: { brokerId: -1, brokerEpoch: -1, nextProducerId: image.nextProducerId } });
  return records;
}

/** The record that says everything about a partition. */
export function partitionRecord(topicId: Uuid, partition: PartitionRegistration): MetadataRecord {
  return {
    type: 'PartitionRecord',
    version: 2,
    record: {
      partitionId: partition.partitionId,
      topicId,
      replicas: [...partition.replicas],
      isr: [...partition.isr],
      removingReplicas: [...partition.removingReplicas],
      addingReplicas: [...partition.addingReplicas],
      leader: partition.leader,
      leaderRecoveryState: partition.isRecovering ? 1 : 0,
      leaderEpoch: partition.leaderEpoch,
      partitionEpoch: partition.partitionEpoch,
      directories: [...partition.directories],
      eligibleLeaderReplicas: partition.eligibleLeaderReplicas.length === 0 ? null : [...partition.eligibleLeaderReplicas],
      lastKnownElr: partition.lastKnownElr.length === 0 ? null : [...partition.lastKnownElr],
    },
  };
}
