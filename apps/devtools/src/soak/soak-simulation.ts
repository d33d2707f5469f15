import fs from 'node:fs';
import type { Command } from 'commander';
import { nodesOf, runSeeds, type Durability, type SeedResult, type SeedTask } from '@millrace/simulator';
import { breachLine, commit, faultsNamed, replayOf } from '../sim/report.js';
import { say } from './say.js';

interface SimulationFlags {
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  readonly minutes?: number;
  readonly simulatedMinutes: number;
  readonly nodes?: number;
  readonly durability?: Durability;
  readonly faults?: string;
  readonly summary?: string;
}

export function addSimulationSoak(soak: Command): void {
  soak
    .command('simulation')
    .description('many seeds of the simulator, in processes beside each other; goes on after a failure and counts at the end')
    .option('--seeds <n>', 'how many at most', Number, 1000)
    .option('--from <seed>', 'the first', Number, 1)
    .option('--jobs <n>', 'processes at a time', Number, 2)
    .option('--minutes <m>', 'on the wall: no seed begins after it', Number)
    .option('--simulated-minutes <m>', 'of each seed, during which things go wrong', Number, 2)
    .option('--nodes <n>', 'brokers of each cluster; left out: the seed decides, of ten seven have 3, two have 1, one has 4', Number)
    .option('--durability <kind>', 'page-cache or flush; left out: the seed decides')
    .option('--faults <list>', 'as of sim')
    .option('--summary <file>', 'the failures with their last events, written anew after each')
    .action(async (flags: SimulationFlags) => {
      if (!(await runSimulation(flags))) process.exitCode = 1;
    });
}

async function runSimulation(flags: SimulationFlags): Promise<boolean> {
  const at = commit();
  const startedMs = performance.now();
  const summary = new Summary(at, flags.summary);
  let isInterrupted = false;
  const interrupt = (): void => void (isInterrupted = true);
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const endsMs = flags.minutes === undefined ? Number.POSITIVE_INFINITY : startedMs + flags.minutes * 60_000;
  await runSeeds({
    tasks: tasksOf(flags),
    jobs: flags.jobs,
    onResult: (result) => summary.add(result),
    isOver: () => isInterrupted || performance.now() > endsMs,
  });
  process.stdout.write(`${summary.total((performance.now() - startedMs) / 60_000)}\n`);
  return summary.failures.length === 0 && summary.count > 0;
}

function* tasksOf({ seeds, from, simulatedMinutes, nodes, durability, faults }: SimulationFlags): Generator<SeedTask> {
  const menu = faults === undefined ? {} : { faults: faultsNamed(faults) };
  for (let seed = from; seed < from + seeds; seed++) yield { seed, minutes: simulatedMinutes, nodes: nodes ?? nodesOf(seed), ...(durability === undefined ? {} : { durability }), ...menu };
}

/** What a soak found, as text. */
class Summary {
  readonly failures: SeedResult[] = [];
  count = 0;
  private simulatedMs = 0;
  private cpuMs = 0;
  private acknowledged = 0;
  private first = Number.POSITIVE_INFINITY;
  private last = 0;

  constructor(private readonly at: string, private readonly file: string | undefined) {}

  add(result: SeedResult): void {
    const { outcome, task } = result;
    this.count += 1;
    this.first = Math.min(this.first, task.seed);
    this.last = Math.max(this.last, task.seed);
    this.simulatedMs += outcome.simulatedMs;
    this.cpuMs += result.cpuMs;
    this.acknowledged += outcome.counts.acknowledged ?? 0;
    if (outcome.breaches.length > 0 || outcome.escapes.length > 0) {
      this.failures.push(result);
      process.stdout.write(`${this.failure(result, 0).join('\n')}\n`);
      if (this.file !== undefined) fs.writeFileSync(this.file, `${[this.total(), ...this.failures.flatMap((it) => ['', ...this.failure(it, 60)])].join('\n')}\n`);
    }
    if (this.count % 50 === 0) say(this.total());
  }

  total(wallMinutes?: number): string {
    const places = new Map<string, number>();
    for (const { outcome } of this.failures) {
      const what = String(outcome.breaches[0]?.invariant ?? 'outside its ports');
      places.set(what, (places.get(what) ?? 0) + 1);
    }
    const kinds = [...places].map(([what, count]) => `${count} × ${Number.isNaN(Number(what)) ? what : `invariant ${what}`}`).join(', ');
    const took = wallMinutes === undefined ? '' : ` in ${wallMinutes.toFixed(1)} min`;
    return `${this.count} seeds at commit ${this.at}, ${this.failures.length} broken${kinds === '' ? '' : ` (${kinds})`}; seeds ${this.count === 0 ? 'none' : `${this.first}-${this.last}`}, ${Math.round(this.simulatedMs / 60_000)} simulated minutes, ${this.acknowledged} acknowledged records, ${Math.round(this.cpuMs / Math.max(1, this.count))} ms of CPU a seed${took}`;
  }

  private failure({ task, outcome }: SeedResult, lines: number): string[] {
    const { breaches, escapes, lastLines } = outcome;
    return [`seed ${task.seed}, commit ${this.at}: ${replayOf(task)}`, ...lastLines.slice(lastLines.length - lines), ...breaches.map(breachLine), ...escapes.map((it) => `outside its ports: ${it}`)];
  }
}
