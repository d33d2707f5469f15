import type { BrokerEpoch, BrokerId, LeaderEpoch, Offset, TimestampMs, Uuid } from '@millrace/foundation';
import type { ErrorName, FetchRequest } from '@millrace/protocol';
import type { FetchedPartition, FetchTarget } from './fetch-read.js';
import type { HostedPartition, PartitionWaiter } from './hosted-partition.js';

/** One partition that a follower asks for again and again, without naming it each time. */
export interface SessionPartition {
  readonly topicId: Uuid;
  readonly partition: number;
  fetchOffset: Offset;
  currentLeaderEpoch: LeaderEpoch;
  lastFetchedEpoch: LeaderEpoch;
  logStartOffset: Offset;
  maxBytes: number;
  hosted: HostedPartition | undefined;
  /** At the follower's last request it had all there was, and nothing has come since. */
  isAtEnd: boolean;
  sentHighWatermark: Offset;
  sentLogStartOffset: Offset;
}

export interface SessionWait {
  readonly minBytes: number;
  readonly bytesBefore: number;
  readonly finish: () => void;
}

export interface FetchSessionOptions {
  readonly sessionId: number;
  readonly replicaId: BrokerId;
  readonly brokerEpoch: BrokerEpoch;
  readonly find: (topicId: Uuid, partition: number) => HostedPartition | ErrorName;
  /** A follower that is throttled gets nothing of this partition now. */
  readonly isHeldBack: (hosted: HostedPartition) => boolean;
}

/**
 * What one follower fetches from this broker (KIP-227): its requests name only what changed, and so do the answers. A request costs what has happened since the one before it, not what
 * there is: partitions tell the session when there is something, and only those are looked at.
 */
export class FetchSession implements PartitionWaiter {
  readonly waitsFor = 'anything';
  /** Of the next request. */
  epoch = 1;
  lastFetchMs: TimestampMs = 0;
  private isEligible = false;
  private readonly partitions = new Map<Uuid, Map<number, SessionPartition>>();
  private readonly byHosted = new Map<HostedPartition, SessionPartition>();
  /** Something may have to be told. In the order of their turn. */
  private readonly dirty = new Set<SessionPartition>();
  private waiting: SessionWait | undefined;
  private isClosed = false;

  constructor(private readonly options: FetchSessionOptions) {}

  get sessionId(): number {
    return this.options.sessionId;
  }

  get replicaId(): BrokerId {
    return this.options.replicaId;
  }

  get brokerEpoch(): BrokerEpoch {
    return this.options.brokerEpoch;
  }

  /** What a request says anew. Whatever it does not name is asked for again as it was. */
  update(request: FetchRequest, moment: { readonly nowMs: TimestampMs; readonly isEligible: boolean }): void {
    for (const topic of request.forgottenTopicsData) for (const partition of topic.partitions) this.forget(topic.topicId, partition);
    for (const topic of request.topics) for (const it of topic.partitions) this.name(topic.topicId, it);
    this.lastFetchMs = moment.nowMs;
    if (moment.isEligible === this.isEligible) return;
    // What it has counts differently from now on.
    this.isEligible = moment.isEligible;
    for (const partitions of this.partitions.values()) for (const it of partitions.values()) this.dirty.add(it);
  }

  /** What is to be looked at, in order. What happens from now on comes with the next call. */
  take(): { readonly partitions: readonly SessionPartition[]; readonly targets: readonly FetchTarget[] } {
    const partitions = [...this.dirty];
    this.dirty.clear();
    const targets = partitions.map((it): FetchTarget => {
      const hosted = this.options.find(it.topicId, it.partition);
      this.watch(it, typeof hosted === 'string' ? undefined : hosted);
      return { hosted, fetchOffset: it.fetchOffset, currentLeaderEpoch: it.currentLeaderEpoch, lastFetchedEpoch: it.lastFetchedEpoch, logStartOffset: it.logStartOffset, maxBytes: it.maxBytes };
    });
    return { partitions, targets };
  }

  /** Whether the follower does not know yet what a look at the partition found. */
  isNews(it: SessionPartition, found: FetchedPartition): boolean {
    return found.error !== null || found.diverging !== null || found.records.length > 0 || found.highWatermark !== it.sentHighWatermark || found.logStartOffset !== it.sentLogStartOffset;
  }

