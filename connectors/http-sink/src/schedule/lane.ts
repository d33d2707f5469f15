import { Fifo } from './fifo.js';
import type { MessageItem } from './message-item.js';

/** Items that must go one after the other: those of a key, or of a partition. */
export class Lane<T> {
  readonly items = new Fifo<MessageItem<T>>();
  /** A message with items of it is in flight, waits to be tried again, or is being reported. */
  isBusy = false;
  /** It stands in a group's list. */
  isQueued = false;
  /** Items at its head that belong to the group it is queued in, as far as they were counted there. */
  counted = 0;
  countedBytes = 0;

  constructor(
    /** Null: the lane of one unordered item. */
    readonly key: string | null,
    private readonly owner: Map<string, Lane<T>>,
  ) {}

  /** It is empty and free: a later item of its key begins another. */
  leave(): void {
    if (this.key !== null && this.owner.get(this.key) === this) this.owner.delete(this.key);
  }
}
