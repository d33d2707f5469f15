import type { Offset, ProducerEpoch, ProducerId, TimestampMs } from '@millrace/foundation';
import type { BatchHeader, EndTxnMarker } from '@millrace/records';

/** How many of a producer's last batches are remembered, for a retry that comes late: the producer has at most five requests in flight. */
const BATCHES_REMEMBERED = 5;
const LAST_SEQUENCE = 2_147_483_647;

/** A batch that was appended. */
export interface ProducerBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly timestampMs: TimestampMs;
}

/** What is known of one producer on this partition. */
export interface ProducerState {
  readonly producerId: ProducerId;
  epoch: ProducerEpoch;
  coordinatorEpoch: number;
  lastTimestampMs: TimestampMs;
  /** Of the open transaction; -1 for none. */
  currentTxnFirstOffset: Offset;
  /** At most five, oldest first. */
  batches: ProducerBatch[];
}

export type ProducerError = 'INVALID_PRODUCER_EPOCH' | 'OUT_OF_ORDER_SEQUENCE_NUMBER' | 'INVALID_TXN_STATE' | 'TRANSACTION_COORDINATOR_FENCED';

export type ProducerVerdict =
  | { readonly kind: 'append' }
  /** The batch is in the log already: answer with its offsets. */
  | { readonly kind: 'duplicate'; readonly batch: ProducerBatch }
  | { readonly kind: 'error'; readonly error: ProducerError; readonly message: string };

/** A transaction whose marker was appended. */
export interface CompletedTransaction {
  readonly producerId: ProducerId;
  readonly firstOffset: Offset;
  readonly lastOffset: Offset;
  readonly isAborted: boolean;
  /** Below it nothing was undecided once this transaction had ended. */
  readonly lastStableOffset: Offset;
}

const APPEND: ProducerVerdict = { kind: 'append' };

/**
 * Who has produced what on one partition: sequences for idempotence, open transactions for the last stable offset. A pure state machine: `check` only looks, `apply` takes
 * what was appended. The log rebuilds it from its snapshot and its batches.
 */
export class ProducerStateTable {
  private readonly states = new Map<ProducerId, ProducerState>();
  /** First offset → producer, of transactions that have no marker yet; in order of first offset, since offsets only grow. */
  private readonly openTransactions = new Map<Offset, ProducerId>();
  /** First offset → offset of the marker, of transactions whose marker is not yet below the high watermark; in order of their markers. */
  private readonly unreplicatedTransactions = new Map<Offset, Offset>();

  constructor(private readonly expirationMs: number) {}

  get size(): number {
    return this.states.size;
  }

  get(producerId: ProducerId): Readonly<ProducerState> | undefined {
    return this.states.get(producerId);
  }

  /** For DescribeProducers and snapshots. */
  all(): IterableIterator<Readonly<ProducerState>> {
    return this.states.values();
  }

  /**
   * What Kafka would answer to this batch. `client` batches are checked for epoch, sequence and transaction; `coordinator` ones (offset commits inside a transaction, markers)
   * for the epoch only. With `mustStartAtZero` (transaction version 2) a producer that is not known must begin at sequence 0.
   */
  check(header: BatchHeader, options: { readonly origin: 'client' | 'coordinator'; readonly mustStartAtZero?: boolean; readonly marker?: EndTxnMarker }): ProducerVerdict {
    if (header.producerId < 0) return APPEND;
    const state = this.states.get(header.producerId);
    if (state !== undefined && header.producerEpoch < state.epoch) {
      return refuse('INVALID_PRODUCER_EPOCH', `producer ${header.producerId} has epoch ${state.epoch}, the batch ${header.producerEpoch}`);
    }
    if (header.isControl) {
      if (state !== undefined && options.marker !== undefined && options.marker.coordinatorEpoch < state.coordinatorEpoch) {
        return refuse('TRANSACTION_COORDINATOR_FENCED', `coordinator epoch ${options.marker.coordinatorEpoch} is older than ${state.coordinatorEpoch}`);
      }
      return APPEND;
    }
    if (options.origin === 'client') {
      const lastSequence = lastSequenceOf(header);
      if (state !== undefined && state.epoch === header.producerEpoch) {
        for (const batch of state.batches) {
          if (batch.firstSequence === header.baseSequence && batch.lastSequence === lastSequence) return { kind: 'duplicate', batch };
        }
      }
      const problem = sequenceProblem(state, header, options.mustStartAtZero === true);
      if (problem !== undefined) return refuse('OUT_OF_ORDER_SEQUENCE_NUMBER', problem);
    }
    if (state !== undefined && state.currentTxnFirstOffset >= 0 && !header.isTransactional) {
      return refuse('INVALID_TXN_STATE', `producer ${header.producerId} has an open transaction, the batch is not transactional`);
    }
    return APPEND;
  }

