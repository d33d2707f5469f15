import type { GroupMetadataValue } from '@millrace/protocol';
import { ClassicGroup } from './classic/classic-group.js';
import { ClassicMember } from './classic/classic-member.js';

/** The group that a record of the log describes. */
export function restoreGroup(groupId: string, value: GroupMetadataValue): ClassicGroup {
  const group = new ClassicGroup(groupId);
  group.generationId = value.generation;
  group.protocolType = value.protocolType === '' ? null : value.protocolType;
  group.protocolName = value.protocol;
  group.stateChangedMs = value.currentStateTimestamp;
  for (const it of value.members) {
    const member = new ClassicMember({
      memberId: it.memberId,
      groupInstanceId: it.groupInstanceId,
      clientId: it.clientId,
      clientHost: it.clientHost,
      rebalanceTimeoutMs: it.rebalanceTimeout === -1 ? it.sessionTimeout : it.rebalanceTimeout,
      sessionTimeoutMs: it.sessionTimeout,
      protocols: value.protocol === null ? [] : [{ name: value.protocol, metadata: it.subscription }],
      assignment: it.assignment,
    });
    group.add(member, value.protocolType);
  }
  group.leaderId = value.leader;
  group.state = value.members.length === 0 ? 'Empty' : 'Stable';
  group.previousState = group.state;
  group.recomputeTopics();
  return group;
}
