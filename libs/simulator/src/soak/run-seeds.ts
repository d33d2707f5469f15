import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { SeedResult, SeedTask } from './seed-task.js';

/** Longer than this on the wall, on however busy a machine, means that virtual time stands still. */
const SEED_WALL_MS = 10 * 60_000;

export interface RunSeedsOptions {
  /** Taken one by one. */
  readonly tasks: Iterable<SeedTask>;
  /** Processes at a time. */
  readonly jobs: number;
  readonly onResult: (result: SeedResult) => void;
  /** No new seed is begun once this says so; those that run are finished. */
  readonly isOver?: () => boolean;
}

/**
 * Runs seeds in processes of their own, as many at once as told. One that ends by itself, or does not answer, is a broken seed, and another takes its place. Resolves when every
 * task is done. Needs the compiled package.
 */
export async function runSeeds({ tasks, jobs, onResult, isOver = () => false }: RunSeedsOptions): Promise<void> {
  const queue = tasks[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    let child: SeedProcess | undefined;
    while (!isOver()) {
      const { value, done } = queue.next();
      if (done === true) break;
      child ??= new SeedProcess();
      const result = await child.run(value);
      if (!child.isAlive) child = undefined;
      onResult(result);
    }
    child?.end();
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

class SeedProcess {
  private readonly child: ChildProcess;
  isAlive = true;

  constructor() {
    this.child = fork(path.resolve(__dirname, '../../dist/soak/seed-process.js'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  }

  run(task: SeedTask): Promise<SeedResult> {
    const { child } = this;
    return new Promise((resolve) => {
      const settle = (result: SeedResult): void => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(result);
      };
      const lost = (why: string): void => {
        this.isAlive = false;
        settle(broken(task, why));
      };
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        lost(`virtual time stands still: no end after ${SEED_WALL_MS / 1000} s on the wall`);
      }, SEED_WALL_MS);
      child.once('message', (result) => settle(result as SeedResult));
      child.once('exit', (code, signal) => lost(`the process that simulates has ended with ${signal ?? `code ${code}`}`));
      child.send(task);
    });
  }

  end(): void {
    this.child.removeAllListeners();
    this.child.disconnect();
  }
}

function broken(task: SeedTask, text: string): SeedResult {
  const outcome = { seed: task.seed, breaches: [{ invariant: 'a run ends', text, atMs: 0 }], traceHash: '', simulatedMs: 0, events: 0, lastLines: [], counts: {}, faults: {}, escapes: [] };
  return { task, outcome, cpuMs: 0 };
}
