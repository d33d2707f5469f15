import { retryAfterMs } from './retry-after.js';

test('Retry-After in seconds and as a date, bounded', () => {
  const nowMs = Date.parse('Sat, 21 Nov 2026 10:00:00 GMT');
  const after = (text: string | undefined): number | undefined => retryAfterMs(text, nowMs, 60_000);
  expect([after('7'), after('0'), after('86400'), after('Sat, 21 Nov 2026 10:00:05 GMT'), after('Sat, 21 Nov 2026 09:00:00 GMT'), after('Sun, 22 Nov 2026 10:00:00 GMT')]).toEqual([7000, 0, 60_000, 5000, 0, 60_000]);
  expect([after(undefined), after(''), after('soon'), after('-5'), after('1e9')]).toEqual([undefined, undefined, undefined, undefined, undefined]);
});
