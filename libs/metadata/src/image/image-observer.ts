import type { BrokerId, Uuid } from '@millrace/foundation';
import type { ConfigResourceType } from '../config/config-resource.js';
import type { PartitionRegistration, TopicImage } from './topic-image.js';

/** Is told what each replayed record changes, while it does. */
export interface ImageObserver {
  /** Still without partitions. */
  topicCreated(topic: TopicImage): void;
  /** As it was; its partitions are not told of one by one. */
  topicDeleted(topic: TopicImage): void;
  /** `before` is undefined for a new partition. */
  partitionChanged(topicId: Uuid, before: PartitionRegistration | undefined, after: PartitionRegistration): void;
  configChanged(type: ConfigResourceType, name: string): void;
  brokerChanged(brokerId: BrokerId): void;
  controllerChanged(controllerId: BrokerId): void;
  featureChanged(name: string): void;
}
