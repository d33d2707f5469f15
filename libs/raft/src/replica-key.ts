import type { BrokerId, Uuid } from '@millrace/foundation';

/** A replica of the metadata log: the node, and the directory that the log is in (KIP-853). A replaced disk is another replica. */
export interface ReplicaKey {
  readonly nodeId: BrokerId;
  /** The zero uuid when it is not known. */
  readonly directoryId: Uuid;
}
