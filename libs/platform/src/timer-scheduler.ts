import type { Scheduler } from '@millrace/foundation';

/** Timers of this process; they do not keep it alive. */
export const timerScheduler: Scheduler = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
