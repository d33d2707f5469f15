/** OffsetFetch, versions 1-10. Deviations: none for classic groups; member epochs are of the consumer protocol, which is not built yet. */
import { ZERO_UUID } from '@millrace/foundation';
import type { OffsetFetchQuestion } from '@millrace/coordinator';
import { ErrorCode, OffsetFetch, type OffsetFetchRequest, type OffsetFetchResponseInput } from '@millrace/protocol';
import type { RequestContext } from '@millrace/network';
import { brokerApi } from '../broker-api.js';
import { askGroup } from './group-request.js';
import type { BrokerServices } from '../../broker/broker-services.js';

const GROUPS_SINCE_VERSION = 8;
const ALL_TOPICS_SINCE_VERSION = 2;
const TOPIC_ID_SINCE_VERSION = 10;

export const offsetFetchApi = brokerApi(OffsetFetch, (services) => async (request, context): Promise<OffsetFetchResponseInput> => {
  if (context.apiVersion >= GROUPS_SINCE_VERSION) return { groups: await Promise.all(request.groups.map((group) => fetchGroup(services, context, request, group))) };
  const topics = request.topics === null ? null : request.topics.map((it) => ({ ...it, topicId: ZERO_UUID }));
  const group = await fetchOne(services, context, { groupId: request.groupId, topics, requireStable: request.requireStable });
  const isErrorPerPartition = context.apiVersion < ALL_TOPICS_SINCE_VERSION && group.errorCode !== 0;
  return {
    errorCode: group.errorCode ?? 0,
    topics: isErrorPerPartition ? failedTopics(topics ?? [], group.errorCode ?? 0) : group.topics.map((it) => ({ name: it.name ?? '', partitions: it.partitions })),
  };
});

async function fetchGroup(services: BrokerServices, context: RequestContext, { requireStable }: OffsetFetchRequest, { groupId, topics }: OffsetFetchRequest.Group): Promise<OffsetFetchResponseInput.Group> {
  if (context.apiVersion < TOPIC_ID_SINCE_VERSION || topics === null) {
    const answer = await fetchOne(services, context, { groupId, topics, requireStable });
    // A topic without an id cannot be named in an answer by ids.
    return context.apiVersion < TOPIC_ID_SINCE_VERSION ? answer : { ...answer, topics: answer.topics.filter((it) => it.topicId !== ZERO_UUID) };
  }
  const named = topics.map((it) => ({ ...it, name: services.image.topicById(it.topicId)?.name ?? '' }));
  const answer = await fetchOne(services, context, { groupId, topics: named.filter((it) => it.name !== ''), requireStable });
  if (answer.errorCode !== 0) return answer;
  const unknown = named.filter((it) => it.name === '').map((it) => ({ topicId: it.topicId, name: '', partitions: it.partitionIndexes.map((partition) => failedPartition(partition, ErrorCode.UNKNOWN_TOPIC_ID)) }));
  return { ...answer, topics: [...answer.topics, ...unknown] };
}

/** At once, from what is committed; with `requireStable`, as consumers ask who take over a partition, once every commit that came before is. */
async function fetchOne(services: BrokerServices, context: RequestContext, question: OffsetFetchQuestion): Promise<OffsetFetchResponseInput.Group> {
  const { groupId, requireStable } = question;
  const topicIdOf = (name: string): string => services.image.topic(name)?.topicId ?? ZERO_UUID;
  const failed = (errorCode: number): OffsetFetchResponseInput.Group => ({ groupId, topics: [], errorCode });
  const driver = services.groups.driverFor(groupId);
  if (typeof driver === 'string') return failed(ErrorCode[driver]);
  if (groupId === '') return failed(ErrorCode.INVALID_GROUP_ID);
  if (!requireStable) return driver.query((coordinator) => coordinator.offsetFetch(question, topicIdOf));
  return askGroup(services, context, { api: 'OffsetFetch', groupId, input: (coordinator, caller) => coordinator.offsetFetchOfAppended(caller, question, topicIdOf), failed });
}

function failedTopics(topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[], errorCode: number): OffsetFetchResponseInput.Topic[] {
  return topics.map((it) => ({ name: it.name, partitions: it.partitionIndexes.map((partition) => failedPartition(partition, errorCode)) }));
}

function failedPartition(partitionIndex: number, errorCode: number): OffsetFetchResponseInput.Partition {
  return { partitionIndex, committedOffset: -1, metadata: '', errorCode };
}
