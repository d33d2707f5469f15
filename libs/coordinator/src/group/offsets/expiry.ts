import type { ClassicGroup } from '../classic/classic-group.js';
import type { GroupRecord } from '../group-record.js';
import type { CommittedOffset, CommittedOffsets } from './committed-offsets.js';

/**
 * The time from which an offset's retention counts, or null while it may not expire: for an empty group since it became empty, for a stable consumer group (of
 * topics that it no longer reads) and for a simple group since the commit.
 */
function retentionStartOf(group: ClassicGroup): ((committed: CommittedOffset) => number) | null {
  if (group.protocolType === null) return (committed) => committed.commitTimestampMs;
  if (group.state === 'Empty') return (committed) => (group.stateChangedMs < 0 ? committed.commitTimestampMs : group.stateChangedMs);
  if (group.usesConsumerProtocol && group.topics !== null && group.state === 'Stable') return (committed) => committed.commitTimestampMs;
  return null;
}

/** Tombstones for the expired offsets of a group. Returns whether the group has no offset left that would keep it alive. */
export function expireOffsets(group: ClassicGroup, offsets: CommittedOffsets, time: { nowMs: number; retentionMs: number }, records: GroupRecord[]): boolean {
  const retentionStart = retentionStartOf(group);
  const topics = offsets.ofGroup(group.groupId);
  let isAllGone = !offsets.hasOpenTransaction(group.groupId);
  for (const [topic, partitions] of topics) {
    for (const [partition, committed] of partitions) {
      if (retentionStart === null || group.isSubscribedTo(topic) || !isExpired(committed, retentionStart(committed), time) || offsets.isPending(group.groupId, topic, partition)) {
        isAllGone = false;
        continue;
      }
      records.push(offsetTombstone(group.groupId, topic, partition));
    }
  }
  return isAllGone;
}

export function offsetTombstone(group: string, topic: string, partition: number): GroupRecord {
  return { type: 'OffsetCommit', key: { group, topic, partition }, value: null };
}

function isExpired(committed: CommittedOffset, retentionStartMs: number, time: { nowMs: number; retentionMs: number }): boolean {
  // A client of before OffsetCommit v5 may have asked for a time of its own.
  if (committed.expireTimestampMs >= 0) return time.nowMs >= committed.expireTimestampMs;
  return time.nowMs - retentionStartMs >= time.retentionMs;
}
