import type { GroupOutcome } from '../group-effects.js';
import type { ClassicGroup } from './classic-group.js';
import { completeJoin, expel, rebalanceOrComplete, type ClassicContext } from './rebalance.js';

/** Nothing was heard of this member (or of this pending member id) for its session timeout. */
export function sessionEnded(context: ClassicContext, group: ClassicGroup, memberId: string, outcome: GroupOutcome): void {
  if (group.pendingMemberIds.has(memberId)) {
    group.remove(memberId);
    if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) completeJoin(context, group, outcome);
    return;
  }
  const member = group.members.get(memberId);
  if (member === undefined || member.isAliveWithoutHeartbeat) return;
  expel(context, group, member, outcome);
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') rebalanceOrComplete(context, group, outcome);
  else if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) completeJoin(context, group, outcome);
}