  /** Takes a batch that is in the log now. Returns the transaction that it ended, if it is the marker of one that had data here. */
  apply(header: BatchHeader, marker?: EndTxnMarker): CompletedTransaction | undefined {
    if (header.producerId < 0) return undefined;
    let state = this.states.get(header.producerId);
    if (state === undefined) {
      state = { producerId: header.producerId, epoch: header.producerEpoch, coordinatorEpoch: -1, lastTimestampMs: -1, currentTxnFirstOffset: -1, batches: [] };
      this.states.set(header.producerId, state);
    }
    if (state.epoch !== header.producerEpoch) {
      state.epoch = header.producerEpoch;
      state.batches = [];
    }
    state.lastTimestampMs = header.maxTimestampMs;
    if (header.isControl) return marker === undefined ? undefined : this.endTransaction(state, header, marker);
    if (state.batches.length === BATCHES_REMEMBERED) state.batches.shift();
    state.batches.push({
      firstSequence: header.baseSequence,
      lastSequence: lastSequenceOf(header),
      baseOffset: header.baseOffset,
      lastOffset: header.lastOffset,
      timestampMs: header.maxTimestampMs,
    });
    if (header.isTransactional && state.currentTxnFirstOffset < 0) {
      state.currentTxnFirstOffset = header.baseOffset;
      this.openTransactions.set(header.baseOffset, header.producerId);
    }
    return undefined;
  }

  /** The earliest offset that belongs to a transaction without a marker, or whose marker is not below the high watermark. */
  get firstUnstableOffset(): Offset | undefined {
    let first = firstKey(this.openTransactions);
    for (const offset of this.unreplicatedTransactions.keys()) if (first === undefined || offset < first) first = offset;
    return first;
  }

  /** First offset of the earliest transaction that has no marker. */
  get firstUndecidedOffset(): Offset | undefined {
    return firstKey(this.openTransactions);
  }

  onHighWatermark(highWatermark: Offset): void {
    for (const [first, last] of this.unreplicatedTransactions) if (last < highWatermark) this.unreplicatedTransactions.delete(first);
  }

  /** Forgets producers without an open transaction that have been silent for `producer.id.expiration.ms`. */
  expire(nowMs: TimestampMs): void {
    for (const [producerId, state] of this.states) {
      if (this.isExpired(state, nowMs)) this.states.delete(producerId);
    }
  }

  clear(): void {
    this.states.clear();
    this.openTransactions.clear();
    this.unreplicatedTransactions.clear();
  }

  /** Replaces everything with what a snapshot held, save producers that have expired. */
  load(states: readonly ProducerState[], nowMs: TimestampMs): void {
    this.clear();
    for (const state of states) if (!this.isExpired(state, nowMs)) this.states.set(state.producerId, { ...state, batches: [...state.batches] });
    const open = [...this.states.values()].filter((it) => it.currentTxnFirstOffset >= 0).sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset);
    for (const state of open) this.openTransactions.set(state.currentTxnFirstOffset, state.producerId);
  }

  private isExpired(state: ProducerState, nowMs: TimestampMs): boolean {
    return state.currentTxnFirstOffset < 0 && nowMs - state.lastTimestampMs >= this.expirationMs;
  }

  private endTransaction(state: ProducerState, header: BatchHeader, marker: EndTxnMarker): CompletedTransaction | undefined {
    const firstOffset = state.currentTxnFirstOffset;
    state.coordinatorEpoch = marker.coordinatorEpoch;
    state.currentTxnFirstOffset = -1;
    if (firstOffset < 0) return undefined;
    this.openTransactions.delete(firstOffset);
    this.unreplicatedTransactions.set(firstOffset, header.lastOffset);
    const lastStableOffset = firstKey(this.openTransactions) ?? header.lastOffset + 1;
    return { producerId: state.producerId, firstOffset, lastOffset: header.lastOffset, isAborted: !marker.isCommit, lastStableOffset };
  }
}

function sequenceProblem(state: ProducerState | undefined, header: BatchHeader, mustStartAtZero: boolean): string | undefined {
  const first = header.baseSequence;
  if (state === undefined) return mustStartAtZero && first !== 0 ? `producer ${header.producerId} is not known and begins at sequence ${first}` : undefined;
  if (header.producerEpoch !== state.epoch) return first === 0 ? undefined : `epoch ${header.producerEpoch} of producer ${header.producerId} begins at sequence ${first}`;
  const last = state.batches.at(-1)?.lastSequence ?? -1;
  if (first === sequenceAfter(last, 1)) return undefined;
  return `producer ${header.producerId} goes from sequence ${last} to ${first}`;
}

/** The sequence of a batch's last record; -1 for a batch without sequences. */
function lastSequenceOf(header: BatchHeader): number {
  return header.baseSequence < 0 ? -1 : sequenceAfter(header.baseSequence, header.lastOffsetDelta);
}

/** Sequences wrap from 2^31 - 1 to 0. */
function sequenceAfter(sequence: number, count: number): number {
  const sum = sequence + count;
  return sum > LAST_SEQUENCE ? sum - LAST_SEQUENCE - 1 : sum;
}

function firstKey<K>(map: ReadonlyMap<K, unknown>): K | undefined {
  for (const key of map.keys()) return key;
  return undefined;
}

function refuse(error: ProducerError, message: string): ProducerVerdict {
  return { kind: 'error', error, message };
}
