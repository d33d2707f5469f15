import { ErrorCode, type AlterPartitionRequest, type AlterPartitionResponseInput, type MetadataRecord } from '@millrace/protocol';
import { isActive } from '../image/broker-registration.js';
import type { PartitionRegistration } from '../image/topic-image.js';
import { attempt, refuse, type ControllerResult, type ControllerView } from './controller-result.js';
import { afterChange, changePartition, partitionChangeRecord } from './partition-change.js';
import { brokerEpochError } from './register-broker.js';
import { TopicRules } from './topic-rules.js';

/**
 * A leader proposes in-sync sets. Invariant 4: a proposal is applied only when it knows the partition's current epochs; else it changes nothing. When it ends a
 * reassignment that makes another broker the leader, it is applied and answered with NEW_LEADER_ELECTED.
 */
export function alterPartition(view: ControllerView, request: AlterPartitionRequest): ControllerResult<AlterPartitionResponseInput> {
  const epochError = brokerEpochError(view, request.brokerId, request.brokerEpoch);
  if (epochError !== ErrorCode.NONE) return { records: [], response: { errorCode: epochError, topics: [] } };
  const records: MetadataRecord[] = [];
  const rules = new TopicRules(view);
  const topics = request.topics.map((requested) => {
    const topic = view.image.topicById(requested.topicId);
    const partitions = requested.partitions.map((data): AlterPartitionResponseInput.Partition => {
      const { partitionIndex } = data;
      const result = attempt(() => {
        if (topic === undefined) refuse(ErrorCode.UNKNOWN_TOPIC_ID);
        const partition = topic.partitions[partitionIndex] ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        const isr = proposedIsr(view, request, data, partition);
        const election = rules.settings(topic).allowsUncleanElection ? 'unclean' : 'online';
        const record = changePartition(topic.topicId, partition, { election, isr, isRecovering: data.leaderRecoveryState === 1 }, rules.of(topic, partition));
        if (record !== null) records.push(partitionChangeRecord(record));
        const after = afterChange(partition, record);
        if (after.leader !== request.brokerId) refuse(ErrorCode.NEW_LEADER_ELECTED);
        return after;
      });
      if ('error' in result) return { partitionIndex, errorCode: result.error.errorCode, leaderId: 0, leaderEpoch: 0, isr: [], leaderRecoveryState: 0, partitionEpoch: 0 };
      const { leader, leaderEpoch, isr, isRecovering, partitionEpoch } = result.value;
      return { partitionIndex, errorCode: ErrorCode.NONE, leaderId: leader, leaderEpoch, isr: [...isr], leaderRecoveryState: isRecovering ? 1 : 0, partitionEpoch };
    });
    return { topicId: requested.topicId, partitions };
  });
  return { records, response: { errorCode: ErrorCode.NONE, topics } };
}

function proposedIsr(view: ControllerView, request: AlterPartitionRequest, data: AlterPartitionRequest.Partition, partition: PartitionRegistration): number[] {
  // A leader that knows more than we do: we are not the controller any more.
  if (data.leaderEpoch > partition.leaderEpoch || data.partitionEpoch > partition.partitionEpoch) refuse(ErrorCode.NOT_CONTROLLER);
  if (data.leaderEpoch < partition.leaderEpoch) refuse(ErrorCode.FENCED_LEADER_EPOCH);
  if (request.brokerId !== partition.leader) refuse(ErrorCode.INVALID_REQUEST);
  if (data.partitionEpoch < partition.partitionEpoch) refuse(ErrorCode.INVALID_UPDATE_VERSION);
  // Version 2 has no epochs of the members.
  const members = data.newIsrWithEpochs.length > 0 ? data.newIsrWithEpochs : data.newIsr.map((brokerId) => ({ brokerId, brokerEpoch: -1 }));
  const isr = members.map((it) => it.brokerId);
  if (isr.length === 0 || new Set(isr).size < isr.length || !isr.every((id) => partition.replicas.includes(id)) || !isr.includes(partition.leader)) refuse(ErrorCode.INVALID_REQUEST);
  if (data.leaderRecoveryState === 1 && (isr.length > 1 || !partition.isRecovering)) refuse(ErrorCode.INVALID_REQUEST);
  // Invariant 5: a fenced, stopping or re-incarnated broker never enters an in-sync set.
  for (const { brokerId, brokerEpoch } of members) {
    const broker = view.image.broker(brokerId);
    if (!isActive(broker) || (brokerEpoch !== -1 && broker?.epoch !== brokerEpoch)) refuse(ErrorCode.INELIGIBLE_REPLICA);
  }
  return isr;
}
