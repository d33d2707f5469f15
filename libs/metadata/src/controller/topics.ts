import { randomUuid, ZERO_UUID, type BrokerId, type Random, type Uuid } from '@millrace/foundation';
import {
  ErrorCode,
  type CreatePartitionsRequest,
  type CreatePartitionsResponseInput,
  type CreateTopicsRequest,
  type CreateTopicsResponseInput,
  type DeleteTopicsRequest,
  type DeleteTopicsResponseInput,
  type MetadataRecord,
} from '@millrace/protocol';
import { CONFIG_RESOURCE_TYPES } from '../config/config-resource.js';
import { CONFIG_SOURCES, effectiveTopicConfigs, type ConfigValues } from '../config/effective-config.js';
import { topicConfigProblem } from '../config/validate-configs.js';
import { isActive } from '../image/broker-registration.js';
import { partitionRecord } from '../image/image-records.js';
import { NO_LEADER, type TopicImage } from '../image/topic-image.js';
import { topicNameProblem } from '../topic-name.js';
import { PARTITIONS_PER_REQUEST_MAX } from './controller-config.js';
import { attempt, isTooMuch, refuse, TOO_MUCH, type ControllerMoment, type ControllerResult, type ControllerView } from './controller-result.js';
import { brokerLayers } from './broker-layers.js';
import { checkAssignment } from './manual-assignment.js';
import { placeReplicas } from './placement.js';
import { TopicNames } from './topic-names.js';
import { directoryFor } from './topic-rules.js';

/** Replicas of one new partition, and those of them that are fit to be in sync. */
interface NewPartition {
  readonly replicas: readonly BrokerId[];
  readonly isr: readonly BrokerId[];
}

export function createTopics(view: ControllerView, moment: ControllerMoment, request: CreateTopicsRequest): ControllerResult<CreateTopicsResponseInput> {
  const records: MetadataRecord[] = [];
  /** Those of this request. */
  const taken = new TopicNames();
  const budget = { partitions: PARTITIONS_PER_REQUEST_MAX };
  const topics = [...new Set(request.topics.map((it) => it.name))].map((name): CreateTopicsResponseInput.Topic => {
    const same = request.topics.filter((it) => it.name === name);
    const result = attempt(() => {
      const [topic] = same;
      if (topic === undefined || same.length > 1) refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.');
      const created = createTopic(view, moment, topic, taken, budget);
      taken.add(name);
      return created;
    });
    if ('error' in result) return { name, topicId: ZERO_UUID, numPartitions: -1, replicationFactor: -1, configs: [], topicConfigErrorCode: 0, ...result.error };
    records.push(...result.value.records);
    return result.value.response;
  });
  if (isTooMuch(records)) return { records: [], response: { topics: topics.map(({ name }) => ({ name, topicId: ZERO_UUID, numPartitions: -1, replicationFactor: -1, configs: [], topicConfigErrorCode: 0, ...TOO_MUCH })) } };
  return { records: request.validateOnly ? [] : records, response: { topics }, isAtomic: true };
}

function createTopic(
  view: ControllerView,
  moment: ControllerMoment,
  topic: CreateTopicsRequest.Topic,
  taken: TopicNames,
  budget: { partitions: number },
): ControllerResult<CreateTopicsResponseInput.Topic> {
  const { name } = topic;
  const problem = topicNameProblem(name);
  if (problem !== null) refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  if (view.image.topic(name) !== undefined) refuse(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  const rival = view.topicNames.rivalOf(name) ?? taken.rivalOf(name);
  if (rival !== undefined) refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${rival}`);
  const configs = newTopicConfigs(topic);
  const partitions = newTopicPartitions(view, moment.random, topic);
  budget.partitions -= partitions.length;
  if (budget.partitions < 0) refuse(ErrorCode.POLICY_VIOLATION, 'Excessively large number of partitions per request.');
  const topicId = randomUuid(moment.random);
  const records: MetadataRecord[] = [{ type: 'TopicRecord', version: 0, record: { name, topicId } }];
  for (const [key, value] of configs) records.push({ type: 'ConfigRecord', version: 0, record: { resourceType: CONFIG_RESOURCE_TYPES.TOPIC, resourceName: name, name: key, value } });
  partitions.forEach((it, i) => records.push(newPartitionRecord(view, topicId, i, it)));
  const response: CreateTopicsResponseInput.Topic = {
    name,
    topicId,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.length ?? -1,
    configs: effectiveTopicConfigs(configs, brokerLayers(view, -1)).map((it) => ({
      name: it.key.name,
      value: it.value,
      readOnly: false,
      configSource: CONFIG_SOURCES[it.source],
      isSensitive: it.key.isSensitive ?? false,
    })),
  };
  return { records, response };
}

function newTopicConfigs(topic: CreateTopicsRequest.Topic): ConfigValues {
  const configs = new Map<string, string>();
  const nulls = topic.configs.filter((it) => it.value === null).map((it) => it.name);
  if (nulls.length > 0) refuse(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${nulls.join(',')}`);
  for (const it of topic.configs) if (it.value !== null) configs.set(it.name, it.value);
  const problem = topicConfigProblem(configs);
  if (problem !== null) refuse(ErrorCode.INVALID_CONFIG, problem);
  return configs;
}

