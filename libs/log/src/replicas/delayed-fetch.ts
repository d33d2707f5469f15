import type { Scheduled, Scheduler } from '@millrace/foundation';
import type { FetchParams, FetchResult, FetchTarget } from './fetch-read.js';
import type { HostedPartition, PartitionWaiter } from './hosted-partition.js';

export interface DelayedFetchOptions {
  readonly targets: readonly FetchTarget[];
  readonly params: FetchParams;
  readonly first: FetchResult;
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly scheduler: Scheduler;
  /** Called once, when there is enough to read, something that must be told, or no more time. */
  readonly onDue: () => void;
}

/** A fetch that waits for data; it is finished early when the broker stops. */
export interface LongPoll {
  finish(): void;
}

interface Watched {
  readonly target: FetchTarget;
  readonly firstBytes: number;
  readonly bytesBefore: number;
  /** Of this partition, in `available`. */
  counted: number;
}

/** A long poll: it sleeps until appends have brought `minBytes` or the time is over. It is woken, it never looks by itself. */
export class DelayedFetch implements PartitionWaiter, LongPoll {
  readonly waitsFor: PartitionWaiter['waitsFor'];
  private readonly watched = new Map<HostedPartition, Watched>();
  private readonly timer: Scheduled;
  private available = 0;
  private isDone = false;

  constructor(private readonly options: DelayedFetchOptions) {
    this.waitsFor = options.params.replicaId >= 0 ? 'followers' : 'consumers';
    options.targets.forEach((target, i) => {
      const { hosted } = target;
      if (typeof hosted === 'string') return;
      const firstBytes = options.first.partitions[i]?.records.length ?? 0;
      this.watched.set(hosted, { target, firstBytes, bytesBefore: hosted.logBytesIn, counted: firstBytes });
      this.available += firstBytes;
      hosted.wait(this);
    });
    this.timer = options.scheduler.after(options.maxWaitMs, () => this.finish());
  }

  onPartitionChanged(hosted: HostedPartition): void {
    const watched = this.watched.get(hosted);
    if (watched === undefined || this.isDone) return;
    const { target } = watched;
    const { isolation, replicaId, onlyFromLeader, isHeldBack } = this.options.params;
    const decision = hosted.machine.fetchDecision({ fetchOffset: target.fetchOffset, isolation, currentLeaderEpoch: target.currentLeaderEpoch, lastFetchedEpoch: target.lastFetchedEpoch, replicaId, onlyFromLeader });
    if (decision.kind !== 'read') {
      this.finish();
      return;
    }
    if (decision.fetchOffset >= decision.upTo || isHeldBack?.(hosted) === true) return;
    const counted = Math.min(target.maxBytes, watched.firstBytes + hosted.logBytesIn - watched.bytesBefore);
    this.available += counted - watched.counted;
    watched.counted = counted;
    if (this.available >= this.options.minBytes) this.finish();
  }

  finish(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.timer.cancel();
    for (const hosted of this.watched.keys()) hosted.stopWaiting(this);
    this.options.onDue();
  }
}
