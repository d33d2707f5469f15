/** OffsetFetch, versions 1-10. Deviations: none for classic groups; member epochs are of the consumer protocol, which is not built yet. */
import { ZERO_UUID } from '@millrace/foundation';
import type { OffsetFetchQuestion } from '@millrace/coordinator';
import { ErrorCode, OffsetFetch, type OffsetFetchRequest, type OffsetFetchResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

const GROUPS_SINCE_VERSION = 8;
const ALL_TOPICS_SINCE_VERSION = 2;
const TOPIC_ID_SINCE_VERSION = 10;

export const offsetFetchApi = brokerApi(OffsetFetch, (services) => (request, context): OffsetFetchResponseInput => {
  if (context.apiVersion >= GROUPS_SINCE_VERSION) return { groups: request.groups.map((group) => fetchGroup(services, request, group, context.apiVersion)) };
  const topics = request.topics === null ? null : request.topics.map((it) => ({ ...it, topicId: ZERO_UUID }));
  const group = fetchOne(services, { groupId: request.groupId, topics, requireStable: request.requireStable });
  const isErrorPerPartition = context.apiVersion < ALL_TOPICS_SINCE_VERSION && group.errorCode !== 0;
  return {
    errorCode: group.errorCode ?? 0,
    topics: isErrorPerPartition ? failedTopics(topics ?? [], group.errorCode ?? 0) : group.topics.map((it) => ({ name: it.name ?? '', partitions: it.partitions })),
  };
});

function fetchGroup(services: BrokerServices, request: OffsetFetchRequest, group: OffsetFetchRequest.Group, apiVersion: number): OffsetFetchResponseInput.Group {
  const { groupId } = group;
  if (apiVersion < TOPIC_ID_SINCE_VERSION || group.topics === null) {
    const answer = fetchOne(services, { groupId, topics: group.topics, requireStable: request.requireStable });
    // A topic without an id cannot be named in an answer by ids.
    return apiVersion < TOPIC_ID_SINCE_VERSION ? answer : { ...answer, topics: answer.topics.filter((it) => it.topicId !== ZERO_UUID) };
  }
  const named = group.topics.map((it) => ({ ...it, name: services.image.topicById(it.topicId)?.name ?? '' }));
  const answer = fetchOne(services, { groupId, topics: named.filter((it) => it.name !== ''), requireStable: request.requireStable });
  if (answer.errorCode !== 0) return answer;
  const unknown = named.filter((it) => it.name === '').map((it) => ({ topicId: it.topicId, name: '', partitions: it.partitionIndexes.map((partition) => failedPartition(partition, ErrorCode.UNKNOWN_TOPIC_ID)) }));
  return { ...answer, topics: [...answer.topics, ...unknown] };
}

function fetchOne(services: BrokerServices, question: OffsetFetchQuestion): OffsetFetchResponseInput.Group {
  const driver = services.groups.driverFor(question.groupId);
  if (typeof driver === 'string') return { groupId: question.groupId, topics: [], errorCode: ErrorCode[driver] };
  if (question.groupId === '') return { groupId: '', topics: [], errorCode: ErrorCode.INVALID_GROUP_ID };
  return driver.query((coordinator) => coordinator.offsetFetch(question, (name) => services.image.topic(name)?.topicId ?? ZERO_UUID));
}

function failedTopics(topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[], errorCode: number): OffsetFetchResponseInput.Topic[] {
  return topics.map((it) => ({ name: it.name, partitions: it.partitionIndexes.map((partition) => failedPartition(partition, errorCode)) }));
}

function failedPartition(partitionIndex: number, errorCode: number): OffsetFetchResponseInput.Partition {
  return { partitionIndex, committedOffset: -1, metadata: '', errorCode };
}
