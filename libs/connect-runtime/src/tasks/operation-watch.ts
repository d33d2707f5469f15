/** What a task is doing, and since when: how a stall is told from work. */
export class OperationWatch {
  private readonly running = new Map<string, number>();
  /** When an operation last came to its end, by the wall clock. */
  lastProgressMs = Date.now();

  begin(name: string): void {
    this.running.set(name, performance.now());
  }

  end(name: string): void {
    if (this.running.delete(name)) this.lastProgressMs = Date.now();
  }

  async during<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    this.begin(name);
    try {
      return await work();
    } finally {
      this.end(name);
    }
  }

  /** The operation that is under way for the longest time, with that time; undefined when it is not longer than the limit. */
  longerThan(limitMs: number): { readonly name: string; readonly forMs: number } | undefined {
    let oldest: { name: string; forMs: number } | undefined;
    const nowMs = performance.now();
    for (const [name, startedMs] of this.running) if (!oldest || nowMs - startedMs > oldest.forMs) oldest = { name, forMs: nowMs - startedMs };
    return oldest && oldest.forMs > limitMs ? oldest : undefined;
  }
}
