import { type ProducerBatch, sequenceAfter, type ProducerIdentity } from './producer-batch.js';

/**
 * The batches of one partition, in their order: in flight, to be sent again, sealed, open. A batch that is sent again goes before
 * everything that was not sent yet, and alone.
 */
export class PartitionQueue {
  open: ProducerBatch | undefined;
  readonly ready: ProducerBatch[] = [];
  readonly retries: ProducerBatch[] = [];
  readonly inFlight: ProducerBatch[] = [];
  /** Not before this, as long as nobody else has become the leader: the pause after a failure. */
  notBeforeMs = 0;
  /** The leader's epoch, as it was known, at that failure. */
  failedLeaderEpoch = -1;
  /** A batch with a sequence is gone for good: what follows must start a new epoch, once nothing is in flight. */
  needsNewEpoch = false;
  /** The broker has refused the sequence of the first batch without an answer: nothing of what is to be sent again stands in the log. */
  isSequenceRefused = false;
  identity: ProducerIdentity | undefined;
  nextSequence = 0;
  private sentCount = 0;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  get isIdle(): boolean {
    return this.open === undefined && this.ready.length === 0 && this.retries.length === 0 && this.inFlight.length === 0;
  }

  /**
   * Whether another identity may be taken now. What is to be sent again may stand in the log already, also behind a batch that was given up without an answer: under another
   * identity the broker would take it for new. So it goes under its own until the broker has refused it.
   */
  get mayRenew(): boolean {
    return this.inFlight.length === 0 && (this.isSequenceRefused || this.retries.length === 0);
  }

  /**
   * Whether another batch may be sent: at most `max` from the oldest without an answer on, answered ones included, for a broker knows its producer's last five batches again and takes
   * one before them for a gap. A leader that does not answer any more may leave a batch behind while the next one takes those that follow.
   */
  mayFollow(max: number): boolean {
    let oldest = this.sentCount;
    for (const it of this.inFlight) if (it.ordinal >= 0) oldest = Math.min(oldest, it.ordinal);
    return this.inFlight.length < max && this.sentCount - oldest < max;
  }

  seal(): void {
    if (this.open === undefined) return;
    this.ready.push(this.open);
    this.open = undefined;
  }

  /** Starts the sequence over under this identity; what is to be sent again comes first. */
  adopt(identity: ProducerIdentity): void {
    this.identity = identity;
    this.needsNewEpoch = false;
    this.isSequenceRefused = false;
    let sequence = 0;
    for (const batch of this.retries) {
      batch.baseSequence = sequence;
      sequence = sequenceAfter(sequence, batch.count);
    }
    this.nextSequence = sequence;
  }

  /** Takes the next batch to send; the caller has asked whether it may. */
  take(): ProducerBatch | undefined {
    const again = this.retries.shift();
    if (again !== undefined) {
      this.inFlight.push(again);
      return again;
    }
    const batch = this.ready.shift();
    if (batch === undefined) return undefined;
    if (this.identity !== undefined) {
      batch.baseSequence = this.nextSequence;
      this.nextSequence = sequenceAfter(this.nextSequence, batch.count);
      batch.ordinal = this.sentCount++;
    }
    this.inFlight.push(batch);
    return batch;
  }

  /** Puts batches that take the place of one that was in flight where they belong among those to be sent again. */
  putBack(batches: readonly ProducerBatch[]): void {
    const first = batches[0];
    if (first === undefined) return;
    const at = first.baseSequence < 0 ? 0 : this.retries.findIndex((it) => isBefore(first.baseSequence, it.baseSequence));
    this.retries.splice(at < 0 ? this.retries.length : at, 0, ...batches);
  }

  /** Whether a batch before this one has no answer yet. */
  hasEarlier(batch: ProducerBatch): boolean {
    return [...this.inFlight, ...this.retries].some((it) => it !== batch && isBefore(it.baseSequence, batch.baseSequence));
  }

  landed(batch: ProducerBatch): void {
    const at = this.inFlight.indexOf(batch);
    if (at >= 0) this.inFlight.splice(at, 1);
  }
}

/** Along a sequence that wraps at 2^31. */
function isBefore(a: number, b: number): boolean {
  return a !== b && ((b - a + 2_147_483_648) % 2_147_483_648) < 1_073_741_824;
}
