import { comparisonTable } from './comparison.js';

it('takes the best round of each side, and a ratio above 1 means that ours is better', () => {
  const table = comparisonTable([
    { side: 'millrace', name: 'rate', value: 300, unit: 'rows/s', isBetter: 'higher' },
    { side: 'millrace', name: 'rate', value: 200, unit: 'rows/s', isBetter: 'higher' },
    { side: 'java', name: 'rate', value: 100, unit: 'rows/s', isBetter: 'higher' },
    { side: 'millrace', name: 'latency', value: 5, unit: 'ms', isBetter: 'lower' },
    { side: 'java', name: 'latency', value: 50, unit: 'ms', isBetter: 'lower' },
    { side: 'millrace', name: 'alone', value: 1, unit: 's', isBetter: 'lower' },
  ]);
  expect(table.split('\n').slice(1).map((it) => it.trim().split(/\s{2,}/))).toEqual([
    ['rate', '300', '100', 'rows/s', '3.00 x'],
    ['latency', '5.0', '50.0', 'ms', '10.00 x'],
    ['alone', '1.0', '-', 's', '-'],
  ]);
});
