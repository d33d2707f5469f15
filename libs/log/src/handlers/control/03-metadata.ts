/**
 * Metadata, versions 0-13. Deviations: a topic that is created by asking for it is in the answer at once (Kafka answers UNKNOWN_TOPIC_OR_PARTITION first and lets the client ask again);
 * an answer that would name no broker at all, as while the only one starts, waits for one.
 */
import { ZERO_UUID } from '@millrace/foundation';
import type { PartitionRegistration, TopicImage } from '@millrace/metadata';
import type { RequestContext } from '@millrace/network';
import { ErrorCode, Metadata, type MetadataRequest, type MetadataResponseInput } from '@millrace/protocol';
import { isInternalTopic } from '../../internal-topics.js';
import { brokerApi } from '../broker-api.js';
import { authorizedOperations } from '../authorized-operations.js';
import { namedController } from '../named-controller.js';
import { offlineReplicas } from '../offline-replicas.js';
import type { BrokerServices, VisibleBroker } from '../../broker/broker-services.js';

const EMPTY_IS_NONE_SINCE_VERSION = 1;
const NULL_NAME_SINCE_VERSION = 12;
const SOME_BROKER_WITHIN_MS = 5000;

export const metadataApi = brokerApi(Metadata, (services) => async (request, context): Promise<MetadataResponseInput> => {
  const reachable = (): VisibleBroker[] => services.brokersFor(context.connection.listenerName);
  if (reachable().length === 0) await services.followed(() => reachable().length > 0, SOME_BROKER_WITHIN_MS);
  const isAll = request.topics === null || (context.apiVersion < EMPTY_IS_NONE_SINCE_VERSION && request.topics.length === 0);
  const topics = isAll ? [...services.image.topics.values()].map((it) => topicResponse(services, it)) : await askedTopics(services, request, context);
  const brokers = reachable();
  return {
    brokers: brokers.map((it) => ({ nodeId: it.brokerId, host: it.host, port: it.port, rack: it.rack })),
    clusterId: services.clusterId,
    controllerId: namedController(brokers, services.brokerId),
    topics: request.includeTopicAuthorizedOperations ? topics.map((it) => (it.errorCode === 0 ? { ...it, topicAuthorizedOperations: authorizedOperations('topic') } : it)) : topics,
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: authorizedOperations('cluster') } : {}),
  };
});

async function askedTopics(services: BrokerServices, request: MetadataRequest, context: RequestContext): Promise<MetadataResponseInput.Topic[]> {
  const asked = request.topics ?? [];
  const mayCreate = services.config.get('auto.create.topics.enable') && request.allowAutoTopicCreation;
  const missing = mayCreate ? [...new Set(asked.flatMap((it) => (it.name !== null && services.image.topic(it.name) === undefined ? [it.name] : [])))] : [];
  const errorByName = missing.length > 0 ? await services.topics.createMissing(missing) : new Map<string, number>();
  const seen = new Set<string>();
  const responses: MetadataResponseInput.Topic[] = [];
  for (const { name, topicId } of asked) {
    if (name === null && context.apiVersion < NULL_NAME_SINCE_VERSION) {
      responses.push(failure('', topicId, ErrorCode.INVALID_REQUEST));
      continue;
    }
    const key = name ?? topicId;
    if (seen.has(key)) continue;
    seen.add(key);
    const topic = name === null ? services.image.topicById(topicId) : services.image.topic(name);
    if (topic !== undefined) responses.push(topicResponse(services, topic));
    else if (name === null) responses.push(failure(null, topicId, ErrorCode.UNKNOWN_TOPIC_ID));
    else responses.push(failure(name, ZERO_UUID, errorByName.get(name) ?? services.topics.missingError(name)));
  }
  return responses;
}

function failure(name: string | null, topicId: string, errorCode: number): MetadataResponseInput.Topic {
  return { errorCode, name, topicId, isInternal: name !== null && isInternalTopic(name), partitions: [] };
}

function topicResponse(services: BrokerServices, topic: TopicImage): MetadataResponseInput.Topic {
  return { errorCode: ErrorCode.NONE, name: topic.name, topicId: topic.topicId, isInternal: isInternalTopic(topic.name), partitions: topic.partitions.map((it) => partitionResponse(services, topic, it)) };
}

function partitionResponse(services: BrokerServices, topic: TopicImage, it: PartitionRegistration): MetadataResponseInput.Partition {
  return {
    errorCode: it.leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
    partitionIndex: it.partitionId,
    leaderId: it.leader,
    leaderEpoch: it.leaderEpoch,
    replicaNodes: it.replicas,
    isrNodes: it.isr,
    offlineReplicas: offlineReplicas(services, topic.topicId, it),
  };
}
