/** Lets one waiter sleep until a time is over, it is woken, or the task stops. */
export class Wake {
  private resolve: (() => void) | undefined;
  private isPending = false;

  /** Also ends a wait that has not begun. */
  up(): void {
    this.isPending = true;
    this.resolve?.();
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.isPending && !signal.aborted && ms > 0) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener('abort', done);
        this.resolve = done;
      });
      this.resolve = undefined;
    }
    this.isPending = false;
  }
}
