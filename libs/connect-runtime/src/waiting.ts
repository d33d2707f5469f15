/** A timer of the system that is asked for more fires at once. For waits that somebody set to never, a month is as good. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** What `within` gives when the time was up first. */
export const LATE = Symbol('late');

/** Waits for `work`, but no longer than this; work that is late goes on, and its failure is nobody's business any more. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([work, new Promise<typeof LATE>((resolve) => (timer = setTimeout(() => resolve(LATE), Math.min(TIMER_MS_MAX, timeoutMs))))]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits so long, or until the signal is aborted. */
export async function pauseFor(delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(TIMER_MS_MAX, delayMs));
    signal?.addEventListener('abort', done);
  });
}

/** True when `step` is done before the signal is aborted; a step that is left behind may end as it likes. */
export async function unlessAborted(signal: AbortSignal, step: () => Promise<void>): Promise<boolean> {
  if (signal.aborted) return false;
  let stop: () => void = () => undefined;
  const stopped = new Promise<boolean>((resolve) => (stop = () => resolve(false)));
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([step().then(() => true), stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
