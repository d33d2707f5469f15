interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** What will happen, by time; what is due at the same moment, in the order in which it was put in. */
export class EventQueue {
  private readonly heap: Event[] = [];
  private lastOrder = 0;

  get nextMs(): number {
    return this.heap[0]?.atMs ?? Infinity;
  }

  put(atMs: number, run: () => void): void {
    const { heap } = this;
    const event = { atMs, order: ++this.lastOrder, run };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  take(): () => void {
    const { heap } = this;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new Error('nothing will happen');
    if (heap.length > 0) this.sink(last);
    return first.run;
  }

  private sink(event: Event): void {
    const { heap } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, event)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
