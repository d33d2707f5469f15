import { LATE, pauseFor, within } from './waiting.js';

const NEVER = Number.MAX_SAFE_INTEGER;

/** A timer that the system calls at once has been called by then. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

it('a pause without end lasts until it is called off', async () => {
  const stop = new AbortController();
  let isOver = false;
  const pause = pauseFor(NEVER, stop.signal).then(() => (isOver = true));
  await aWhile();
  expect(isOver).toBe(false);
  stop.abort();
  await pause;
});

it('work that may take for ever is not late', async () => {
  expect(await within(NEVER, aWhile().then(() => 'done'))).toBe('done');
  expect(await within(1, new Promise(() => undefined))).toBe(LATE);
});
