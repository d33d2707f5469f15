import type { Scheduler } from '@millrace/foundation';

/** The system calls at once when it is asked for more. */
const SYSTEM_DELAY_MS_MAX = 2 ** 31 - 1;

/** Timers of this process, of any length; they do not keep it alive. */
export const timerScheduler: Scheduler = {
  after(delayMs, callback) {
    if (delayMs > SYSTEM_DELAY_MS_MAX) {
      let next = timerScheduler.after(SYSTEM_DELAY_MS_MAX, () => (next = timerScheduler.after(delayMs - SYSTEM_DELAY_MS_MAX, callback)));
      return { cancel: () => next.cancel() };
    }
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
