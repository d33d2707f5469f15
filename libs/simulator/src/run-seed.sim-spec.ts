import { PLANTED_BUGS } from './bugs/planted-bugs.js';
import { runSeed, type RunOutcome } from './run-seed.js';

jest.setTimeout(180_000);

/** What a reader needs to know of a run that should have been well. */
function verdict(outcome: RunOutcome): unknown {
  return { seed: outcome.seed, breaches: outcome.breaches, escapes: outcome.escapes };
}

describe('a simulation', () => {
  it('is the same for the same seed, event for event, and another for another', async () => {
    const runs: RunOutcome[] = [];
    for (const seed of [7, 7, 8]) runs.push(await runSeed({ seed, minutes: 0.4, nodes: 3 }));
    const [first, again, other] = runs;
    expect([again?.traceHash, again?.events, again?.counts]).toEqual([first?.traceHash, first?.events, first?.counts]);
    expect(other?.traceHash).not.toBe(first?.traceHash);
    expect(first?.events).toBeGreaterThan(5000);
  });

  it.each([13])('of one broker under all faults breaks nothing (seed %i)', async (seed) => {
    const outcome = await runSeed({ seed, minutes: 1, nodes: 1 });
    expect(verdict(outcome)).toEqual({ seed, breaches: [], escapes: [] });
    expect(outcome.counts.acknowledged).toBeGreaterThan(500);
    expect(Object.keys(outcome.faults).length).toBeGreaterThan(3);
  });

  it.each([1])('of three brokers under all faults breaks nothing (seed %i)', async (seed) => {
    const outcome = await runSeed({ seed, minutes: 1, nodes: 3 });
    expect(verdict(outcome)).toEqual({ seed, breaches: [], escapes: [] });
    expect(outcome.counts.acknowledged).toBeGreaterThan(500);
  });

  it.each([2])('of three brokers whose voters change breaks nothing (seed %i)', async (seed) => {
    const outcome = await runSeed({ seed, minutes: 1, nodes: 3, voters: 'dynamic' });
    expect(verdict(outcome)).toEqual({ seed, breaches: [], escapes: [] });
    expect(outcome.counts['voter changes']).toBeGreaterThan(3);
  });
});

/** All of them, with the seeds that find them, stand in the README; here are those that a short run finds. */
describe('a planted bug', () => {
  it.each([
    ['acknowledge before the flush', 1],
    ['serve past the high watermark', 2],
    ['acknowledge before the in-sync replicas have it', 2],
    ['tell of commits that could still be lost', 1],
    ['change the voters while a change is not committed', 1],
  ])('is found: %s (seed %i, or soon behind it)', async (name, first) => {
    const bug = PLANTED_BUGS.find((it) => it.name === name);
    if (bug === undefined) throw new Error(`no bug is named ${name}`);
    const { nodes, durability, voters } = bug;
    const remove = bug.plant();
    let sick: RunOutcome | undefined;
    try {
      // A change of any code is another trace: the bug may then show with a neighbour.
      for (let seed = first; seed < first + 6 && (sick === undefined || sick.breaches.length === 0); seed++) sick = await runSeed({ seed, minutes: 2, nodes, durability, ...(voters === undefined ? {} : { voters }) });
    } finally {
      remove();
    }
    expect(sick?.breaches.length).toBeGreaterThan(0);
    expect(sick?.lastLines.some((it) => it.includes('BROKEN'))).toBe(true);
  });
});
