import { MovingRate } from './moving-rate.js';

describe('a rate over the last half minute', () => {
  it('is since the start at first', () => {
    const rate = new MovingRate(1000);
    expect(rate.perSecond(1000, 5)).toBe(0);
    expect(rate.perSecond(3000, 10)).toBe(5);
  });

  it('follows what happens now, and comes to nothing when nothing happens', () => {
    const rate = new MovingRate(0);
    let total = 0;
    for (let second = 1; second <= 100; second++) rate.perSecond(second * 1000, (total += 10));
    expect(rate.perSecond(100_500, total)).toBeCloseTo(10, 0);
    for (let second = 101; second <= 131; second++) rate.perSecond(second * 1000, total);
    expect(rate.perSecond(132_000, total)).toBe(0);
  });

  it('is never of more than half a minute', () => {
    const rate = new MovingRate(0);
    for (let second = 1; second <= 60; second++) rate.perSecond(second * 1000, 0);
    expect(rate.perSecond(61_000, 300)).toBeGreaterThanOrEqual(10);
  });
});