function newTopicPartitions(view: ControllerView, random: Random, topic: CreateTopicsRequest.Topic): NewPartition[] {
  if (topic.assignments.length > 0) return assignedPartitions(view, topic);
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0) refuse(ErrorCode.INVALID_REPLICATION_FACTOR, 'Replication factor was set to an invalid non-positive value.');
  if (topic.numPartitions < -1 || topic.numPartitions === 0) refuse(ErrorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.');
  const partitions = topic.numPartitions === -1 ? view.config.defaultPartitions : topic.numPartitions;
  const replicationFactor = topic.replicationFactor === -1 ? view.config.defaultReplicationFactor : topic.replicationFactor;
  if (partitions > PARTITIONS_PER_REQUEST_MAX) refuse(ErrorCode.POLICY_VIOLATION, 'Excessively large number of partitions per request.');
  const placed = attempt(() => placeReplicas(view.image.brokers.values(), { partitions, replicationFactor, firstPartition: 0 }, random));
  if ('error' in placed) return refuse(placed.error.errorCode, `Unable to replicate the partition ${replicationFactor} time(s): ${placed.error.errorMessage}`);
  return placed.value.map((replicas) => withIsr(view, replicas));
}

function assignedPartitions(view: ControllerView, topic: CreateTopicsRequest.Topic): NewPartition[] {
  if (topic.replicationFactor !== -1) refuse(ErrorCode.INVALID_REQUEST, 'A manual partition assignment was specified, but replication factor was not set to -1.');
  if (topic.numPartitions !== -1) refuse(ErrorCode.INVALID_REQUEST, 'A manual partition assignment was specified, but numPartitions was not set to -1.');
  const byIndex = new Map<number, readonly BrokerId[]>();
  let replicationFactor: number | undefined;
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (byIndex.has(partitionIndex)) refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `Found multiple manual partition assignments for partition ${partitionIndex}`);
    checkAssignment(view, brokerIds, replicationFactor);
    replicationFactor = brokerIds.length;
    byIndex.set(partitionIndex, brokerIds);
  }
  return Array.from({ length: byIndex.size }, (_, i) => {
    const replicas = byIndex.get(i) ?? refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'partitions should be a consecutive 0-based integer sequence');
    return withActiveIsr(view, i, replicas);
  });
}

