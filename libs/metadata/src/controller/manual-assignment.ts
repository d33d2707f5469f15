import type { BrokerId } from '@millrace/foundation';
import { ErrorCode } from '@millrace/protocol';
import { refuse, type ControllerView } from './controller-result.js';

/** A manual assignment: known brokers, each once, and as many as in the partitions before. */
export function checkAssignment(view: ControllerView, replicas: readonly BrokerId[], replicationFactor: number | undefined): void {
  if (replicas.length === 0) refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'The manual partition assignment includes an empty replica list.');
  const seen = new Set<BrokerId>();
  for (const id of [...replicas].sort((a, b) => a - b)) {
    if (view.image.broker(id) === undefined) refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes broker ${id}, but no such broker is registered.`);
    if (seen.has(id)) refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes the broker ${id} more than once.`);
    seen.add(id);
  }
  if (replicationFactor !== undefined && replicas.length !== replicationFactor) {
    refuse(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ${replicationFactor} replica(s).`,
    );
  }
}
