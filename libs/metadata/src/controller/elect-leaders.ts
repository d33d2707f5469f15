import { ErrorCode, type ElectLeadersRequest, type ElectLeadersResponseInput, type MetadataRecord } from '@millrace/protocol';
import { NO_LEADER } from '../image/topic-image.js';
import { ELECTIONS_PER_CHECK_MAX } from './controller-config.js';
import { attempt, isTooMuch, refuse, TOO_MUCH, type ControllerResult, type ControllerView } from './controller-result.js';
import { changePartition, partitionChangeRecord } from './partition-change.js';
import { TopicRules } from './topic-rules.js';

const PREFERRED = 0;
const UNCLEAN = 1;

/** An administrator asks for elections: of the preferred leaders, or, for partitions without a leader, of any replica that lives. */
export function electLeaders(view: ControllerView, request: ElectLeadersRequest): ControllerResult<ElectLeadersResponseInput> {
  if (request.electionType !== PREFERRED && request.electionType !== UNCLEAN) return { records: [], response: { errorCode: ErrorCode.INVALID_REQUEST, replicaElectionResults: [] } };
  const records: MetadataRecord[] = [];
  const rules = new TopicRules(view);
  const isForAll = request.topicPartitions === null;
  const wanted = request.topicPartitions ?? [...view.image.topics.values()].map((it) => ({ topic: it.name, partitions: it.partitions.map((partition) => partition.partitionId) }));
  const replicaElectionResults = wanted.map(({ topic, partitions }) => {
    const partitionResult = partitions.flatMap((partitionId): ElectLeadersResponseInput.PartitionResult[] => {
      const result = attempt(() => records.push(electOne(view, rules, topic, partitionId, request.electionType === UNCLEAN)));
      if ('value' in result) return [{ partitionId, errorCode: ErrorCode.NONE, errorMessage: null }];
      return isForAll && result.error.errorCode === ErrorCode.ELECTION_NOT_NEEDED ? [] : [{ partitionId, ...result.error }];
    });
    return { topic, partitionResult };
  });
  if (isTooMuch(records)) return { records: [], response: { errorCode: TOO_MUCH.errorCode, replicaElectionResults: [] } };
  return { records, response: { errorCode: ErrorCode.NONE, replicaElectionResults } };
}

function electOne(view: ControllerView, rules: TopicRules, topicName: string, partitionId: number, isUnclean: boolean): MetadataRecord {
  const topic = view.image.topic(topicName) ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${topicName}`);
  const partition = topic.partitions[partitionId] ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${topicName}-${partitionId}`);
  if (isUnclean ? partition.leader !== NO_LEADER : partition.leader === partition.replicas[0]) refuse(ErrorCode.ELECTION_NOT_NEEDED);
  const record = changePartition(topic.topicId, partition, { election: isUnclean ? 'unclean' : 'preferred' }, rules.of(topic, partition));
  if (record === null && isUnclean) refuse(ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, 'Eligible topic partition leaders are not available.');
  if (record === null) refuse(ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE, 'The preferred leader was not available.');
  return partitionChangeRecord(record);
}

/** Leadership goes back to the first replicas that are in sync again; at most a thousand at once. */
export function balanceLeaders(view: ControllerView): MetadataRecord[] {
  const rules = new TopicRules(view);
  const records: MetadataRecord[] = [];
  for (const { topicId, partition: number } of view.partitions.imbalanced()) {
    if (records.length >= ELECTIONS_PER_CHECK_MAX) break;
    const topic = view.image.topicById(topicId);
    const partition = topic?.partitions[number];
    if (topic === undefined || partition === undefined) continue;
    const record = changePartition(topicId, partition, { election: 'preferred' }, rules.of(topic, partition));
    if (record !== null) records.push(partitionChangeRecord(record));
  }
  return records;
}

/** Partitions without a leader whose topics would rather lose records; at most a thousand at once. */
export function electUncleanLeaders(view: ControllerView): MetadataRecord[] {
  const rules = new TopicRules(view);
  const records: MetadataRecord[] = [];
  for (const { topicId, partition: number } of view.partitions.leaderless()) {
    if (records.length >= ELECTIONS_PER_CHECK_MAX) break;
    const topic = view.image.topicById(topicId);
    const partition = topic?.partitions[number];
    if (topic === undefined || partition === undefined || !rules.settings(topic).allowsUncleanElection) continue;
    const record = changePartition(topicId, partition, { election: 'unclean' }, rules.of(topic, partition));
    if (record !== null) records.push(partitionChangeRecord(record));
  }
  return records;
}
