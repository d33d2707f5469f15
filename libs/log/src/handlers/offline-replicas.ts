import type { Uuid } from '@millrace/foundation';
import { directoryOf, hasOnlineDirectory, type PartitionRegistration } from '@millrace/metadata';
import type { BrokerServices } from '../broker/broker-services.js';

/** Replicas on brokers that are fenced or unknown, or in directories that do not work; this broker's own also when it could not open them. */
export function offlineReplicas({ brokerId, image, replicas }: BrokerServices, topicId: Uuid, partition: PartitionRegistration): number[] {
  return partition.replicas.filter((id) => {
    if (id === brokerId && replicas.isOffline(topicId, partition.partitionId)) return true;
    const broker = image.brokers.get(id);
    return broker === undefined || broker.isFenced || !hasOnlineDirectory(broker, directoryOf(partition, id));
  });
}
