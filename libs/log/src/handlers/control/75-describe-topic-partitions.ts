/** DescribeTopicPartitions, version 0. Deviations: none known. */
import { ZERO_UUID } from '@millrace/foundation';
import type { PartitionRegistration, TopicImage } from '@millrace/metadata';
import { DescribeTopicPartitions, ErrorCode, type DescribeTopicPartitionsResponseInput } from '@millrace/protocol';
import { isInternalTopic } from '../../internal-topics.js';
import { brokerApi } from '../broker-api.js';
import { authorizedOperations } from '../authorized-operations.js';
import { offlineReplicas } from '../offline-replicas.js';
import type { BrokerServices } from '../../broker/broker-services.js';

type Topic = DescribeTopicPartitionsResponseInput.Topic;

export const describeTopicPartitionsApi = brokerApi(DescribeTopicPartitions, (services) => (request): DescribeTopicPartitionsResponseInput => {
  const { cursor } = request;
  const isAll = request.topics.length === 0;
  const asked = isAll ? [...services.image.topics.keys()] : [...new Set(request.topics.map((it) => it.name))];
  const names = asked.filter((it) => cursor === null || it >= cursor.topicName).sort(inCodeUnits);
  let left = Math.max(1, Math.min(services.config.get('max.request.partition.size.limit'), request.responsePartitionLimit));
  const topics: Topic[] = [];
  for (const name of names) {
    const topic = services.image.topic(name);
    if (topic === undefined) {
      if (!isAll) topics.push({ errorCode: services.topics.missingError(name), name, topicId: ZERO_UUID, isInternal: isInternalTopic(name), partitions: [] });
      continue;
    }
    const from = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0;
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const partitions = topic.partitions.slice(from, from + left);
    left -= partitions.length;
    topics.push(topicResponse(services, topic, partitions));
    if (from + partitions.length < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: from + partitions.length } };
  }
  return { topics, nextCursor: null };
});

/** As Java sorts strings. */
function inCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function topicResponse(services: BrokerServices, topic: TopicImage, partitions: readonly PartitionRegistration[]): Topic {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    topicAuthorizedOperations: authorizedOperations('topic'),
    partitions: partitions.map((it) => ({
      errorCode: it.leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
      partitionIndex: it.partitionId,
      leaderId: it.leader,
      leaderEpoch: it.leaderEpoch,
      replicaNodes: it.replicas,
      isrNodes: it.isr,
      eligibleLeaderReplicas: it.eligibleLeaderReplicas,
      lastKnownElr: it.lastKnownElr,
      offlineReplicas: offlineReplicas(services, topic.topicId, it),
    })),
  };
}