function withActiveIsr(view: ControllerView, partition: number, replicas: readonly BrokerId[]): NewPartition {
  const placed = withIsr(view, replicas);
  if (placed.isr.length > 0) return placed;
  return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`);
}

function withIsr(view: ControllerView, replicas: readonly BrokerId[]): NewPartition {
  return { replicas, isr: replicas.filter((id) => isActive(view.image.broker(id))) };
}

function newPartitionRecord(view: ControllerView, topicId: Uuid, partitionId: number, partition: NewPartition): MetadataRecord {
  return partitionRecord(topicId, {
    partitionId,
    ...partition,
    directories: partition.replicas.map((id) => directoryFor(view, id)),
    removingReplicas: [],
    addingReplicas: [],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    leader: partition.isr[0] ?? NO_LEADER,
    isRecovering: false,
    leaderEpoch: 0,
    partitionEpoch: 0,
  });
}

/** By name (versions 1 to 5, and 6) or by id (6). */
export function deleteTopics(view: ControllerView, request: DeleteTopicsRequest): ControllerResult<DeleteTopicsResponseInput> {
  const records: MetadataRecord[] = [];
  const targets = request.topics.length > 0 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  const seen = new Set<Uuid>();
  const responses = targets.map(({ name, topicId }): DeleteTopicsResponseInput.Topic => {
    const result = attempt(() => {
      const topic = findTopic(view, name, topicId);
      if (seen.has(topic.topicId)) refuse(ErrorCode.INVALID_REQUEST, name === null ? 'Duplicate topic id.' : 'Duplicate topic name.');
      seen.add(topic.topicId);
      records.push({ type: 'RemoveTopicRecord', version: 0, record: { topicId: topic.topicId } });
      return topic;
    });
    if ('error' in result) return { name, topicId, ...result.error };
    return { name: result.value.name, topicId: result.value.topicId, errorCode: ErrorCode.NONE, errorMessage: null };
  });
  return { records, response: { responses }, isAtomic: true };
}

function findTopic(view: ControllerView, name: string | null, topicId: Uuid): TopicImage {
  if (name !== null && topicId !== ZERO_UUID) refuse(ErrorCode.INVALID_REQUEST, 'You may not specify both topic name and topic id.');
  if (name === null && topicId === ZERO_UUID) refuse(ErrorCode.INVALID_REQUEST, 'Neither topic name nor id were specified.');
  if (name === null) return view.image.topicById(topicId) ?? refuse(ErrorCode.UNKNOWN_TOPIC_ID);
  return view.image.topic(name) ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
}

export function createPartitions(view: ControllerView, moment: ControllerMoment, request: CreatePartitionsRequest): ControllerResult<CreatePartitionsResponseInput> {
  const records: MetadataRecord[] = [];
  const results = [...new Set(request.topics.map((it) => it.name))].map((name): CreatePartitionsResponseInput.Result => {
    const same = request.topics.filter((it) => it.name === name);
    const result = attempt(() => {
      const [topic] = same;
      if (topic === undefined || same.length > 1) refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.');
      return addPartitions(view, moment.random, topic);
    });
    if ('error' in result) return { name, ...result.error };
    records.push(...result.value);
    return { name, errorCode: ErrorCode.NONE, errorMessage: null };
  });
  if (isTooMuch(records)) return { records: [], response: { results: results.map(({ name }) => ({ name, ...TOO_MUCH })) } };
  return { records: request.validateOnly ? [] : records, response: { results }, isAtomic: true };
}

function addPartitions(view: ControllerView, random: Random, request: CreatePartitionsRequest.Topic): MetadataRecord[] {
  const topic = view.image.topic(request.name) ?? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const current = topic.partitions.length;
  const additional = request.count - current;
  if (additional === 0) refuse(ErrorCode.INVALID_PARTITIONS, `Topic already has ${current} partition(s).`);
  if (additional < 0) refuse(ErrorCode.INVALID_PARTITIONS, `The topic ${topic.name} currently has ${current} partition(s); ${request.count} would not be an increase.`);
  if (additional > PARTITIONS_PER_REQUEST_MAX) refuse(ErrorCode.POLICY_VIOLATION, 'Excessively large number of partitions per request.');
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
  const { assignments } = request;
  if (assignments !== null && assignments.length !== additional) {
    refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `Attempted to add ${additional} additional partition(s), but only ${assignments.length} assignment(s) were specified.`);
  }
  const partitions =
    assignments === null
      ? placeReplicas(view.image.brokers.values(), { partitions: additional, replicationFactor, firstPartition: current }, random).map((replicas) => withIsr(view, replicas))
      : assignments.map(({ brokerIds }, i) => {
          checkAssignment(view, brokerIds, replicationFactor);
          return withActiveIsr(view, current + i, brokerIds);
        });
  return partitions.map((it, i) => newPartitionRecord(view, topic.topicId, current + i, it));
}
