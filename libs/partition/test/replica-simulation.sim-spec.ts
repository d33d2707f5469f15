import { ReplicaSimulation } from './replica-simulation.js';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 200);
const FIRST_SEED = Number(process.env['SIM_SEED'] ?? 1);

describe('three replicas under faults', () => {
  it(`hold their invariants for ${SEEDS} seeds`, () => {
    const total: Record<string, number> = {};
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const simulation = new ReplicaSimulation(seed);
      try {
        simulation.run(1500);
      } catch (error) {
        throw new Error(`seed ${seed}, step ${simulation.counts.steps}: ${String(error)}\n${simulation.trace.join('\n')}`, { cause: error });
      }
      for (const [name, count] of Object.entries(simulation.counts)) total[name] = (total[name] ?? 0) + count;
    }
    // The run must have been a run: each kind of event came often.
    if (SEEDS >= 100) for (const name of ['acked', 'elections', 'truncations', 'expansions', 'shrinks', 'restarts']) expect([name, total[name] ?? 0, (total[name] ?? 0) > SEEDS / 4]).toEqual([name, expect.any(Number), true]);
  }, 600_000);

  // Hearing once more what the leader knew already used to drop an expansion in flight, and with it an acknowledged record.
  it('hold them for a seed that once broke them', () => new ReplicaSimulation(1326).run(1500));
});
