import { EscapeGuard } from './time/escape-guard.js';
import { Scenario, type ScenarioOptions } from './scenario.js';
import { World, type Breach } from './world.js';

export interface RunOptions extends ScenarioOptions {
  readonly seed: number;
  /** Each line of the journal as it is written. */
  readonly onLine?: (line: string) => void;
  /** Called with the world before anything happens: a test plants its bugs here. */
  readonly prepare?: (world: World, scenario: Scenario) => void;
}

export interface RunOutcome {
  readonly seed: number;
  readonly breaches: readonly Breach[];
  /** Equal for two runs that did the same. */
  readonly traceHash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly lastLines: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** Where production code took time, chance or files without its ports. */
  readonly escapes: readonly string[];
}

/** Virtual time after which a run that is not over hangs. */
const TAIL_MS = 15 * 60_000;

/** One whole simulation. Only one at a time in a process: it watches the globals. */
export async function runSeed(options: RunOptions): Promise<RunOutcome> {
  const world = new World(options.seed);
  if (options.onLine !== undefined) world.journal.onLine = options.onLine;
  const scenario = new Scenario(world, options);
  options.prepare?.(world, scenario);
  const guard = new EscapeGuard();
  const onRejection = (reason: unknown): void => world.uncaught(reason, 'a promise that nobody looks at');
  process.on('unhandledRejection', onRejection);
  guard.stand();
  let isOver = false;
  try {
    scenario.run().then(
      () => {
        isOver = true;
        world.loop.stop();
      },
      (error: unknown) => world.uncaught(error, 'the scenario'),
    );
    await world.loop.run(options.minutes * 60_000 + TAIL_MS);
  } finally {
    guard.leave();
    process.off('unhandledRejection', onRejection);
  }
  if (!isOver && world.breaches.length === 0) world.breach('a run ends', 'nothing is left to happen, and the scenario is not over');
  return {
    seed: options.seed,
    breaches: world.breaches,
    traceHash: world.loop.traceHash,
    simulatedMs: world.loop.nowMs,
    events: world.loop.eventCount,
    lastLines: world.journal.last(60),
    counts: scenario.cluster.options.quorum === undefined ? scenario.history.counts : { ...scenario.history.counts, 'voter changes': scenario.probe.voterChanges },
    faults: Object.fromEntries(scenario.faults.counts),
    escapes: [...guard.escapes].map(([place, stack]) => `${place}\n${stack}`),
  };
}
