import { hasCode, isRetriable, type BrokerId, type TopicPartition } from '@millrace/foundation';
import { ConsumerGroupDescribe, DeleteGroups, DescribeGroups, ErrorCode, ListGroups, OffsetDelete, ProtocolError } from '@millrace/protocol';
import type { KafkaClient } from '../cluster/kafka-client.js';
import { commitOffsets, fetchCommitted, NO_MEMBER } from '../consumer/committed-offsets.js';
import { decodeAssignment } from '../consumer/consumer-protocol.js';
import { errorOf, type Outcome } from './outcome.js';

export interface GroupListing {
  readonly groupId: string;
  /** `consumer`, `connect`, ...; '' for a group that only ever committed offsets. */
  readonly protocolType: string;
  /** As Kafka spells it: `Stable`, `Empty`, ...; '' from a broker that does not say. */
  readonly state: string;
  /** `classic` or `consumer`; '' from a broker that does not say. */
  readonly type: string;
}

export interface GroupMemberDescription {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Of consumers; empty for other protocol types. */
  readonly partitions: readonly TopicPartition[];
  /** As they went through the coordinator; empty for the new consumer protocol. */
  readonly metadata: Uint8Array;
  readonly assignment: Uint8Array;
}

export interface GroupDescription extends Outcome {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  /** The assignor of a consumer group. */
  readonly protocol: string;
  readonly coordinatorId: BrokerId;
  readonly members: readonly GroupMemberDescription[];
}

export interface GroupOffset extends TopicPartition {
  readonly offset: bigint;
  readonly metadata: string;
}

/** From every broker. */
export async function listGroups(client: KafkaClient): Promise<GroupListing[]> {
  await client.refreshMetadata();
  const lists = await Promise.all(
    [...client.metadata.brokers.keys()].map((nodeId) =>
      client.retrying(async () => {
        const response = await client.request(nodeId, ListGroups, () => ({}));
        if (response.errorCode !== ErrorCode.NONE) throw new ProtocolError(response.errorCode);
        return response.groups;
      }),
    ),
  );
  return lists.flat().map((it) => ({ groupId: it.groupId, protocolType: it.protocolType, state: it.groupState, type: it.groupType }));
}

export function describeGroup(client: KafkaClient, groupId: string): Promise<GroupDescription> {
  return onCoordinator(client, groupId, async (coordinatorId) => {
    const group = (await client.request(coordinatorId, DescribeGroups, () => ({ groups: [groupId] }))).groups[0];
    if (group === undefined) throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, 'The coordinator did not answer for this group');
    const isClassic = group.errorCode === ErrorCode.NONE && group.groupState !== 'Dead';
    if (!isClassic && (group.errorCode === ErrorCode.NONE || group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND)) {
      const modern = await describeModern(client, groupId, coordinatorId);
      if (modern !== undefined) return modern;
    }
    const error = errorOf(group.errorCode, group.errorMessage);
    if (error?.isRetriable === true) throw error;
    const members = group.members.map((it) => ({
      memberId: it.memberId,
      groupInstanceId: it.groupInstanceId,
      clientId: it.clientId,
      clientHost: it.clientHost,
      partitions: group.protocolType === 'consumer' ? decodeAssignment(it.memberAssignment) : [],
      metadata: it.memberMetadata,
      assignment: it.memberAssignment,
    }));
    return { groupId, state: group.groupState, protocolType: group.protocolType, protocol: group.protocolData, coordinatorId, members, error };
  });
}

/** A group on the new consumer protocol (KIP-848); undefined when it is none, or the broker knows no such groups. */
async function describeModern(client: KafkaClient, groupId: string, coordinatorId: BrokerId): Promise<GroupDescription | undefined> {
  try {
    const group = (await client.request(coordinatorId, ConsumerGroupDescribe, () => ({ groupIds: [groupId], includeAuthorizedOperations: false }))).groups[0];
    if (group === undefined || group.errorCode !== ErrorCode.NONE) return undefined;
    const members = group.members.map((it) => ({
      memberId: it.memberId,
      groupInstanceId: it.instanceId,
      clientId: it.clientId,
      clientHost: it.clientHost,
      partitions: it.assignment.topicPartitions.flatMap(({ topicName, partitions }) => partitions.map((partition) => ({ topic: topicName, partition }))),
      metadata: new Uint8Array(0),
      assignment: new Uint8Array(0),
    }));
    return { groupId, state: group.groupState, protocolType: 'consumer', protocol: group.assignorName, coordinatorId, members, error: undefined };
  } catch (error) {
    if (hasCode(error, 'KAFKA_UNSUPPORTED_VERSION')) return undefined;
    throw error;
  }
}

export async function deleteGroup(client: KafkaClient, groupId: string): Promise<void> {
  await onCoordinator(client, groupId, async (nodeId) => {
    const { results } = await client.request(nodeId, DeleteGroups, () => ({ groupsNames: [groupId] }));
    for (const it of results) if (it.errorCode !== ErrorCode.NONE) throw new ProtocolError(it.errorCode);
  });
}

export async function listGroupOffsets(client: KafkaClient, groupId: string, partitions?: readonly TopicPartition[]): Promise<GroupOffset[]> {
  const found = await fetchCommitted(client, groupId, partitions);
  return found.map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset: BigInt(offset), metadata }));
}

export function alterGroupOffsets(client: KafkaClient, groupId: string, offsets: readonly (TopicPartition & { readonly offset: bigint | number; readonly metadata?: string })[]): Promise<void> {
  const list = offsets.map((it) => ({ topic: it.topic, partition: it.partition, offset: Number(it.offset), leaderEpoch: -1, metadata: it.metadata ?? '' }));
  return commitOffsets(client, groupId, list, NO_MEMBER);
}

export function deleteGroupOffsets(client: KafkaClient, groupId: string, partitions: readonly TopicPartition[]): Promise<(TopicPartition & Outcome)[]> {
  return onCoordinator(client, groupId, async (nodeId) => {
    const names = [...new Set(partitions.map((it) => it.topic))];
    const topics = names.map((name) => ({ name, partitions: partitions.filter((it) => it.topic === name).map((it) => ({ partitionIndex: it.partition })) }));
    const response = await client.request(nodeId, OffsetDelete, () => ({ groupId, topics }));
    if (response.errorCode !== ErrorCode.NONE) throw new ProtocolError(response.errorCode);
    return response.topics.flatMap((topic) => topic.partitions.map((it) => ({ topic: topic.name, partition: it.partitionIndex, error: errorOf(it.errorCode) })));
  });
}

/** Asks the group's coordinator, and again when it has moved. */
function onCoordinator<T>(client: KafkaClient, groupId: string, ask: (nodeId: BrokerId) => Promise<T>): Promise<T> {
  return client.retrying(async () => {
    try {
      return await ask(await client.coordinator(groupId));
    } catch (error) {
      if (isRetriable(error)) client.forgetCoordinator(groupId);
      throw error;
    }
  });
}

