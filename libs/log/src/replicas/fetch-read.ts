import type { BrokerEpoch, BrokerId, LeaderEpoch, Offset } from '@millrace/foundation';
import type { FetchIsolation } from '@millrace/partition';
import { NO_BYTES, type ErrorName } from '@millrace/protocol';
import type { AbortedTransaction, ReadResult } from '@millrace/storage';
import { logErrorName } from '../storage-failure.js';
import type { HostedPartition } from './hosted-partition.js';

/** One partition that a Fetch asks for. `hosted` is the error to answer when it is not here. */
export interface FetchTarget {
  readonly hosted: HostedPartition | ErrorName;
  readonly fetchOffset: Offset;
  readonly currentLeaderEpoch: LeaderEpoch;
  readonly lastFetchedEpoch: LeaderEpoch;
  /** Of a follower's log. */
  readonly logStartOffset: Offset;
  readonly maxBytes: number;
}

export interface FetchedPartition {
  readonly error: ErrorName | null;
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  readonly logStartOffset: Offset;
  readonly records: Uint8Array;
  /** Null unless read_committed was asked for. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly diverging: { readonly leaderEpoch: LeaderEpoch; readonly endOffset: Offset } | null;
  /** Where the consumer should read instead; -1: here. */
  readonly preferredReadReplica: BrokerId;
}

export interface FetchResult {
  /** What was asked for, in the order of `partitions`. */
  readonly targets: readonly FetchTarget[];
  readonly partitions: readonly FetchedPartition[];
  readonly bytes: number;
  /** An error or a divergence: the client must hear of it now, whatever it asked to wait for. */
  readonly isUrgent: boolean;
  /** Gives the memory of the records back; to be called once nobody reads them any more, or never. */
  readonly release: () => void;
}

export interface FetchParams {
  readonly isolation: FetchIsolation;
  readonly maxBytes: number;
  /** -1 for a consumer. */
  readonly replicaId: BrokerId;
  readonly onlyFromLeader: boolean;
  /** Who follows; its fetch offsets say what it has. */
  readonly follower?: { readonly brokerEpoch: BrokerEpoch; readonly isEligible: boolean };
  /** A follower that is throttled gets nothing of this partition now. */
  readonly isHeldBack?: (hosted: HostedPartition) => boolean;
  /** Another replica that this consumer should read from; -1: none. */
  readonly preferredReplica?: (hosted: HostedPartition, fetchOffset: Offset) => BrokerId;
}

const NOTHING: FetchedPartition = { error: null, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, records: NO_BYTES, abortedTransactions: null, diverging: null, preferredReadReplica: -1 };

/**
 * Reads the partitions in the order of the request until the bytes are used up. The first batch that is found is returned even when it
 * is larger than every limit (KIP-74). Stays synchronous as long as the log answers from memory.
 */
export function readPartitions(targets: readonly FetchTarget[], params: FetchParams): FetchResult | Promise<FetchResult> {
  return new FetchRead(targets, params).run();
}

class FetchRead {
  private readonly partitions: FetchedPartition[] = [];
  private readonly reads: ReadResult[] = [];
  private bytes = 0;
  private isUrgent = false;

  constructor(
    private readonly targets: readonly FetchTarget[],
    private readonly params: FetchParams,
  ) {}

  run(): FetchResult | Promise<FetchResult> {
    while (this.partitions.length < this.targets.length) {
      const pending = this.readNext(this.targets[this.partitions.length]!);
      if (pending !== undefined) return pending.then(() => this.run());
    }
    return { targets: this.targets, partitions: this.partitions, bytes: this.bytes, isUrgent: this.isUrgent, release: () => this.release() };
  }

  private readNext(target: FetchTarget): Promise<void> | undefined {
    const { hosted } = target;
    if (typeof hosted === 'string') return this.fail(hosted);
    const decision = hosted.machine.fetchDecision({
      fetchOffset: target.fetchOffset,
      isolation: this.params.isolation,
      currentLeaderEpoch: target.currentLeaderEpoch,
      lastFetchedEpoch: target.lastFetchedEpoch,
      replicaId: this.params.replicaId,
      onlyFromLeader: this.params.onlyFromLeader,
    });
    if (decision.kind === 'error') return this.fail(decision.error);
    const { lastStableOffset, logStartOffset } = decision;
    if (decision.kind === 'diverging') {
      this.isUrgent = true;
      this.partitions.push({ ...NOTHING, highWatermark: decision.highWatermark, lastStableOffset, logStartOffset, diverging: { leaderEpoch: decision.diverging.leaderEpoch, endOffset: decision.diverging.endOffset } });
      return undefined;
    }
    const preferredReadReplica = this.params.preferredReplica?.(hosted, decision.fetchOffset) ?? -1;
    if (preferredReadReplica >= 0) {
      this.isUrgent = true;
      this.partitions.push({ ...NOTHING, highWatermark: decision.highWatermark, lastStableOffset, logStartOffset, preferredReadReplica });
      return undefined;
    }
    if (this.params.follower !== undefined) hosted.followerFetched({ ...this.params.follower, replicaId: this.params.replicaId, fetchOffset: decision.fetchOffset, logStartOffset: target.logStartOffset }, decision.logEndOffset);
    // What the follower has just acknowledged may have moved it.
    const highWatermark = this.params.follower === undefined ? decision.highWatermark : hosted.machine.highWatermark;
    const add = (records: Uint8Array, nextOffset: Offset): void => {
      const abortedTransactions = this.params.isolation !== 'read_committed' ? null : records.length === 0 ? [] : hosted.log.abortedTransactions(decision.fetchOffset, nextOffset);
      this.bytes += records.length;
      this.partitions.push({ error: null, highWatermark, lastStableOffset, logStartOffset, records, abortedTransactions, diverging: null, preferredReadReplica: -1 });
    };
    const left = this.params.maxBytes - this.bytes;
    const isFirst = this.bytes === 0;
    if (decision.fetchOffset >= decision.upTo || (left <= 0 && !isFirst) || this.params.isHeldBack?.(hosted) === true) {
      add(NO_BYTES, decision.fetchOffset);
      return undefined;
    }
    return this.readLog(hosted, { offset: decision.fetchOffset, maxBytes: Math.max(0, Math.min(target.maxBytes, left)), maxOffset: decision.upTo, minOneBatch: isFirst }, add);
  }

  private readLog(hosted: HostedPartition, request: { offset: Offset; maxBytes: number; maxOffset: Offset; minOneBatch: boolean }, add: (records: Uint8Array, nextOffset: Offset) => void): Promise<void> | undefined {
    const take = (read: ReadResult): undefined => {
      this.reads.push(read);
      add(read.bytes, read.nextOffset);
    };
    try {
      const read = hosted.readAhead.read(request);
      return read instanceof Promise ? read.then(take).catch((error: unknown) => this.failRead(error)) : take(read);
    } catch (error) {
      return this.failRead(error);
    }
  }

  private release(): void {
    for (const read of this.reads.splice(0)) read.release();
  }

  private failRead(error: unknown): undefined {
    return this.fail(logErrorName(error));
  }

  private fail(error: ErrorName): undefined {
    this.isUrgent = true;
    this.partitions.push({ ...NOTHING, error });
    return undefined;
  }
}
