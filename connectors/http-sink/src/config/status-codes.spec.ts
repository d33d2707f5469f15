import { StatusCodes } from './status-codes.js';

test('lists of status codes', () => {
  const codes = StatusCodes.parse(['408', '429', '500-503', '507-']);
  expect([408, 429, 500, 503, 504, 507, 599].map((it) => codes?.has(it))).toEqual([true, true, true, true, false, true, true]);
  expect([StatusCodes.parse(['4xx']), StatusCodes.parse(['40']), StatusCodes.parse(['-500'])]).toEqual([undefined, undefined, undefined]);
});
