import type { Offset, Scheduler } from '@millrace/foundation';
import type { ErrorName } from '@millrace/protocol';
import type { HostedPartition, PartitionWaiter } from './hosted-partition.js';

export interface AckTarget {
  readonly hosted: HostedPartition;
  readonly requiredOffset: Offset;
  /** Of the partition, at the append. */
  readonly leadershipsLost: number;
  /** Null: every in-sync replica has it. */
  readonly onSettled: (error: ErrorName | null) => void;
}

/** acks=all: resolves when each target's high watermark has passed its records, or has failed, or the request's time is over (REQUEST_TIMED_OUT). */
export function awaitAcks(targets: readonly AckTarget[], timeoutMs: number, scheduler: Scheduler): Promise<void> {
  return new Promise((resolve) => {
    const open = new Set(targets);
    const watched = new Set(targets.map((it) => it.hosted));
    const settle = (target: AckTarget, error: ErrorName | null): void => {
      open.delete(target);
      target.onSettled(error);
    };
    const waiter: PartitionWaiter = {
      waitsFor: 'producers',
      onPartitionChanged: () => {
        for (const target of open) {
          const status = target.hosted.ackStatus(target.requiredOffset, target.leadershipsLost);
          if (status !== 'pending') settle(target, status === 'complete' ? null : status);
        }
        if (open.size === 0) finish();
      },
    };
    const timer = scheduler.after(timeoutMs, () => {
      for (const target of open) settle(target, 'REQUEST_TIMED_OUT');
      finish();
    });
    const finish = (): void => {
      timer.cancel();
      for (const hosted of watched) hosted.stopWaiting(waiter);
      resolve();
    };
    for (const hosted of watched) hosted.wait(waiter);
  });
}
