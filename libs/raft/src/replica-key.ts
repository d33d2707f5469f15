import { ZERO_UUID, type BrokerId, type Uuid } from '@millrace/foundation';

/** A replica of the metadata log: the node, and the directory that the log is in (KIP-853). A replaced disk is another replica. */
export interface ReplicaKey {
  readonly nodeId: BrokerId;
  /** The zero uuid when it is not known. */
  readonly directoryId: Uuid;
}

/** Equal in both parts. */
export function isSameReplica(a: ReplicaKey, b: ReplicaKey): boolean {
  return a.nodeId === b.nodeId && a.directoryId === b.directoryId;
}

/** Whether `replica` is the one that `known` names: a known key without a directory (kraft.version 0) goes by the node alone. */
export function isNamedBy(known: ReplicaKey, replica: ReplicaKey): boolean {
  return known.nodeId === replica.nodeId && (known.directoryId === ZERO_UUID || known.directoryId === replica.directoryId);
}
