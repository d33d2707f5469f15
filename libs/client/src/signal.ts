import type { Scheduler } from '@millrace/foundation';

/** Lets one waiter sleep until something happens or the time is over. What happens while nobody waits is remembered. */
export class Signal {
  private isRaised = false;
  private waiter: (() => void) | undefined;

  raise(): void {
    this.isRaised = true;
    this.waiter?.();
  }

  async wait(scheduler: Scheduler, timeoutMs: number): Promise<void> {
    if (!this.isRaised && timeoutMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = scheduler.after(Math.ceil(timeoutMs), resolve);
        this.waiter = () => {
          timer.cancel();
          resolve();
        };
      });
      this.waiter = undefined;
    }
    this.isRaised = false;
  }
}
