import { ErrorCode, type ListGroupsResponseInput, type OffsetDeleteRequest, type OffsetDeleteResponseInput } from '@millrace/protocol';
import type { ClassicGroup } from './classic/classic-group.js';
import { NO_BYTES } from './classic/classic-member.js';
import type { GroupOutcome } from './group-effects.js';
import { groupTombstone } from './group-record.js';
import type { CommittedOffsets } from './offsets/committed-offsets.js';
import { offsetTombstone } from './offsets/expiry.js';
import type { GroupDescription } from './uncommitted.js';

const DESCRIBES_MISSING_AS_ERROR = 6;
const GROUP_TYPE = 'Classic';

/** A group as it is now; metadata and assignments only of a stable group. */
export function descriptionOf(group: ClassicGroup): GroupDescription {
  const isStable = group.state === 'Stable';
  return {
    errorCode: ErrorCode.NONE,
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((it) => ({
      memberId: it.memberId,
      groupInstanceId: it.groupInstanceId,
      clientId: it.clientId,
      clientHost: it.clientHost,
      memberMetadata: isStable ? it.metadataFor(group.protocolName) : NO_BYTES,
      memberAssignment: isStable ? it.assignment : NO_BYTES,
    })),
  };
}

/** A group of DescribeGroups that is not there. */
export function missingGroup(groupId: string, apiVersion: number): GroupDescription {
  const isError = apiVersion >= DESCRIBES_MISSING_AS_ERROR;
  return {
    errorCode: isError ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE,
    errorMessage: isError ? `Group ${groupId} not found.` : null,
    groupId,
    groupState: 'Dead',
    protocolType: '',
    protocolData: '',
    members: [],
  };
}

/** ListGroups; an empty filter lets everything through. Case does not matter. */
export function listGroups(
  groups: Iterable<{ readonly groupId: string; readonly protocolType: string; readonly groupState: string }>,
  filters: { states: readonly string[]; types: readonly string[] },
): ListGroupsResponseInput.Group[] {
  if (filters.types.length > 0 && !isNamed(filters.types, GROUP_TYPE)) return [];
  const listed: ListGroupsResponseInput.Group[] = [];
  for (const { groupId, protocolType, groupState } of groups) {
    if (filters.states.length > 0 && !isNamed(filters.states, groupState)) continue;
    listed.push({ groupId, protocolType, groupState, groupType: GROUP_TYPE });
  }
  return listed;
}

function isNamed(names: readonly string[], name: string): boolean {
  return names.some((it) => it.toLowerCase() === name.toLowerCase());
}

/** One group of DeleteGroups: 0, or why not. */
export function deleteGroup(group: ClassicGroup | undefined, offsets: CommittedOffsets, outcome: GroupOutcome): number {
  if (group === undefined || group.state === 'Dead') return ErrorCode.GROUP_ID_NOT_FOUND;
  if (group.state !== 'Empty') return ErrorCode.NON_EMPTY_GROUP;
  for (const [topic, partitions] of offsets.ofGroup(group.groupId)) for (const partition of partitions.keys()) outcome.records.push(offsetTombstone(group.groupId, topic, partition));
  outcome.records.push(groupTombstone(group.groupId));
  return ErrorCode.NONE;
}

/** OffsetDelete: not of topics that a living consumer group reads, and never of a living group whose topics are unknown. */
export function deleteOffsets(group: ClassicGroup | undefined, offsets: CommittedOffsets, request: OffsetDeleteRequest, outcome: GroupOutcome): OffsetDeleteResponseInput {
  if (group === undefined || group.state === 'Dead') return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, topics: [] };
  if (group.state !== 'Empty' && !group.usesConsumerProtocol) return { errorCode: ErrorCode.NON_EMPTY_GROUP, topics: [] };
  const topics = request.topics.map((topic) => {
    const errorCode = group.isSubscribedTo(topic.name) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE;
    for (const { partitionIndex } of errorCode === ErrorCode.NONE ? topic.partitions : []) {
      const isThere = offsets.get(group.groupId, topic.name, partitionIndex) !== undefined || offsets.isPending(group.groupId, topic.name, partitionIndex);
      if (isThere) outcome.records.push(offsetTombstone(group.groupId, topic.name, partitionIndex));
    }
    return { name: topic.name, partitions: topic.partitions.map((it) => ({ partitionIndex: it.partitionIndex, errorCode })) };
  });
  return { errorCode: ErrorCode.NONE, topics };
}
