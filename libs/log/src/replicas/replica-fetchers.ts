import type { BrokerId, LeaderEpoch } from '@millrace/foundation';
import type { HostedPartition } from './hosted-partition.js';
import type { ReplicaFetcher } from './replica-fetcher.js';

export interface ReplicaFetchersOptions {
  /** `num.replica.fetchers`: connections to each leader. */
  readonly perLeader: number;
  readonly make: (leaderId: BrokerId) => ReplicaFetcher;
}

interface Place {
  readonly fetcher: ReplicaFetcher;
  readonly leader: BrokerId;
  readonly leaderEpoch: LeaderEpoch;
}

/** Which fetcher fetches which of the partitions that this broker follows. */
export class ReplicaFetchers {
  private readonly fetchers = new Map<string, ReplicaFetcher>();
  private readonly places = new Map<HostedPartition, Place>();
  private nextLane = 0;
  private readonly laneOf = new WeakMap<HostedPartition, number>();
  private failedBefore = 0;
  private readonly stopping = new Set<Promise<void>>();
  private isStopped = false;

  constructor(private readonly options: ReplicaFetchersOptions) {}

  get maxLag(): number {
    return Math.max(0, ...[...this.fetchers.values()].map((it) => it.maxLag));
  }

  get failedPartitions(): number {
    return [...this.fetchers.values()].reduce((sum, it) => sum + it.failedPartitions, this.failedBefore);
  }

  /** Follows what the machine of the partition was told last: its leader, or nobody. */
  follow(hosted: HostedPartition): void {
    const { role, leader, leaderEpoch } = hosted.machine;
    const place = this.places.get(hosted);
    if (place !== undefined && role === 'follower' && place.leader === leader && place.leaderEpoch === leaderEpoch) return;
    this.leave(hosted);
    if (this.isStopped || role !== 'follower' || leader < 0) return;
    const fetcher = this.fetcherFor(hosted, leader);
    this.places.set(hosted, { fetcher, leader, leaderEpoch });
    fetcher.add(hosted);
  }

  leave(hosted: HostedPartition): void {
    this.places.get(hosted)?.fetcher.remove(hosted);
    this.places.delete(hosted);
  }

  /** Ends fetchers that have nothing to fetch. */
  stopIdle(): void {
    for (const [key, fetcher] of this.fetchers) {
      if (!fetcher.isEmpty || [...this.places.values()].some((it) => it.fetcher === fetcher)) continue;
      this.fetchers.delete(key);
      this.failedBefore += fetcher.failedPartitions;
      const stopped = fetcher.stop().finally(() => this.stopping.delete(stopped));
      this.stopping.add(stopped);
    }
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.places.clear();
    await Promise.all([...[...this.fetchers.values()].map((it) => it.stop()), ...this.stopping]);
  }

  private fetcherFor(hosted: HostedPartition, leader: BrokerId): ReplicaFetcher {
    let lane = this.laneOf.get(hosted);
    if (lane === undefined) {
      lane = this.nextLane++ % this.options.perLeader;
      this.laneOf.set(hosted, lane);
    }
    const key = `${leader}-${lane}`;
    let fetcher = this.fetchers.get(key);
    if (fetcher === undefined) this.fetchers.set(key, (fetcher = this.options.make(leader)));
    return fetcher;
  }
}
