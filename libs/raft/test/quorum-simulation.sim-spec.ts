import { QuorumSimulation } from './quorum-simulation.js';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 300);
const FIRST_SEED = Number(process.env['SIM_SEED'] ?? 1);

function run(seed: number, isTraced = false): QuorumSimulation['counts'] {
  const simulation = new QuorumSimulation(seed, undefined, isTraced);
  try {
    simulation.run(1000);
    simulation.heal();
  } catch (error) {
    // The same once more, for the story of it.
    if (!isTraced) run(seed, true);
    throw new Error(`seed ${seed}, event ${simulation.counts.events}: ${String(error)}\n${simulation.trace.join('\n')}`, { cause: error });
  }
  return simulation.counts;
}

describe('a metadata quorum under faults', () => {
  it(`holds its invariants for ${SEEDS} seeds`, () => {
    const total: Record<string, number> = {};
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      for (const [name, count] of Object.entries(run(seed))) total[name] = (total[name] ?? 0) + count;
    }
    // The run must have been a run: each kind of event came often.
    if (SEEDS >= 100) for (const [name, count] of Object.entries(total)) expect([name, count, count > SEEDS / 20]).toEqual([name, expect.any(Number), true]);
  }, 600_000);
});
