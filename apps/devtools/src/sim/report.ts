import { execFileSync } from 'node:child_process';
import { FAULTS, type Breach, type Fault, type SeedTask } from '@millrace/simulator';
import { repositoryRoot } from '@millrace/testkit';

export function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=10'], { cwd: repositoryRoot(), encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

/** The command that replays a seed. */
export function replayOf({ seed, minutes, nodes, durability, faults, voters }: SeedTask): string {
  return `npm run sim -- --seed ${seed} --minutes ${minutes} --nodes ${nodes}${durability === undefined ? '' : ` --durability ${durability}`}${faults === undefined ? '' : ` --faults '${faults.join()}'`}${voters === undefined ? '' : ` --voters ${voters}`} --verbose`;
}

export function breachLine({ invariant, text, atMs }: Breach): string {
  return `BROKEN ${typeof invariant === 'number' ? `invariant ${invariant}` : invariant} at ${(atMs / 1000).toFixed(3)} s: ${text}`;
}

export function faultsNamed(list: string): Fault[] {
  return list
    .split(',')
    .map((it) => it.trim())
    .filter((it) => it !== 'none')
    .map((name) => {
      const fault = FAULTS.find((it) => it === name);
      if (fault === undefined) throw new Error(`no fault is named "${name}"; there are: ${FAULTS.join(', ')}`);
      return fault;
    });
}
