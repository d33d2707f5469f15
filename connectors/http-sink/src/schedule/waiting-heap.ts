/** Things that wait for a moment, earliest first. */
export class WaitingHeap<T> {
  private readonly heap: { readonly atMs: number; readonly item: T }[] = [];

  get earliestMs(): number | undefined {
    return this.heap[0]?.atMs;
  }

  add(atMs: number, item: T): void {
    const { heap } = this;
    let index = heap.push({ atMs, item }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.atMs <= heap[index]!.atMs) break;
      this.swap(parent, index);
      index = parent;
    }
  }

  /** The earliest, when its moment has come. */
  take(nowMs: number): T | undefined {
    const { heap } = this;
    const first = heap[0];
    if (!first || first.atMs > nowMs) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.sink();
    }
    return first.item;
  }

  private sink(): void {
    const { heap } = this;
    for (let index = 0; ; ) {
      const left = index * 2 + 1;
      let least = index;
      for (const child of [left, left + 1]) if (child < heap.length && heap[child]!.atMs < heap[least]!.atMs) least = child;
      if (least === index) return;
      this.swap(least, index);
      index = least;
    }
  }

  private swap(a: number, b: number): void {
    const { heap } = this;
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  }
}
