import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { FileStreamWorkload, peersMissing, TableWorkload, takeOver, type WorkerKind } from '@millrace/testkit';
import { say } from './say.js';
import { startBroker } from './soak-broker.js';

interface TakeOverFlags {
  readonly turns: string;
  readonly seconds: string;
  readonly workers: string;
  readonly bootstrap?: string;
  readonly keep?: boolean;
}

export function addTakeOverSoak(soak: Command): void {
  soak
    .command('take-over')
    .description('Java Connect workers under load are replaced by ours with the same group and topics, and back (needs Java)')
    .option('--turns <kinds>', 'java and millrace, one after the other', 'java,millrace,java,millrace')
    .option('--seconds <n>', 'of load in each turn', '20')
    .option('--workers <n>', 'of each kind', '2')
    .option('--bootstrap <host:port>', 'a broker that is already there')
    .option('--keep', 'keep the data and logs')
    .action(async (flags: TakeOverFlags) => {
      if (!(await runTakeOver(flags))) process.exitCode = 1;
    });
}

async function runTakeOver(flags: TakeOverFlags): Promise<boolean> {
  const missing = peersMissing();
  if (missing !== undefined) throw new Error(missing);
  const seed = Date.now() % 1_000_000;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-take-over-'));
  fs.chmodSync(folder, 0o755);
  say(`folder ${folder}`);
  const postgres = await EmbeddedPostgres.start({ folder: path.join(folder, 'postgres') });
  const broker = flags.bootstrap === undefined ? await startBroker(folder) : undefined;
  const bootstrap = flags.bootstrap ?? broker!.address;
  const workloads = [
    new TableWorkload({ name: `table${seed}`, postgres, bootstrap, sinkTasks: 2, changesPerSecond: 300, seed }),
    new FileStreamWorkload({ name: `file${seed}`, folder, bootstrap, linesPerSecond: 200 }),
  ];
  let isRight = false;
  try {
    const { problems, figures } = await takeOver({
      folder, bootstrap, workloads, say, groupId: `take-over-${seed}`, turns: flags.turns.split(',') as WorkerKind[], workers: Number(flags.workers), turnMs: Number(flags.seconds) * 1000, settleMs: 120_000,
    });
    for (const it of problems) say(it);
    isRight = problems.length === 0;
    say(`${isRight ? 'PASSED' : 'FAILED'} ${JSON.stringify(figures)}`);
  } finally {
    await broker?.process.stop();
    await postgres.stop();
  }
  if (isRight && !flags.keep) fs.rmSync(folder, { recursive: true, force: true });
  return isRight;
}
