import { setMaxListeners } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../flow/flow.js';
import { PeerProcess } from '../peers/peer-process.js';
import { freePort } from '../processes/free-port.js';
import { connectorStatuses, putConnector } from './connect-rest.js';
import { WorkerPool } from './worker-pool.js';
import type { Workload } from './workload.js';

export type WorkerKind = 'java' | 'millrace';

export interface TakeOverOptions {
  readonly folder: string;
  readonly bootstrap: string;
  readonly groupId: string;
  /** Who runs the group, one after the other; the first configures the connectors. */
  readonly turns: readonly WorkerKind[];
  readonly workers: number;
  readonly turnMs: number;
  readonly settleMs: number;
  readonly workloads: readonly Workload[];
  readonly say: (line: string) => void;
}

export interface TakeOverVerdict {
  readonly problems: readonly string[];
  readonly figures: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The workers of one group, of one kind. */
interface Crew {
  readonly url: string;
  stop(): Promise<void>;
}

/** Connectors under load whose workers are stopped in order and replaced by workers of the other kind, with the same group and internal topics. */
export async function takeOver(options: TakeOverOptions): Promise<TakeOverVerdict> {
  const { workloads, turns, turnMs, say } = options;
  for (const it of workloads) await it.prepare();
  const writingEnds = new AbortController();
  // Every writer of every workload waits on it.
  setMaxListeners(0, writingEnds.signal);
  let writing: Promise<unknown> = Promise.resolve();
  let crew: Crew | undefined;
  const problems: string[] = [];
  try {
    for (const [i, kind] of turns.entries()) {
      crew = kind === 'java' ? await javaCrew(options) : await millraceCrew(options);
      if (i === 0) for (const { name, config } of workloads.flatMap((it) => it.connectors)) await putConnector(() => crew!.url, name, config);
      await allRun(crew.url, workloads);
      say(`turn ${i + 1}: ${kind} runs all connectors`);
      if (i === 0) {
        for (const it of workloads) await it.ready();
        writing = Promise.all(workloads.map((it) => it.write(writingEnds.signal)));
      }
      await delay(turnMs);
      if (i < turns.length - 1) {
        await crew.stop();
        say(`turn ${i + 1}: ${kind} has stopped`);
      }
    }
    writingEnds.abort();
    await writing;
    const figures: Record<string, Record<string, number>> = {};
    for (const it of workloads) {
      const verdict = await it.verdict(options.settleMs);
      problems.push(...verdict.problems);
      figures[it.name] = { ...verdict.figures };
      say(`${it.name}: ${JSON.stringify(verdict.figures)}`);
    }
    return { problems, figures };
  } finally {
    writingEnds.abort();
    await crew?.stop();
  }
}

async function millraceCrew({ folder, bootstrap, groupId, workers }: TakeOverOptions): Promise<Crew> {
  const pool = new WorkerPool({ folder: path.join(folder, `millrace-${Date.now()}`), bootstrap, groupId, settings: { 'scheduled.rebalance.max.delay.ms': '5000' } });
  for (let i = 0; i < workers; i++) await pool.add();
  return { url: pool.workers[0]!.url, stop: () => pool.stopAll() };
}

async function javaCrew({ folder, bootstrap, groupId, workers }: TakeOverOptions): Promise<Crew> {
  const crew: PeerProcess[] = [];
  for (let i = 0; i < workers; i++) {
    crew.push(await PeerProcess.connect({ folder: path.join(folder, `java-${Date.now()}`), port: await freePort(), bootstrap, group: groupId, settings: { 'scheduled.rebalance.max.delay.ms': '5000' }, heap: ['-Xms256m', '-Xmx1g'] }));
  }
  return {
    url: crew[0]!.address,
    stop: async () => {
      await Promise.all(crew.map((it) => it.stop()));
    },
  };
}

async function allRun(url: string, workloads: readonly Workload[]): Promise<void> {
  let lack = 'no answer';
  await waitFor('all connectors run', 180_000, async () => {
    const statuses = await connectorStatuses(url);
    lack = '';
    for (const { name, tasks } of workloads.flatMap((it) => it.connectors)) {
      const status = statuses?.get(name);
      const parts = status === undefined ? [] : [status.connector, ...status.tasks];
      const failed = parts.find((it) => it.state === 'FAILED');
      if (failed) throw new Error(`${name} failed: ${failed.trace}`);
      if (parts.length !== tasks + 1 || parts.some((it) => it.state !== 'RUNNING')) lack = `${name}: ${parts.map((it) => it.state).join(' ')}`;
    }
    if (lack !== '') await delay(100);
    return lack === '';
  }).catch((error: unknown) => {
    throw new Error(`${String(error)} (${lack})`);
  });
}
