import type { BrokerId, Offset } from '@millrace/foundation';
import type { VisibleBroker } from '../broker/broker-services.js';
import type { HostedPartition } from './hosted-partition.js';

/**
 * Where a consumer of this rack reads best (KIP-392): from the leader when it stands there, else from the in-sync replica there that is furthest on; -1 is the leader. Only a
 * replica that has the offset counts.
 */
export function preferredReplica(hosted: HostedPartition, question: { readonly rackId: string; readonly fetchOffset: Offset; readonly leaderRack: string | null; readonly brokers: readonly VisibleBroker[] }): BrokerId {
  const { machine } = hosted;
  const { rackId, fetchOffset, leaderRack, brokers } = question;
  if (rackId === '' || machine.role !== 'leader' || leaderRack === rackId) return -1;
  let best: BrokerId = -1;
  let bestEnd: Offset = -1;
  for (const broker of brokers) {
    const follower = machine.follower(broker.brokerId);
    if (broker.rack !== rackId || follower === undefined || !machine.isr.committed.includes(broker.brokerId)) continue;
    if (follower.logStartOffset < 0 || follower.logStartOffset > fetchOffset || follower.logEndOffset < fetchOffset || follower.logEndOffset <= bestEnd) continue;
    best = broker.brokerId;
    bestEnd = follower.logEndOffset;
  }
  return best;
}
