/** OffsetCommit, versions 2-10. Deviations: the retention time of versions 2-4 is kept with the offset, as Kafka does. */
import type { OffsetCommitRequest, OffsetCommitResponseInput } from '@millrace/protocol';
import { ErrorCode, OffsetCommit } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';
import { askGroup } from './group-request.js';

const TOPIC_ID_SINCE_VERSION = 10;

export const offsetCommitApi = brokerApi(OffsetCommit, (services) => async (request, context) => {
  const byId = context.apiVersion >= TOPIC_ID_SINCE_VERSION;
  const checked = request.topics.map((topic) => splitKnown(services, byId ? { ...topic, name: services.image.topicById(topic.topicId)?.name ?? '' } : topic, byId));
  const asked = { ...request, topics: checked.map((it) => it.known).filter((it) => it.partitions.length > 0) };
  const answer = await askGroup(services, context, {
    api: 'OffsetCommit',
    groupId: request.groupId,
    input: (coordinator, caller) => coordinator.offsetCommit(caller, asked),
    failed: (errorCode) => ({ topics: asked.topics.map((topic) => ({ name: topic.name, topicId: topic.topicId, partitions: topic.partitions.map((it) => ({ partitionIndex: it.partitionIndex, errorCode })) })) }),
  });
  return { topics: merge(checked, answer.topics) };
});

interface CheckedTopic {
  readonly known: OffsetCommitRequest.Topic;
  readonly unknown: readonly number[];
  readonly error: number;
}

/** Offsets are only kept for partitions that exist. */
function splitKnown(services: BrokerServices, topic: OffsetCommitRequest.Topic, byId: boolean): CheckedTopic {
  const exists = (partition: number): boolean => services.image.partition(topic.name, partition) !== undefined;
  const error = byId && topic.name === '' ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return { known: { ...topic, partitions: topic.partitions.filter((it) => exists(it.partitionIndex)) }, unknown: topic.partitions.map((it) => it.partitionIndex).filter((it) => !exists(it)), error };
}

function merge(checked: readonly CheckedTopic[], answered: readonly OffsetCommitResponseInput.Topic[]): OffsetCommitResponseInput.Topic[] {
  let next = 0;
  return checked.map(({ known, unknown, error }) => {
    const partitions = known.partitions.length > 0 ? (answered[next++]?.partitions ?? []) : [];
    return { name: known.name, topicId: known.topicId, partitions: [...partitions, ...unknown.map((partitionIndex) => ({ partitionIndex, errorCode: error }))] };
  });
}
