import type { Command } from 'commander';
import { FAULTS, PLANTED_BUGS, runSeed, runSeeds, type Durability, type RunOutcome, type SeedResult, type SeedTask, type VoterKind } from '@millrace/simulator';
import { breachLine, commit, faultsNamed, replayOf } from './report.js';

interface SimOptions {
  readonly seed: number;
  readonly seeds: number;
  readonly minutes: number;
  readonly nodes: number;
  readonly durability?: Durability;
  readonly faults?: string;
  readonly voters?: VoterKind;
  readonly verbose?: boolean;
  readonly twice?: boolean;
  readonly keepGoing?: boolean;
  readonly bug?: string;
  readonly jobs: number;
}

export function addSimCommand(program: Command): void {
  program
    .command('sim')
    .description('whole clusters on a virtual clock, under faults from a seed; a failure prints what replays it')
    .option('--seed <n>', 'the first seed', Number, 1)
    .option('--seeds <k>', 'how many, one after the other', Number, 1)
    .option('--minutes <m>', 'simulated time during which things go wrong', Number, 2)
    .option('--nodes <n>', 'brokers of the cluster', Number, 1)
    .option('--durability <kind>', 'page-cache or flush; left out: the seed decides')
    .option('--faults <list>', `by comma; left out: all (${FAULTS.join(', ')})`)
    .option('--voters <kind>', 'static or dynamic (KIP-853); left out: the seed decides, one cluster of five')
    .option('--verbose', 'print the journal as it is written')
    .option('--twice', 'run each seed twice and compare the traces')
    .option('--bug <name>', `plant a bug in the code and look for the first seed that finds it, in the cluster that the bug names; all: each in turn (${PLANTED_BUGS.map((it) => it.name).join(' · ')})`)
    .option('--jobs <n>', 'processes in which bugs are looked for', Number, 2)
    .option('--keep-going', 'go on after a seed that failed')
    .action(async (options: SimOptions) => {
      if (!(await (options.bug === undefined ? simulate(options) : hunt(options.bug, options)))) process.exitCode = 1;
    });
}

async function simulate(options: SimOptions): Promise<boolean> {
  const faults = options.faults === undefined ? undefined : faultsNamed(options.faults);
  const { minutes, nodes } = options;
  const run = (seed: number): Promise<RunOutcome> =>
    runSeed({
      seed,
      minutes,
      nodes,
      ...(options.durability === undefined ? {} : { durability: options.durability }),
      ...(faults === undefined ? {} : { faults }),
      ...(options.voters === undefined ? {} : { voters: options.voters }),
      ...(options.verbose === true ? { onLine: (line: string) => void process.stdout.write(`${line}\n`) } : {}),
    });
  let failed = 0;
  let simulatedMs = 0;
  const startedMs = performance.now();
  for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
    const before = process.cpuUsage();
    const outcome = await run(seed);
    simulatedMs += outcome.simulatedMs;
    const used = process.cpuUsage(before);
    const cpuMs = Math.round((used.user + used.system) / 1000);
    process.stdout.write(`seed ${seed}: ${outcome.breaches.length === 0 ? 'ok' : 'BROKEN'}, trace ${outcome.traceHash}, ${Math.round(outcome.simulatedMs / 1000)} simulated s in ${cpuMs} ms of CPU, ${outcome.events} events, ${figures(outcome.counts)}; faults: ${figures(outcome.faults)}\n`);
    for (const escape of outcome.escapes) process.stdout.write(`  outside its ports: ${escape}\n`);
    if (options.twice === true && (await run(seed)).traceHash !== outcome.traceHash) {
      process.stdout.write(`seed ${seed}: NOT DETERMINISTIC, a second run had another trace\n`);
      failed += 1;
    }
    if (outcome.breaches.length === 0) continue;
    failed += 1;
    report(outcome, options);
    if (options.keepGoing !== true) break;
  }
  process.stdout.write(`${failed} failed; ${(simulatedMs / 60_000).toFixed(1)} simulated minutes in ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`);
  return failed === 0;
}

/** False when a bug was planted that no seed found, or that broke another invariant than it should. */
async function hunt(name: string, { seed: first, seeds, minutes, jobs }: SimOptions): Promise<boolean> {
  const bugs = name === 'all' ? PLANTED_BUGS : PLANTED_BUGS.filter((it) => it.name === name);
  if (bugs.length === 0) throw new Error(`no planted bug is named "${name}"`);
  process.stdout.write(`commit ${commit()}\n`);
  let missed = 0;
  for (const bug of bugs) {
    const { nodes, durability, voters } = bug;
    let found: RunOutcome | undefined;
    const tasks = function* (): Generator<SeedTask> {
      for (let seed = first; seed < first + seeds && found === undefined; seed++) yield { seed, minutes, nodes, durability, ...(voters === undefined ? {} : { voters }), bug: bug.name };
    };
    const onResult = ({ outcome }: SeedResult): void => {
      if (outcome.breaches.length > 0 && (found === undefined || outcome.seed < found.seed)) found = outcome;
    };
    await runSeeds({ tasks: tasks(), jobs, onResult });
    const breach = (found as RunOutcome | undefined)?.breaches[0];
    const isExpected = breach !== undefined && bug.breaks.some((it) => it === breach.invariant);
    if (!isExpected) missed += 1;
    process.stdout.write(`${bug.name} (${nodes}, ${durability}${voters === undefined ? '' : `, ${voters} voters`}, breaks ${bug.breaks.join(' or ')}): ${breach === undefined ? 'NOT FOUND' : `seed ${(found as RunOutcome | undefined)?.seed}, ${isExpected ? '' : 'BY ANOTHER CHECKER, '}${typeof breach.invariant === 'number' ? `invariant ${breach.invariant}` : breach.invariant}: ${breach.text.slice(0, 300)}`}\n`);
  }
  return missed === 0;
}

function report(outcome: RunOutcome, { minutes, nodes, durability, faults, voters }: SimOptions): void {
  const { seed } = outcome;
  const replay = replayOf({ seed, minutes, nodes, ...(durability === undefined ? {} : { durability }), ...(faults === undefined ? {} : { faults: faultsNamed(faults) }), ...(voters === undefined ? {} : { voters }) });
  process.stdout.write(`${[...outcome.lastLines, ...outcome.breaches.map(breachLine), `commit ${commit()}, again with: ${replay}`].join('\n')}\n`);
}

function figures(counts: Readonly<Record<string, number>>): string {
  const list = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return list.length === 0 ? 'none' : list.join(', ');
}
