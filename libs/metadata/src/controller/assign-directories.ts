import type { Uuid } from '@millrace/foundation';
import { ErrorCode, type AssignReplicasToDirsRequest, type AssignReplicasToDirsResponseInput, type MetadataRecord } from '@millrace/protocol';
import { hasOnlineDirectory } from '../image/broker-registration.js';
import type { PartitionRegistration, TopicImage } from '../image/topic-image.js';
import { leaveInSyncSetsOf } from './broker-moves.js';
import type { ControllerResult, ControllerView } from './controller-result.js';
import { changePartition, partitionChangeRecord } from './partition-change.js';
import type { PartitionId } from './partition-sets.js';
import { brokerEpochError } from './register-broker.js';
import { TopicRules } from './topic-rules.js';

/** A broker says in which of its log directories its replicas are. What is in one that does not work is led by others from then on. */
export function assignReplicasToDirectories(view: ControllerView, request: AssignReplicasToDirsRequest): ControllerResult<AssignReplicasToDirsResponseInput> {
  const { brokerId } = request;
  const epochError = brokerEpochError(view, brokerId, request.brokerEpoch);
  if (epochError !== ErrorCode.NONE) return { records: [], response: { errorCode: epochError, directories: [] } };
  const records: MetadataRecord[] = [];
  const lost: PartitionId[] = [];
  const rules = new TopicRules(view);
  const assign = (topic: TopicImage, partition: PartitionRegistration, directory: Uuid): void => {
    const record = changePartition(topic.topicId, partition, { directory: { brokerId, directory } }, rules.of(topic, partition));
    if (record !== null) records.push(partitionChangeRecord(record));
    if (!hasOnlineDirectory(view.image.broker(brokerId), directory)) lost.push({ topicId: topic.topicId, partition: partition.partitionId });
  };
  const directories = request.directories.map(({ id, topics }) => ({
    id,
    topics: topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => {
        const topic = view.image.topicById(topicId);
        if (topic === undefined) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
        const partition = topic.partitions[partitionIndex];
        if (partition === undefined) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
        if (!partition.replicas.includes(brokerId)) return { partitionIndex, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
        assign(topic, partition, id);
        return { partitionIndex, errorCode: ErrorCode.NONE };
      }),
    })),
  }));
  return { records: [...records, ...leaveInSyncSetsOf(view, brokerId, lost)], response: { errorCode: ErrorCode.NONE, directories } };
}
