import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { BROKER_FAULTS, clusterUnderLoad, LinesWorkload, type BrokerFault, RequestWorkload, type DisturbanceKind, TableWorkload, WorkerPool, type Workload } from '@millrace/testkit';
import { DocumentWorkload } from './document-workload.js';
import { say } from './say.js';
import { startBroker, startBrokers, type SoakBrokers } from './soak-broker.js';

interface ClusterFlags {
  readonly minutes: string;
  readonly workers: string;
  readonly every: string;
  readonly kinds: string;
  readonly seed?: string;
  readonly bootstrap?: string;
  readonly brokers?: string;
  readonly brokerKinds: string;
  readonly peer?: boolean;
  readonly only?: string;
  readonly keep?: boolean;
}

export function addClusterSoak(soak: Command): void {
  soak
    .command('cluster')
    .description('twelve connectors with forty tasks while workers are killed, paused, ended and added; outside systems count')
    .option('--minutes <n>', 'of disturbance', '5')
    .option('--workers <n>', 'at the start and the end', '3')
    .option('--every <s>', 'mean seconds between two disturbances', '12')
    .option('--kinds <list>', 'what happens to workers, with repeats, or none: kill, pause, add, stop, outside (the outside systems fail)', 'kill,kill,pause,pause,add,stop')
    .option('--seed <n>', 'of the load and the disturbances')
    .option('--bootstrap <host:port>', 'a broker that is already there, such as an Apache Kafka')
    .option('--brokers <n>', 'brokers, which are in trouble one after the other')
    .option('--broker-kinds <list>', 'what happens to them', BROKER_FAULTS.join(','))
    .option('--peer', 'those are of Apache Kafka')
    .option('--only <kinds>', 'of workloads: table,lines,request,document')
    .option('--keep', 'keep the data and logs')
    .action(async (flags: ClusterFlags) => {
      if (!(await runCluster(flags))) process.exitCode = 1;
    });
}

async function runCluster(flags: ClusterFlags): Promise<boolean> {
  const seed = Number(flags.seed ?? Date.now() % 1_000_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-cluster-'));
  fs.chmodSync(folder, 0o755);
  say(`seed ${seed}, folder ${folder}`);
  const postgres = await EmbeddedPostgres.start({ folder: path.join(folder, 'postgres') });
  const brokers = await brokersOf(flags, folder);
  const { bootstrap } = brokers;
  const pool = new WorkerPool({ folder, bootstrap, groupId: `cluster-${seed}`, settings: { 'scheduled.rebalance.max.delay.ms': '5000' } });
  const workloads = makeWorkloads({ folder, postgres, bootstrap, seed, only: flags.only?.split(',') });
  const durationMs = Number(flags.minutes) * 60_000;
  let isRight = false;
  try {
    const { problems, figures } = await clusterUnderLoad({
      pool, workloads, bootstrap, seed, say, durationMs, workers: Number(flags.workers), disturbEveryMs: Number(flags.every) * 1000, settleMs: 120_000,
      kinds: flags.kinds === 'none' ? [] : (flags.kinds.split(',') as DisturbanceKind[]),
      brokerChaos: (onStrike) => brokers.chaos({ faults: flags.brokerKinds.split(',') as BrokerFault[], durationMs, seed, say, onStrike }),
    });
    for (const it of problems) say(it);
    isRight = problems.length === 0;
    say(`${isRight ? 'PASSED' : 'FAILED'} ${JSON.stringify(figures)}`);
  } finally {
    await pool.stopAll();
    for (const it of workloads) await it.close();
    await brokers.stop();
    await postgres.stop();
  }
  if (isRight && !flags.keep) fs.rmSync(folder, { recursive: true, force: true });
  return isRight;
}

async function brokersOf({ bootstrap, brokers = '1', peer }: ClusterFlags, folder: string): Promise<SoakBrokers> {
  if (brokers !== '1') return startBrokers({ folder, brokers: Number(brokers), side: peer === true ? 'kafka' : 'millrace' });
  const own = bootstrap === undefined ? await startBroker(folder) : undefined;
  return { bootstrap: bootstrap ?? own!.address, chaos: () => Promise.resolve([]), stop: async () => own?.process.stop() };
}

/** Two of each kind: twelve connectors, forty tasks. */
function makeWorkloads(options: { folder: string; postgres: EmbeddedPostgres; bootstrap: string; seed: number; only: readonly string[] | undefined }): Workload[] {
  const { folder, postgres, bootstrap, seed } = options;
  const wants = (kind: string): boolean => options.only === undefined || options.only.includes(kind);
  return [1, 2].flatMap((n) => {
    const lines = new LinesWorkload({ name: `lines${seed}x${n}`, folder, bootstrap, files: 10, tasks: 5, linesPerSecond: 300, seed: seed + n });
    return [
      ...(wants('table') ? [new TableWorkload({ name: `table${seed}x${n}`, postgres, bootstrap, sinkTasks: 4, changesPerSecond: 300, seed: seed + n })] : []),
      ...(wants('lines') ? [lines] : []),
      ...(wants('request') ? [new RequestWorkload({ name: `request${seed}x${n}`, bootstrap, topic: lines.topic, tasks: 4 })] : []),
      ...(wants('document') ? [new DocumentWorkload({ name: `document${seed}x${n}`, bootstrap, changesPerSecond: 200, seed: seed + n })] : []),
    ];
  });
}
