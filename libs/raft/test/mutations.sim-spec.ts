import { mutatedMachine, type Mutation } from './mutated-machine.js';
import { MUTATIONS } from './mutations.js';
import { QuorumSimulation } from './quorum-simulation.js';

const SEEDS = 1000;

/** The first seed by which the mutation shows, and what it breaks; null: none. */
function caught(mutation: Mutation): { readonly seed: number; readonly by: string } | null {
  const createMachine = mutatedMachine(mutation);
  for (let seed = 1; seed <= SEEDS; seed++) {
    const simulation = new QuorumSimulation(seed, createMachine);
    try {
      simulation.run(1000);
      simulation.heal();
    } catch (error) {
      return { seed, by: error instanceof Error ? error.message : String(error) };
    }
  }
  return null;
}

describe('the simulation catches a quorum that', () => {
  it.each(MUTATIONS)('$name', (mutation) => {
    const found = caught(mutation);
    if (process.env['SIM_REPORT'] !== undefined) process.stdout.write(`| ${mutation.name} | ${found?.seed} | ${found?.by} |\n`);
    expect(found).not.toBeNull();
  }, 600_000);
});
