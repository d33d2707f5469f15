import { timerScheduler } from './timer-scheduler.js';

const INT_MAX = 2 ** 31 - 1;
const LONG_MAX = 2 ** 63;

describe('timerScheduler', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it.each([1, 1000, INT_MAX, INT_MAX + 1, 2 * INT_MAX + 7, 400 * 24 * 3_600_000])('calls once, after %d ms and not before', (delayMs) => {
    let calls = 0;
    timerScheduler.after(delayMs, () => (calls += 1));
    jest.advanceTimersByTime(delayMs - 1);
    expect(calls).toBe(0);
    jest.advanceTimersByTime(1);
    expect(calls).toBe(1);
    jest.advanceTimersByTime(INT_MAX);
    expect(calls).toBe(1);
  });

  it.each([LONG_MAX, Number.POSITIVE_INFINITY])('does not call for a year when it is told %d ms', (delayMs) => {
    let calls = 0;
    timerScheduler.after(delayMs, () => (calls += 1));
    jest.advanceTimersByTime(366 * 24 * 3_600_000);
    expect(calls).toBe(0);
  });

  it.each([10, 3 * INT_MAX])('does not call what was cancelled, %d ms from now', (delayMs) => {
    let calls = 0;
    const scheduled = timerScheduler.after(delayMs, () => (calls += 1));
    jest.advanceTimersByTime(delayMs - 1);
    scheduled.cancel();
    jest.advanceTimersByTime(2 * INT_MAX);
    expect(calls).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});
