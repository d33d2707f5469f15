import type { BrokerId } from '@millrace/foundation';
import {
  ErrorCode,
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponseInput,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponseInput,
  type PartitionChangeRecord,
} from '@millrace/protocol';
import { isReassigning, type PartitionRegistration, type TopicImage } from '../image/topic-image.js';
import { attempt, isTooMuch, refuse, TOO_MUCH, type ControllerResult, type ControllerView } from './controller-result.js';
import { changePartition, partitionChangeRecord } from './partition-change.js';
import { checkAssignment } from './manual-assignment.js';
import { reassignment, revertedReassignment } from './reassignment.js';
import { TopicRules } from './topic-rules.js';

/** Replicas move: a target that differs begins a reassignment (or replaces the one under way), null cancels it. Each partition on its own. */
export function alterPartitionReassignments(view: ControllerView, request: AlterPartitionReassignmentsRequest): ControllerResult<AlterPartitionReassignmentsResponseInput> {
  const { allowReplicationFactorChange } = request;
  const rules = new TopicRules(view);
  const changes: PartitionChangeRecord[] = [];
  const responses = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }): AlterPartitionReassignmentsResponseInput.Partition => {
      const result = attempt(() => {
        const topic = view.image.topic(name) ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${name}.`);
        const partition = topic.partitions[partitionIndex] ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${name}:${partitionIndex}.`);
        if (replicas === null) return cancel(rules, topic, partition);
        checkAssignment(view, replicas, undefined);
        if (!allowReplicationFactorChange) checkReplicationFactor(partition, replicas);
        return begin(rules, topic, partition, replicas);
      });
      if ('error' in result) return { partitionIndex, ...result.error };
      if (result.value !== null) changes.push(result.value);
      return { partitionIndex, errorCode: ErrorCode.NONE, errorMessage: null };
    }),
  }));
  const records = changes.map(partitionChangeRecord);
  if (isTooMuch(records)) return { records: [], response: { allowReplicationFactorChange, ...TOO_MUCH, responses: [] } };
  return { records, response: { allowReplicationFactorChange, errorCode: ErrorCode.NONE, errorMessage: null, responses }, isAtomic: true };
}

function begin(rules: TopicRules, topic: TopicImage, partition: PartitionRegistration, target: readonly BrokerId[]): PartitionChangeRecord | null {
  const { replicas, addingReplicas, removingReplicas } = reassignment(partition.replicas, target);
  const goal = { replicas, ...(addingReplicas.length > 0 ? { addingReplicas } : {}), ...(removingReplicas.length > 0 ? { removingReplicas } : {}) };
  return changePartition(topic.topicId, partition, goal, rules.of(topic, partition));
}

function cancel(rules: TopicRules, topic: TopicImage, partition: PartitionRegistration): PartitionChangeRecord | null {
  if (!isReassigning(partition)) refuse(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  const reverted = revertedReassignment(partition, partition.isr);
  if (reverted === null) return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'Invalid replica assignment: addingReplicas contains all replicas.');
  const { allowsUncleanElection } = rules.settings(topic);
  if (reverted.isUnclean && !allowsUncleanElection) {
    refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `Unable to revert partition assignment for ${topic.name}:${partition.partitionId} because it would require an unclean leader election.`);
  }
  const its = rules.of(topic, partition);
  // Invariant 5: where the set may be empty, nobody is put into it who is not there.
  const isr = reverted.isUnclean && its.hasEligibleReplicas ? reverted.isr.filter(its.isFit) : reverted.isr;
  const goal = { election: allowsUncleanElection ? 'unclean' : 'online', isr, replicas: reverted.replicas, addingReplicas: [], removingReplicas: [] } as const;
  return changePartition(topic.topicId, partition, goal, its);
}

/** As many replicas as there are now; of a reassignment under way, as many as there will be. */
function checkReplicationFactor(partition: PartitionRegistration, target: readonly BrokerId[]): void {
  const current = partition.replicas.filter((id) => !partition.removingReplicas.includes(id)).length;
  if (current !== target.length) refuse(ErrorCode.INVALID_REPLICATION_FACTOR, `The replication factor is changed from ${current} to ${target.length}`);
}

/** The reassignments under way: of all topics (null), or of these partitions. What is not there is left out. */
export function listPartitionReassignments(view: ControllerView, request: ListPartitionReassignmentsRequest): ListPartitionReassignmentsResponseInput {
  const wanted = request.topics?.map((it) => ({ topic: view.image.topic(it.name), numbers: it.partitionIndexes })) ?? allReassigning(view);
  const topics = wanted.flatMap(({ topic, numbers }) => {
    const partitions = numbers.flatMap((partitionIndex) => {
      const partition = topic?.partitions[partitionIndex];
      if (partition === undefined || !isReassigning(partition)) return [];
      return [{ partitionIndex, replicas: [...partition.replicas], addingReplicas: [...partition.addingReplicas], removingReplicas: [...partition.removingReplicas] }];
    });
    return topic === undefined || partitions.length === 0 ? [] : [{ name: topic.name, partitions }];
  });
  return { errorCode: ErrorCode.NONE, errorMessage: null, topics };
}

function allReassigning(view: ControllerView): { readonly topic: TopicImage | undefined; readonly numbers: readonly number[] }[] {
  const numbersByTopic = new Map<string, number[]>();
  for (const { topicId, partition } of view.partitions.reassigning()) {
    const numbers = numbersByTopic.get(topicId);
    if (numbers === undefined) numbersByTopic.set(topicId, [partition]);
    else numbers.push(partition);
  }
  return [...numbersByTopic]
    .map(([topicId, numbers]) => ({ topic: view.image.topicById(topicId), numbers: numbers.sort((a, b) => a - b) }))
    .sort((a, b) => ((a.topic?.name ?? '') < (b.topic?.name ?? '') ? -1 : 1));
}
