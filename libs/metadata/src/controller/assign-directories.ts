import { ErrorCode, type AssignReplicasToDirsRequest, type AssignReplicasToDirsResponseInput, type MetadataRecord } from '@millrace/protocol';
import { hasOnlineDirectory } from '../image/broker-registration.js';
import type { PartitionRegistration, TopicImage } from '../image/topic-image.js';
import type { ControllerResult, ControllerView } from './controller-result.js';
import { changePartition, partitionChangeRecord, type PartitionGoal } from './partition-change.js';
import { brokerEpochError } from './register-broker.js';
import { TopicRules } from './topic-rules.js';

/** A broker says in which of its log directories its replicas are. What is in one that does not work is led by others from then on. */
export function assignReplicasToDirectories(view: ControllerView, request: AssignReplicasToDirsRequest): ControllerResult<AssignReplicasToDirsResponseInput> {
  const { brokerId } = request;
  const epochError = brokerEpochError(view, brokerId, request.brokerEpoch);
  if (epochError !== ErrorCode.NONE) return { records: [], response: { errorCode: epochError, directories: [] } };
  const records: MetadataRecord[] = [];
  const staying = new TopicRules(view);
  const leaving = new TopicRules(view, { without: brokerId });
  const assign = (topic: TopicImage, partition: PartitionRegistration, directory: string): void => {
    const isOnline = hasOnlineDirectory(view.image.broker(brokerId), directory);
    const rules = isOnline ? staying : leaving;
    const goal: PartitionGoal = isOnline
      ? { directory: { brokerId, directory } }
      : { directory: { brokerId, directory }, isr: partition.isr.filter((id) => id !== brokerId), election: rules.settings(topic).allowsUncleanElection ? 'unclean' : 'online' };
    const record = changePartition(topic.topicId, partition, goal, rules.of(topic, partition));
    if (record !== null) records.push(partitionChangeRecord(record));
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
  return { records, response: { errorCode: ErrorCode.NONE, directories } };
}
