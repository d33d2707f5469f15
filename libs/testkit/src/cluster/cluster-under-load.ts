import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../flow/flow.js';
import { SeededRandom } from '../doubles/seeded-random.js';
import { connectorStatuses, putConnector, type ConnectorStatus } from './connect-rest.js';
import { historyProblems, readTaskStates, type WorkerEvent } from './status-history.js';
import type { WorkerPool } from './worker-pool.js';
import type { Workload } from './workload.js';

export interface ClusterUnderLoadOptions {
  readonly pool: WorkerPool;
  readonly workloads: readonly Workload[];
  readonly bootstrap: string;
  readonly workers: number;
  readonly durationMs: number;
  /** Mean time between two disturbances. */
  readonly disturbEveryMs: number;
  /** What may happen; what is named twice happens twice as often. Nothing: the workers are left alone. */
  readonly kinds: readonly DisturbanceKind[];
  /** What goes on beside it for `durationMs`: the brokers are in trouble. Resolves when they are whole again, with what cannot be forgiven. */
  readonly brokerChaos?: (onStrike: () => void) => Promise<readonly string[]>;
  readonly settleMs: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

/** To a worker, or to the outside system of a workload. */
export type DisturbanceKind = 'kill' | 'stop' | 'pause' | 'add' | 'outside';

export interface ClusterVerdict {
  readonly problems: readonly string[];
  readonly figures: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const PAUSE_MS_MAX = 20_000;

/** A cluster of workers under the load of all workloads, while workers are killed, paused, ended and added at random; then everything is counted. */
export async function clusterUnderLoad(options: ClusterUnderLoadOptions): Promise<ClusterVerdict> {
  const { pool, workloads, say } = options;
  const events: WorkerEvent[] = [];
  const problems: string[] = [];
  for (const it of workloads) await it.prepare();
  await Promise.all(Array.from({ length: options.workers }, () => addWorker(pool, events)));
  for (const { name, config } of workloads.flatMap((it) => it.connectors)) await putConnector(() => pool.awake[0]!.url, name, config);
  await steady(options, 120_000);
  for (const it of workloads) await it.ready();
  say(`${workloads.flatMap((it) => it.connectors).length} connectors with ${taskCount(workloads)} tasks run on ${options.workers} workers`);

  const stopping = new AbortController();
  // Every writer of every workload waits on it.
  setMaxListeners(0, stopping.signal);
  const writing = Promise.all(workloads.map((it) => it.write(stopping.signal)));
  const withoutBroker = (): void => void events.push(...pool.workers.map(({ id }) => ({ worker: id, kind: 'without a broker' as const, atMs: Date.now() })));
  const [brokerProblems = []] = await Promise.all([options.brokerChaos?.(withoutBroker), options.kinds.length === 0 ? undefined : disturb(options, events)]);
  problems.push(...brokerProblems);
  stopping.abort();
  await writing;
  for (const it of pool.workers.filter((worker) => worker.isPaused)) pool.resume(it);
  while (pool.workers.length < options.workers) await addWorker(pool, events);
  await steady(options, 120_000).catch((error: unknown) => problems.push(String(error)));

  const figures: Record<string, Record<string, number>> = {};
  for (const it of workloads) {
    const verdict = await it.verdict(options.settleMs);
    problems.push(...verdict.problems);
    figures[it.name] = { ...verdict.figures };
    say(`${it.name}: ${JSON.stringify(verdict.figures)}`);
  }
  const states = await readTaskStates(options.bootstrap, pool.statusTopic);
  problems.push(...historyProblems(states, events));
  figures['tasks'] = { starts: states.filter((it) => it.state === 'RUNNING').length, events: events.length };
  return { problems, figures };
}

async function addWorker(pool: WorkerPool, events: WorkerEvent[]): Promise<void> {
  const { id } = await pool.add();
  events.push({ worker: id, kind: 'added', atMs: Date.now() });
}

async function disturb(options: ClusterUnderLoadOptions, events: WorkerEvent[]): Promise<void> {
  const { pool, say, seed } = options;
  const random = new SeededRandom(seed);
  const end = performance.now() + options.durationMs;
  const resumptions: Promise<void>[] = [];
  const note = (worker: string, kind: WorkerEvent['kind']): void => {
    events.push({ worker, kind, atMs: Date.now() });
    say(`${worker} ${kind}`);
  };
  while (performance.now() < end) {
    await delay(Math.min(options.disturbEveryMs * (0.5 + random.next()), Math.max(1, end - performance.now())));
    if (performance.now() >= end) break;
    const { awake } = pool;
    const kind = pool.workers.length <= 2 || awake.length < 2 ? 'add' : random.pick(options.kinds.filter((it) => it !== 'add' || pool.workers.length <= options.workers));
    const victim = random.pick(awake);
    if (kind === 'outside') {
      const workload = random.pick(options.workloads.filter((it) => it.strike !== undefined));
      say(`the outside of ${workload.name} is struck`);
      await workload.strike?.(random);
      continue;
    }
    if (kind === 'add') {
      await addWorker(pool, events);
      say(`${events.at(-1)!.worker} added`);
    } else if (kind === 'kill') {
      note(victim.id, 'killed');
      await pool.kill(victim);
    } else if (kind === 'stop') {
      note(victim.id, 'stopped');
      await pool.stop(victim);
    } else {
      note(victim.id, 'paused');
      pool.pause(victim);
      resumptions.push(delay(1000 + random.integer(PAUSE_MS_MAX)).then(() => {
        pool.resume(victim);
        note(victim.id, 'resumed');
      }));
    }
  }
  await Promise.all(resumptions);
}

/** Resolves when each connector and task runs, each task on one worker that is there, and all workers agree. */
async function steady(options: ClusterUnderLoadOptions, timeoutMs: number): Promise<void> {
  let lack = '';
  await waitFor('every task runs', timeoutMs, async () => {
    const views = await Promise.all(options.pool.workers.map((it) => connectorStatuses(it.url)));
    lack = views.map((it) => (it === undefined ? 'a worker does not answer' : lackOf(it, options))).find((it) => it !== '') ?? '';
    if (lack !== '') await delay(100);
    return lack === '';
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${lack}`);
  });
}

function lackOf(statuses: ReadonlyMap<string, ConnectorStatus>, { pool, workloads }: ClusterUnderLoadOptions): string {
  const present = new Set(pool.workers.map((it) => it.id));
  for (const { name, tasks } of workloads.flatMap((it) => it.connectors)) {
    const status = statuses.get(name);
    if (status === undefined) return `${name} is not there`;
    const parts = [status.connector, ...status.tasks];
    const failed = parts.find((it) => it.state !== 'RUNNING' || !present.has(it.worker_id));
    if (failed) return `a part of ${name} is ${failed.state} on ${failed.worker_id}${failed.trace === undefined ? '' : `: ${failed.trace.slice(0, 300)}`}`;
    if (status.tasks.length !== tasks) return `${name} has ${status.tasks.length} tasks, not ${tasks}`;
  }
  return '';
}

function taskCount(workloads: readonly Workload[]): number {
  return workloads.flatMap((it) => it.connectors).reduce((sum, it) => sum + it.tasks, 0);
}
