import type { Offset, Scheduler } from '@millrace/foundation';
import type { ErrorName } from '@millrace/protocol';
import type { HostedPartition, PartitionWaiter } from './hosted-partition.js';

/** DeleteRecords: gives the low watermark once every replica on an active broker begins at `offset` or later, or the error. */
export function awaitDeletion(hosted: HostedPartition, offset: Offset, options: { readonly timeoutMs: number; readonly scheduler: Scheduler }): Promise<{ readonly lowWatermark: Offset } | ErrorName> {
  const { machine, leadershipsLost } = hosted;
  const outcome = (): { readonly lowWatermark: Offset } | ErrorName | undefined => {
    if (machine.role === 'offline') return 'KAFKA_STORAGE_ERROR';
    if (machine.role !== 'leader' || hosted.leadershipsLost !== leadershipsLost) return 'NOT_LEADER_OR_FOLLOWER';
    const lowWatermark = machine.lowWatermark();
    return lowWatermark >= offset ? { lowWatermark } : undefined;
  };
  const now = outcome();
  if (now !== undefined) return Promise.resolve(now);
  return new Promise((resolve) => {
    const end = (result: { readonly lowWatermark: Offset } | ErrorName): void => {
      timer.cancel();
      hosted.stopWaiting(waiter);
      resolve(result);
    };
    const waiter: PartitionWaiter = {
      waitsFor: 'deletions',
      onPartitionChanged: () => {
        const result = outcome();
        if (result !== undefined) end(result);
      },
    };
    const timer = options.scheduler.after(Math.max(0, options.timeoutMs), () => end('REQUEST_TIMED_OUT'));
    hosted.wait(waiter);
  });
}
