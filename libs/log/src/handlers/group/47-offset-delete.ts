/** OffsetDelete, version 0. Deviations: none known. */
import { ErrorCode, OffsetDelete, type OffsetDeleteResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { askGroup } from './group-request.js';

export const offsetDeleteApi = brokerApi(OffsetDelete, (services) => async (request, context): Promise<OffsetDeleteResponseInput> => {
  const isKnown = (topic: string, partition: number): boolean => services.image.partition(topic, partition) !== undefined;
  const asked = { ...request, topics: request.topics.map((it) => ({ name: it.name, partitions: it.partitions.filter((p) => isKnown(it.name, p.partitionIndex)) })).filter((it) => it.partitions.length > 0) };
  const answer = await askGroup(services, context, {
    api: 'OffsetDelete',
    groupId: request.groupId,
    input: (coordinator, caller) => coordinator.offsetDelete(caller, asked),
    failed: (errorCode) => ({ errorCode, topics: [] }),
  });
  if (answer.errorCode !== undefined && answer.errorCode !== ErrorCode.NONE) return answer;
  return {
    errorCode: ErrorCode.NONE,
    topics: request.topics.map((topic) => ({
      name: topic.name,
      partitions: topic.partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: isKnown(topic.name, partitionIndex)
          ? (answer.topics.find((it) => it.name === topic.name)?.partitions.find((it) => it.partitionIndex === partitionIndex)?.errorCode ?? ErrorCode.NONE)
          : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    })),
  };
});
