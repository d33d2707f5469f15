import { runSeeds } from './run-seeds.js';
import { nodesOf, type SeedResult, type SeedTask } from './seed-task.js';

const SEEDS = 100;

function* tasks(): Generator<SeedTask> {
  for (let seed = 1; seed <= SEEDS; seed++) yield { seed, minutes: 2, nodes: nodesOf(seed) };
}

describe('a hundred seeds', () => {
  it('of one, three and four brokers under all faults for two simulated minutes break nothing', async () => {
    const results: SeedResult[] = [];
    await runSeeds({ tasks: tasks(), jobs: 2, onResult: (it) => results.push(it) });
    const broken = results.filter(({ outcome }) => outcome.breaches.length > 0 || outcome.escapes.length > 0);
    expect(broken.map(({ task, outcome }) => ({ task, breaches: outcome.breaches, escapes: outcome.escapes, lastLines: outcome.lastLines.slice(-5) }))).toEqual([]);
    expect(results).toHaveLength(SEEDS);
    expect(Math.min(...results.map(({ outcome }) => outcome.simulatedMs))).toBeGreaterThan(120_000);
    const sum = (of: (result: SeedResult) => number): number => results.reduce((total, it) => total + of(it), 0);
    expect(sum(({ outcome }) => outcome.counts.acknowledged ?? 0)).toBeGreaterThan(SEEDS * 1000);
    expect(sum(({ outcome }) => outcome.counts['voter changes'] ?? 0)).toBeGreaterThan(SEEDS);
    expect(sum(({ outcome }) => Object.values(outcome.faults).reduce((total, it) => total + it, 0))).toBeGreaterThan(SEEDS * 10);
  }, 900_000);

  it('are told apart from a process that ends', async () => {
    const results: SeedResult[] = [];
    await runSeeds({ tasks: [{ seed: 1, minutes: 1, nodes: 1, bug: 'one that nobody has planted' }, { seed: 2, minutes: 0.1, nodes: 1 }], jobs: 1, onResult: (it) => results.push(it) });
    expect(results.map(({ task, outcome }) => [task.seed, outcome.breaches.map((it) => it.text)])).toEqual([
      [1, ['the process that simulates has ended with code 1']],
      [2, []],
    ]);
  }, 120_000);
});
