import { RestartBudget } from './restart-budget.js';

const POLICY = { attemptsMax: 4, backoffMs: 100, backoffMaxMs: 500, windowMs: 10_000 };

describe('a restart budget', () => {
  it('doubles the wait up to its limit, ends, and has more when the window has moved on', () => {
    const budget = new RestartBudget(POLICY);
    let nowMs = 1000;
    const take = (): number | undefined => {
      const delayMs = budget.take(nowMs);
      nowMs += delayMs ?? 0;
      return delayMs;
    };
    expect([take(), take(), take(), take(), take()]).toEqual([100, 200, 400, 500, undefined]);
    expect(budget.left(nowMs)).toBe(0);
    nowMs += 9_400;
    expect(budget.left(nowMs)).toBe(2);
    expect(take()).toBe(400);
    nowMs += 20_000;
    expect([take(), budget.total]).toEqual([100, 6]);
  });

  it('of no attempts never restarts', () => {
    expect(new RestartBudget({ ...POLICY, attemptsMax: 0 }).take(0)).toBeUndefined();
  });
});
