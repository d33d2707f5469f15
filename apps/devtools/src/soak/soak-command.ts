import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { nothingLost } from '@millrace/testkit';
import { say } from './say.js';
import { addBrokersSoak } from './soak-brokers.js';
import { addClusterSoak } from './soak-cluster.js';
import { addCompactionSoak } from './soak-compaction.js';
import { addRollingRestartSoak } from './soak-rolling-restart.js';
import { addSimulationSoak } from './soak-simulation.js';
import { addTakeOverSoak } from './soak-take-over.js';

interface NothingLostFlags {
  readonly changes: string;
  readonly rate: string;
  readonly kills: string;
  readonly seed?: string;
  readonly postgres?: boolean;
  readonly bootstrap?: string;
  readonly rest?: string;
  readonly keep?: boolean;
}

/** `soak …`: long runs with faults; short versions of them are among the tests. */
export function addSoakCommand(program: Command): void {
  const soak = program.command('soak').description('long runs with faults');
  soak
    .command('nothing-lost')
    .description('writers in the source while broker and worker are killed; source, topic and sink are compared')
    .option('--changes <n>', 'in all', '200000')
    .option('--rate <n>', 'changes a second at most', '5000')
    .option('--kills <n>', 'SIGKILLs at random moments', '10')
    .option('--seed <n>', 'of the workload and the kills')
    .option('--postgres', 'PostgreSQL is restarted as well')
    .option('--bootstrap <host:port>', 'a broker that is already there')
    .option('--rest <url>', 'a Connect worker that is already there')
    .option('--keep', 'keep the data and logs')
    .action(async (flags: NothingLostFlags) => {
      if (!(await runNothingLost(flags))) process.exitCode = 1;
    });
  addBrokersSoak(soak);
  addClusterSoak(soak);
  addTakeOverSoak(soak);
  addCompactionSoak(soak);
  addSimulationSoak(soak);
  addRollingRestartSoak(soak);
}

async function runNothingLost(flags: NothingLostFlags): Promise<boolean> {
  const seed = Number(flags.seed ?? Date.now() % 1_000_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-soak-'));
  fs.chmodSync(folder, 0o755);
  say(`seed ${seed}, folder ${folder}`);
  const postgres = await EmbeddedPostgres.start({ folder: path.join(folder, 'postgres') });
  let isEqual = false;
  try {
    const { source, sink, topic } = await nothingLost({
      folder, postgres, seed, say, changes: Number(flags.changes), changesPerSecond: Number(flags.rate), kills: Number(flags.kills), withPostgres: flags.postgres === true,
      ...(flags.bootstrap === undefined ? {} : { bootstrap: flags.bootstrap }), ...(flags.rest === undefined ? {} : { restUrl: flags.rest }),
    });
    for (const problem of topic.problems) say(problem);
    isEqual = source.checksum === sink.checksum && source.rows === sink.rows && topic.problems.length === 0;
    say(isEqual ? `PASSED: tables equal, every change in the topic in order, ${topic.repeats} repeats` : 'FAILED');
  } finally {
    await postgres.stop();
  }
  if (isEqual && !flags.keep) fs.rmSync(folder, { recursive: true, force: true });
  return isEqual;
}
