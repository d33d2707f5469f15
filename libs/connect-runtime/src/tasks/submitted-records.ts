import type { OffsetMap } from '@millrace/connect-api';
import { invariant } from '@millrace/foundation';

/** The records of one poll: numbered, waiting for their acknowledgements. */
interface Poll {
  readonly first: number;
  /** One past the last number; grows while the poll is being sent. */
  end: number;
  unacknowledged: number;
  isComplete: boolean;
  readonly timestampMs: number;
  /** The last offset of each source partition in it. */
  readonly offsets: Map<OffsetMap, OffsetMap>;
}

export interface CompletedPolls {
  /** The last offset of each source partition, by the partition object, in the order in which they were sent. */
  readonly offsets: ReadonlyMap<OffsetMap, OffsetMap>;
  readonly records: number;
  /** Of the last poll among them. */
  readonly newestTimestampMs: number;
}

/**
 * Keeps the order between what was sent and what may be committed. Records are numbered in the order in which the task gave them;
 * acknowledgements come in any order. Offsets are released only when every record up to them is acknowledged (Invariant 1).
 */
export class SubmittedRecords {
  private readonly polls: Poll[] = [];
  private head = 0;
  private next = 0;
  private keptOffsets = 0;

  /** Polls, and offsets of source partitions, that are kept until they can be released: also those behind one that is not acknowledged, however long that takes. */
  get kept(): number {
    return this.polls.length - this.head + this.keptOffsets;
  }

  /** Begins a poll; every record of it is then announced by `submit`. */
  begin(timestampMs: number): void {
    this.polls.push({ first: this.next, end: this.next, unacknowledged: 0, isComplete: false, timestampMs, offsets: new Map() });
  }

  /** The number of the record that is sent next. */
  submit(): number {
    const poll = this.polls[this.polls.length - 1];
    invariant(poll !== undefined && !poll.isComplete, 'a record belongs to a poll');
    poll.unacknowledged += 1;
    poll.end += 1;
    return this.next++;
  }

  /** The poll is whole: these offsets may be committed once it is acknowledged. */
  end(offsets: ReadonlyMap<OffsetMap, OffsetMap>): void {
    const poll = this.polls[this.polls.length - 1];
    invariant(poll !== undefined && !poll.isComplete, 'a poll is ended once');
    for (const [partition, offset] of offsets) poll.offsets.set(partition, offset);
    poll.isComplete = true;
    this.keptOffsets += poll.offsets.size;
  }

  /** Records first..last, each acknowledged for the first time. */
  acknowledge(first: number, last: number): void {
    for (let i = this.pollOf(first); i < this.polls.length; i++) {
      const poll = this.polls[i]!;
      if (poll.first > last) return;
      const from = Math.max(first, poll.first);
      const to = Math.min(last, poll.end - 1);
      if (from <= to) poll.unacknowledged -= to - from + 1;
    }
  }

  /** Takes away the polls at the front that are whole and acknowledged; undefined when there is none. */
  takeCompleted(): CompletedPolls | undefined {
    let poll = this.polls[this.head];
    if (!poll || !isDone(poll)) return undefined;
    const offsets = new Map<OffsetMap, OffsetMap>();
    let records = 0;
    let newestTimestampMs = poll.timestampMs;
    while (poll && isDone(poll)) {
      for (const [partition, offset] of poll.offsets) {
        offsets.delete(partition);
        offsets.set(partition, offset);
      }
      this.keptOffsets -= poll.offsets.size;
      records += poll.end - poll.first;
      newestTimestampMs = poll.timestampMs;
      this.head += 1;
      poll = this.polls[this.head];
    }
    if (this.head > 64 && this.head * 2 > this.polls.length) {
      this.polls.splice(0, this.head);
      this.head = 0;
    }
    return { offsets, records, newestTimestampMs };
  }

  /** The index of the poll with this record: the first that ends behind it. */
  private pollOf(number: number): number {
    let low = this.head;
    let high = this.polls.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.polls[middle]!.end > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function isDone(poll: Poll): boolean {
  return poll.isComplete && poll.unacknowledged === 0;
}
