import { javaAbs, javaStringHash } from '@millrace/foundation';

/** The partition of `__consumer_offsets` (or `__transaction_state`) that a group (or a transactional id) lives on. */
export function coordinatorPartitionFor(id: string, partitionCount: number): number {
  return javaAbs(javaStringHash(id)) % partitionCount;
}
