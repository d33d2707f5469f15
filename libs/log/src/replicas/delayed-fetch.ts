import type { Scheduled, Scheduler } from '@millrace/foundation';
import type { FetchResult, FetchTarget } from './fetch-read.js';
import type { HostedPartition, PartitionWaiter } from './hosted-partition.js';

export interface DelayedFetchOptions {
  readonly targets: readonly FetchTarget[];
  readonly first: FetchResult;
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly scheduler: Scheduler;
  /** Called once, when there is enough to read, something that must be told, or no more time. */
  readonly onDue: () => void;
}

/** A long poll: it sleeps until appends have brought `minBytes` or the time is over. It is woken, it never looks by itself. */
export class DelayedFetch implements PartitionWaiter {
  private readonly watched: { readonly hosted: HostedPartition; readonly target: FetchTarget; readonly available: number; readonly appendedBytes: number }[] = [];
  private readonly timer: Scheduled;
  private isDone = false;

  constructor(private readonly options: DelayedFetchOptions) {
    options.targets.forEach((target, i) => {
      const { hosted } = target;
      if (typeof hosted === 'string') return;
      this.watched.push({ hosted, target, available: options.first.partitions[i]?.records.length ?? 0, appendedBytes: hosted.appendedBytes });
      hosted.wait(this);
    });
    this.timer = options.scheduler.after(options.maxWaitMs, () => this.finish());
  }

  onPartitionChanged(): void {
    let available = 0;
    for (const { hosted, target, available: before, appendedBytes } of this.watched) {
      const decision = hosted.machine.fetchDecision({ fetchOffset: target.fetchOffset, isolation: 'read_uncommitted', currentLeaderEpoch: target.currentLeaderEpoch, lastFetchedEpoch: target.lastFetchedEpoch, replicaId: -1, onlyFromLeader: true });
      if (decision.kind !== 'read') {
        this.finish();
        return;
      }
      if (decision.fetchOffset < decision.upTo) available += Math.min(target.maxBytes, before + hosted.appendedBytes - appendedBytes);
    }
    if (available >= this.options.minBytes) this.finish();
  }

  finish(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.timer.cancel();
    for (const { hosted } of this.watched) hosted.stopWaiting(this);
    this.options.onDue();
  }
}
