import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { compactionKills } from '@millrace/testkit';
import { compactionMemory } from './compaction-memory.js';
import { say } from './say.js';

interface CompactionFlags {
  readonly kills: string;
  readonly seed?: string;
  readonly keep?: boolean;
}

export function addCompactionSoak(soak: Command): void {
  soak
    .command('compaction')
    .description('a broker that compacts is killed at random moments; kafkajs and the dump tool of Apache Kafka look at what is left')
    .option('--kills <n>', 'SIGKILLs at random moments of a cleaning', '100')
    .option('--seed <n>', 'of the records and the kills')
    .option('--keep', 'keep the data and logs')
    .action(async (flags: CompactionFlags) => {
      if (!(await runCompaction(flags))) process.exitCode = 1;
    });
  soak
    .command('compaction-memory')
    .description('what it takes to clean a large log: memory, time, and the latency of a producer meanwhile')
    .option('--keys <n>', 'each of them once, and one in twenty again', '10000000')
    .option('--megabytes <n>', 'of the log', '1000')
    .action(async (flags: { readonly keys: string; readonly megabytes: string }) => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-soak-'));
      await compactionMemory({ folder, keys: Number(flags.keys), megabytes: Number(flags.megabytes), say });
      fs.rmSync(folder, { recursive: true, force: true });
    });
}

async function runCompaction(flags: CompactionFlags): Promise<boolean> {
  const seed = Number(flags.seed ?? Date.now() % 1_000_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-soak-'));
  say(`seed ${seed}, folder ${folder}`);
  const result = await compactionKills({ folder, seed, say, kills: Number(flags.kills) });
  const isRight = result.problems.length === 0;
  say(JSON.stringify(result));
  say(isRight ? 'PASSED: the last value of each key is there, every batch is valid' : 'FAILED');
  if (isRight && flags.keep !== true) fs.rmSync(folder, { recursive: true, force: true });
  return isRight;
}
