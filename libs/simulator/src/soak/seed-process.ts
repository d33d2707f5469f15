import { PLANTED_BUGS } from '../bugs/planted-bugs.js';
import { runSeed } from '../run-seed.js';
import type { SeedResult, SeedTask } from './seed-task.js';

/** A process that runs one seed after another: tasks come and results go by its parent's channel. */
process.on('message', (task: SeedTask) => void work(task));
// An interrupted soak finishes what it runs.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());

async function work(task: SeedTask): Promise<void> {
  const before = process.cpuUsage();
  const bug = PLANTED_BUGS.find((it) => it.name === task.bug);
  if (task.bug !== undefined && bug === undefined) throw new Error(`no planted bug is named "${task.bug}"`);
  const remove = bug?.plant();
  const outcome = await runSeed(task);
  remove?.();
  const { user, system } = process.cpuUsage(before);
  const result: SeedResult = { task, outcome, cpuMs: Math.round((user + system) / 1000) };
  process.send?.(result);
}