  /** What a look at the partition found, as it was when it was taken: whether it must be looked at again. */
  looked(it: SessionPartition, found: FetchedPartition): void {
    const { hosted } = it;
    if (hosted === undefined || found.error !== null || found.diverging !== null) {
      it.isAtEnd = false;
      this.dirty.add(it);
      return;
    }
    const { machine } = hosted;
    it.isAtEnd = machine.logEndOffset === it.fetchOffset;
    // Left out for want of room; or to be proposed as in sync by its next request, though that may say nothing new.
    if ((!it.isAtEnd && found.records.length === 0) || !machine.isr.committed.includes(this.replicaId)) this.dirty.add(it);
  }

  /** The answer says this of the partition. */
  told(it: SessionPartition, found: FetchedPartition): void {
    it.sentHighWatermark = found.error === null ? found.highWatermark : -1;
    it.sentLogStartOffset = found.logStartOffset;
  }

  /** It was found, and is not told now. */
  keep(it: SessionPartition): void {
    this.dirty.add(it);
  }

  /** `finish` is called once when so many bytes have come, or something else that must be told; at once when that was while the answer was looked for. */
  wait(waiting: SessionWait): void {
    this.waiting = waiting;
    if (waiting.minBytes > 1) return;
    for (const { hosted, fetchOffset } of this.dirty) {
      if (hosted === undefined || hosted.machine.logEndOffset <= fetchOffset || this.options.isHeldBack(hosted)) continue;
      this.finish();
      return;
    }
  }

  /** The time of the wait is over. */
  stopWaiting(): void {
    this.waiting = undefined;
  }

  onPartitionChanged(hosted: HostedPartition): void {
    const it = this.byHosted.get(hosted);
    if (it === undefined || this.isClosed) return;
    this.dirty.add(it);
    const { machine } = hosted;
    const hasMore = machine.logEndOffset > it.fetchOffset;
    if (hasMore && it.isAtEnd) {
      it.isAtEnd = false;
      machine.followerWasCaughtUp(this.replicaId, it.fetchOffset, this.lastFetchMs);
    }
    const { waiting } = this;
    if (waiting === undefined) return;
    const mustTell = machine.role !== 'leader' || machine.leaderEpoch !== it.currentLeaderEpoch;
    if (!mustTell && (!hasMore || this.options.isHeldBack(hosted))) return;
    if (mustTell || waiting.minBytes <= 1 || this.bytesIn() - waiting.bytesBefore >= waiting.minBytes) this.finish();
  }

  /** Of all its partitions; what a wait for more than one byte counts by. */
  bytesIn(): number {
    let bytes = 0;
    for (const hosted of this.byHosted.keys()) bytes += hosted.logBytesIn;
    return bytes;
  }

  close(): void {
    this.isClosed = true;
    for (const hosted of this.byHosted.keys()) hosted.stopWaiting(this);
    this.byHosted.clear();
    this.partitions.clear();
    this.dirty.clear();
    this.finish();
  }

  private finish(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.finish();
  }

  private name(topicId: Uuid, named: FetchRequest.Partition): void {
    let partitions = this.partitions.get(topicId);
    if (partitions === undefined) this.partitions.set(topicId, (partitions = new Map()));
    const { fetchOffset, currentLeaderEpoch, lastFetchedEpoch, logStartOffset, partitionMaxBytes: maxBytes } = named;
    let known = partitions.get(named.partition);
    if (known === undefined) {
      known = { topicId, partition: named.partition, fetchOffset, currentLeaderEpoch, lastFetchedEpoch, logStartOffset, maxBytes, hosted: undefined, isAtEnd: false, sentHighWatermark: -1, sentLogStartOffset: -1 };
      partitions.set(named.partition, known);
    } else Object.assign(known, { fetchOffset, currentLeaderEpoch, lastFetchedEpoch, logStartOffset, maxBytes, isAtEnd: false });
    this.dirty.add(known);
  }

  private forget(topicId: Uuid, partition: number): void {
    const partitions = this.partitions.get(topicId);
    const known = partitions?.get(partition);
    if (partitions === undefined || known === undefined) return;
    partitions.delete(partition);
    if (partitions.size === 0) this.partitions.delete(topicId);
    this.dirty.delete(known);
    this.watch(known, undefined);
  }

  private watch(it: SessionPartition, hosted: HostedPartition | undefined): void {
    if (it.hosted === hosted || this.isClosed) return;
    if (it.hosted !== undefined) {
      it.hosted.stopWaiting(this);
      this.byHosted.delete(it.hosted);
    }
    it.hosted = hosted;
    if (hosted === undefined) return;
    this.byHosted.set(hosted, it);
    hosted.wait(this);
  }
}
