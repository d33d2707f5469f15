import type { BrokerId, Offset, PartitionEpoch } from '@millrace/foundation';
import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import { isSameSet, keyOf, type HostedReplica } from './broker-view.js';
import { batchIndexAt, isSameBatch, type LogObserver } from './log-observer.js';
import type { MetadataHistory } from './metadata-history.js';

/** How long what happened may have been there before the history knew it. */
const SEEN_LATE_MS = 600;

export interface InSyncMembersOptions {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly history: MetadataHistory;
  readonly observerOf: (node: SimulatedBroker) => LogObserver;
}

/** A leader at this moment, beside the disks of its in-sync replicas. */
export class InSyncMembers {
  /** When each machine last lost what it had not synced. */
  private readonly powerLostAtMs = new Map<SimulatedBroker, number>();

  constructor(private readonly options: InSyncMembersOptions) {}

  powerLost(node: SimulatedBroker): void {
    this.powerLostAtMs.set(node, this.options.world.loop.nowMs);
  }

  /**
   * Invariant 4: what is acknowledged now is on every in-sync replica, which were at least `min.insync.replicas` at some time since the request came, in partition epoch
   * `askedAt` (an answer waits for all partitions of its request).
   */
  acknowledges(node: SimulatedBroker, hosted: HostedReplica, baseOffset: Offset, askedAt: PartitionEpoch): void {
    const { world, cluster, history } = this.options;
    const { machine } = hosted;
    if (machine.role !== 'leader' || baseOffset < hosted.log.logStartOffset) return;
    const at = `${node.host}, ${hosted.topic}-${hosted.partition}`;
    const members = this.membersOf(hosted);
    const needed = Math.min(cluster.minInsyncReplicas, machine.replicas.length);
    let most = members.length;
    for (let epoch = askedAt; epoch < machine.partitionEpoch; epoch++) most = Math.max(most, history.at(keyOf(hosted), epoch)?.isr.length ?? needed);
    if (most < needed) world.breach(4, `${at}: offset ${baseOffset} is acknowledged with ${most} in-sync replicas (${members.join()}), where ${needed} are needed`);
    const lacking = this.firstWithout(node, hosted, baseOffset, members);
    if (lacking !== undefined) world.breach(4, `${at}: offset ${baseOffset} is acknowledged, and ${lacking}, which is in sync (${members.join()}), does not have it`);
  }

  /** Invariants 11, 12: the in-sync replicas that a leader goes by are those that the controller committed, and all of them have what is below its high watermark, those included that are about to join. */
  look(node: SimulatedBroker, hosted: HostedReplica, key: string): void {
    const { world, history } = this.options;
    const { machine } = hosted;
    if (machine.role !== 'leader') return;
    const at = `${node.host}, ${hosted.topic}-${hosted.partition}`;
    const committed = history.at(key, machine.partitionEpoch);
    if (committed !== undefined && !isSameSet(committed.isr, machine.isr.committed)) {
      world.breach(11, `${at}: the leader goes by in-sync replicas ${machine.isr.committed.join()} of partition epoch ${machine.partitionEpoch}, the controller committed ${committed.isr.join()}`);
    }
    if (machine.highWatermark <= hosted.log.logStartOffset) return;
    const members = this.membersOf(hosted);
    const lacking = this.firstWithout(node, hosted, machine.highWatermark - 1, members);
    if (lacking !== undefined) world.breach(12, `${at}: the high watermark is ${machine.highWatermark}, and ${lacking}, which counts as in sync (${members.join()}), has less`);
  }

  /** As the controller committed them in the partition epoch that the leader knows, with those that it has proposed to add. */
  private membersOf(hosted: HostedReplica): readonly BrokerId[] {
    const { machine } = hosted;
    const committed = this.options.history.at(keyOf(hosted), machine.partitionEpoch)?.isr ?? machine.isr.committed;
    const { pending } = machine.isr;
    return pending?.kind === 'expand' ? [...new Set([...committed, ...pending.proposal.isr.map((it) => it.brokerId)])] : committed;
  }

  private firstWithout(leader: SimulatedBroker, hosted: HostedReplica, offset: Offset, members: readonly BrokerId[]): string | undefined {
    const { cluster, observerOf } = this.options;
    const folder = `${hosted.topic}-${hosted.partition}`;
    const own = observerOf(leader).lookAt(folder);
    const batch = own[batchIndexAt(own, offset)];
    if (batch === undefined || batch.baseOffset > offset) return undefined;
    for (const id of members) {
      const node = cluster.brokers.find((it) => it.brokerId === id);
      if (node === undefined || node === leader || !node.isUp || this.mayLack(node, keyOf(hosted)) || this.isRemoved(id, keyOf(hosted))) continue;
      const log = observerOf(node).lookAt(folder);
      const found = log[batchIndexAt(log, batch.baseOffset)];
      const isDeleted = log.length > 0 && batch.lastOffset < log[0]!.baseOffset;
      if (!isDeleted && (found === undefined || !isSameBatch(found, batch))) return node.host;
    }
    return undefined;
  }

  /** A broker that is no replica any more deletes its log as soon as it reads so, maybe before the leader does. */
  private isRemoved(id: BrokerId, key: string): boolean {
    return this.options.history.isRemovedSince(key, id, this.options.world.loop.nowMs - SEEN_LATE_MS);
  }

  /** A machine that lost power lacks what it had not synced until it has come in sync anew: that is within the promise. */
  private mayLack(node: SimulatedBroker, key: string): boolean {
    const lostAtMs = this.powerLostAtMs.get(node);
    if (lostAtMs === undefined) return false;
    const sinceMs = this.options.history.inSyncSinceMs(key, node.brokerId);
    return sinceMs === undefined || sinceMs <= lostAtMs + SEEN_LATE_MS;
  }
}
