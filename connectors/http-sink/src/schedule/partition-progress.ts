import { Fifo } from './fifo.js';
import type { Lane } from './lane.js';
import type { MessageItem } from './message-item.js';

/** What of a partition is not delivered yet, in the order of its offsets, however attempts end. */
export class PartitionProgress<T> {
  readonly lanes = new Map<string, Lane<T>>();
  private readonly pending = new Fifo<MessageItem<T>>();
  /** The highest offset that was put. */
  lastOffset = -1;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  add(item: MessageItem<T>): void {
    this.pending.push(item);
  }

  /** Invariant 1: the first offset that is neither delivered nor reported, at most `position`. */
  committable(position: number): number {
    for (let head = this.pending.peek(); head?.isDone; head = this.pending.peek()) this.pending.shift();
    const head = this.pending.peek();
    return head === undefined ? position : Math.min(head.place.offset, position);
  }

  /** Forgets all that is pending, and gives it. */
  drop(): MessageItem<T>[] {
    const items = [...this.pending].filter((it) => !it.isDone);
    this.pending.clear();
    this.lanes.clear();
    this.lastOffset = -1;
    return items;
  }
}
