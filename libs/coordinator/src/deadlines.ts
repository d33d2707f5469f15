interface Entry<Timer> {
  readonly key: string;
  timer: Timer;
  /** When it is due; later than `queuedMs` when it was put off since it was queued. */
  dueMs: number;
  queuedMs: number;
  isLive: boolean;
}

/**
 * Keyed timers as data. Putting a timer off, which every heartbeat does, costs one map look-up: its place in the heap is corrected when it comes up.
 * Timers due at the same time come up in the order in which they were queued.
 */
export class Deadlines<Timer> {
  private readonly entries = new Map<string, Entry<Timer>>();
  private readonly heap: { entry: Entry<Timer>; queuedMs: number; order: number }[] = [];
  private order = 0;

  get size(): number {
    return this.entries.size;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** Sets the timer of this key, in place of an earlier one. */
  schedule(key: string, dueMs: number, timer: Timer): void {
    const known = this.entries.get(key);
    if (known !== undefined && dueMs >= known.queuedMs) {
      known.dueMs = dueMs;
      known.timer = timer;
      return;
    }
    if (known !== undefined) known.isLive = false;
    const entry: Entry<Timer> = { key, timer, dueMs, queuedMs: dueMs, isLive: true };
    this.entries.set(key, entry);
    this.push(entry);
  }

  cancel(key: string): void {
    const known = this.entries.get(key);
    if (known === undefined) return;
    known.isLive = false;
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
    this.heap.length = 0;
  }

  /** The clock by which they were set was set itself: all of them are due as long from now as before. */
  shift(movedMs: number): void {
    for (const it of this.entries.values()) {
      it.dueMs += movedMs;
      it.queuedMs += movedMs;
    }
    // Among themselves they stay in order.
    for (const it of this.heap) it.queuedMs += movedMs;
  }

  nextDueMs(): number {
    this.settle();
    return this.heap[0]?.entry.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Takes out the first timer that is due, or undefined. */
  takeDue(nowMs: number): Timer | undefined {
    this.settle();
    const first = this.heap[0];
    if (first === undefined || first.entry.dueMs > nowMs) return undefined;
    this.pop();
    this.entries.delete(first.entry.key);
    return first.entry.timer;
  }

  /** Makes the head of the heap a live timer in its right place. */
  private settle(): void {
    for (;;) {
      const head = this.heap[0];
      if (head === undefined) return;
      const { entry } = head;
      if (entry.isLive && entry.dueMs === head.queuedMs) return;
      this.pop();
      if (!entry.isLive) continue;
      entry.queuedMs = entry.dueMs;
      this.push(entry);
    }
  }

  private push(entry: Entry<Timer>): void {
    const { heap } = this;
    let at = heap.length;
    const node = { entry, queuedMs: entry.queuedMs, order: this.order++ };
    heap.push(node);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(node, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = node;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: { queuedMs: number; order: number }, b: { queuedMs: number; order: number }): boolean {
  return a.queuedMs < b.queuedMs || (a.queuedMs === b.queuedMs && a.order < b.order);
}
