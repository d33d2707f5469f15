import { ErrorCode, type ElectLeadersRequest, type ElectLeadersResponseInput, type MetadataRecord } from '@millrace/protocol';
import { NO_LEADER } from '../image/topic-image.js';
import { attempt, refuse, type ControllerResult, type ControllerView } from './controller-result.js';
import { changePartition, partitionChangeRecord } from './partition-change.js';

const PREFERRED = 0;
const UNCLEAN = 1;

/** Without a list of partitions: of all, and those that need nothing are not mentioned. */
export function electLeaders(view: ControllerView, request: ElectLeadersRequest): ControllerResult<ElectLeadersResponseInput> {
  if (request.electionType !== PREFERRED && request.electionType !== UNCLEAN) return { records: [], response: { errorCode: ErrorCode.INVALID_REQUEST, replicaElectionResults: [] } };
  const records: MetadataRecord[] = [];
  const isForAll = request.topicPartitions === null;
  const wanted = request.topicPartitions ?? [...view.image.topics.values()].map((it) => ({ topic: it.name, partitions: it.partitions.map((partition) => partition.partitionId) }));
  const replicaElectionResults = wanted.flatMap(({ topic, partitions }) => {
    const partitionResult = partitions.flatMap((partitionId): ElectLeadersResponseInput.PartitionResult[] => {
      const result = attempt(() => records.push(electOne(view, topic, partitionId, request.electionType === UNCLEAN)));
      if ('value' in result) return [{ partitionId, errorCode: ErrorCode.NONE, errorMessage: null }];
      return isForAll && result.error.errorCode === ErrorCode.ELECTION_NOT_NEEDED ? [] : [{ partitionId, ...result.error }];
    });
    return partitionResult.length === 0 ? [] : [{ topic, partitionResult }];
  });
  return { records, response: { errorCode: ErrorCode.NONE, replicaElectionResults } };
}

function electOne(view: ControllerView, topicName: string, partitionId: number, isUnclean: boolean): MetadataRecord {
  const topic = view.image.topic(topicName) ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${topicName}`);
  const partition = topic.partitions[partitionId] ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${topicName}-${partitionId}`);
  if (isUnclean ? partition.leader !== NO_LEADER : partition.leader === partition.replicas[0]) refuse(ErrorCode.ELECTION_NOT_NEEDED);
  const record = changePartition(view.image, topic.topicId, partition, { election: isUnclean ? 'unclean' : 'preferred' });
  if (record === null) refuse(isUnclean ? ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE : ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE);
  return partitionChangeRecord(record);
}
