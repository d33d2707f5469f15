import { GroupSimulation } from './group-simulation.js';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 150);
const FIRST_SEED = Number(process.env['SIM_SEED'] ?? 1);

describe('the group machine under random clients', () => {
  it(`holds its invariants for ${SEEDS} seeds`, () => {
    const total: Record<string, number> = {};
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const simulation = new GroupSimulation(seed);
      try {
        simulation.run(600);
      } catch (error) {
        throw new Error(`seed ${seed}, step ${simulation.counts.steps}`, { cause: error });
      }
      for (const [name, count] of Object.entries(simulation.counts)) total[name] = (total[name] ?? 0) + count;
    }
    // The run must have been a run: each kind of event came often.
    if (SEEDS >= 100) for (const name of ['assignments', 'commits', 'refusedCommits', 'restarts', 'emptied']) expect([name, (total[name] ?? 0) > SEEDS]).toEqual([name, true]);
  });
});
