import { decodeLogKey, decodeVersioned, encodeLogKey, encodeVersioned, GroupMetadataKey, GroupMetadataValue, logKeyKind, OffsetCommitKey, OffsetCommitValue } from '@millrace/protocol';
import type { ClassicGroup } from './classic/classic-group.js';

/** A record of `__consumer_offsets`. A value of null is a tombstone. */
export type GroupRecord =
  | { readonly type: 'OffsetCommit'; readonly key: OffsetCommitKey; readonly value: OffsetCommitValue | null }
  | { readonly type: 'GroupMetadata'; readonly key: GroupMetadataKey; readonly value: GroupMetadataValue | null };

/** The group as it is to be found after a restart, with these assignments by member id (absent: the member's own). */
export function groupMetadataRecord(group: ClassicGroup, assignments?: ReadonlyMap<string, Uint8Array>): GroupRecord {
  const members = [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeout: member.rebalanceTimeoutMs,
    sessionTimeout: member.sessionTimeoutMs,
    subscription: member.metadataFor(group.protocolName),
    assignment: assignments?.get(member.memberId) ?? member.assignment,
  }));
  return {
    type: 'GroupMetadata',
    key: { group: group.groupId },
    value: { protocolType: group.protocolType ?? '', generation: group.generationId, protocol: group.protocolName, leader: group.leaderId, currentStateTimestamp: group.stateChangedMs, members },
  };
}

export function groupTombstone(groupId: string): GroupRecord {
  return { type: 'GroupMetadata', key: { group: groupId }, value: null };
}

/** Of the value formats that every Kafka since 2.1 reads. */
const OFFSET_VALUE_VERSION = 3;
/** The only one that carries an expiry of its own. */
const EXPIRING_OFFSET_VALUE_VERSION = 1;
const GROUP_VALUE_VERSION = 3;

/** Key and value as they stand in the log: each begins with an int16 (which kind of key; which version of the value). */
export function encodeGroupRecord(record: GroupRecord): { readonly key: Uint8Array; readonly value: Uint8Array | null } {
  if (record.type === 'OffsetCommit') {
    const { value } = record;
    const version = value !== null && value.expireTimestamp >= 0 ? EXPIRING_OFFSET_VALUE_VERSION : OFFSET_VALUE_VERSION;
    return { key: encodeLogKey(OffsetCommitKey, record.key), value: value === null ? null : encodeVersioned(OffsetCommitValue, value, version) };
  }
  return { key: encodeLogKey(GroupMetadataKey, record.key), value: record.value === null ? null : encodeVersioned(GroupMetadataValue, record.value, GROUP_VALUE_VERSION) };
}

/** Undefined for a kind of record that this version does not know (KIP-848 and later): it is left alone. Throws MalformedBytes for one that is damaged. */
export function decodeGroupRecord(key: Uint8Array, value: Uint8Array | null): GroupRecord | undefined {
  const kind = logKeyKind(key);
  // Kind 0 is the first form of an offset commit's key; the fields are the same.
  if (kind === OffsetCommitKey.key || kind === 0) return { type: 'OffsetCommit', key: decodeLogKey(OffsetCommitKey, key), value: value === null ? null : decodeVersioned(OffsetCommitValue, value).message };
  // Copied: the members' bytes are views, and must not keep a whole segment alive.
  if (kind === GroupMetadataKey.key) return { type: 'GroupMetadata', key: decodeLogKey(GroupMetadataKey, key), value: value === null ? null : decodeVersioned(GroupMetadataValue, new Uint8Array(value)).message };
  return undefined;
}
