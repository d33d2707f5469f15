import type { LeaderEpoch } from '@millrace/foundation';
import type { World } from '../world.js';
import type { HostedReplica } from './broker-view.js';
import type { ObservedBatch } from './log-observer.js';

interface SeenLeader {
  readonly log: readonly ObservedBatch[];
  readonly count: number;
  /** In which it led. */
  readonly ownEpoch: LeaderEpoch;
  /** The newest leader epoch that the broker knew of, by its partition or its metadata. */
  readonly knownEpoch: LeaderEpoch;
}

/** Invariant 9: a leader appends nothing under an epoch older than the newest that its broker knows. */
export class SupersededAppends {
  private readonly seen = new WeakMap<HostedReplica, SeenLeader>();

  constructor(private readonly world: World) {}

  look(who: string, hosted: HostedReplica, log: readonly ObservedBatch[], imageEpoch: LeaderEpoch): void {
    const { machine } = hosted;
    if (machine.role !== 'leader') {
      this.seen.delete(hosted);
      return;
    }
    const before = this.seen.get(hosted);
    if (before?.log === log) {
      // Batches of other epochs it has fetched, if it followed between two looks.
      const stale = before.ownEpoch < before.knownEpoch ? log.slice(before.count).find((it) => it.leaderEpoch === before.ownEpoch) : undefined;
      if (stale !== undefined) this.world.breach(9, `${who}, ${hosted.topic}-${hosted.partition}: the leader appends offset ${stale.baseOffset} in epoch ${stale.leaderEpoch}, having known of epoch ${before.knownEpoch}`);
    }
    this.seen.set(hosted, { log, count: log.length, ownEpoch: machine.leaderEpoch, knownEpoch: Math.max(machine.leaderEpoch, imageEpoch) });
  }
}
