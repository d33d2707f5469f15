import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { BrokerCluster, peersMissing, rollingRestart } from '@millrace/testkit';
import { say } from './say.js';

interface RollingRestartFlags {
  readonly rounds: string;
  readonly calm: string;
  readonly sessionTimeout: string;
  readonly kafka?: boolean;
  readonly keep?: boolean;
}

export function addRollingRestartSoak(soak: Command): void {
  soak
    .command('rolling-restart')
    .description('three brokers are restarted one after the other under producers and consumer groups: errors, commits, and how long leaders take to move')
    .option('--rounds <list>', 'what each broker meets in turn: stop (in order), kill', 'stop,kill')
    .option('--calm <s>', 'of load before each restart', '10')
    .option('--session-timeout <ms>', 'broker.session.timeout.ms', '9000')
    .option('--kafka', "Apache Kafka's brokers instead of ours")
    .option('--keep', 'keep the data and logs')
    .action(async (flags: RollingRestartFlags) => {
      if (!(await run(flags))) process.exitCode = 1;
    });
}

async function run(flags: RollingRestartFlags): Promise<boolean> {
  const missing = flags.kafka === true ? peersMissing() : undefined;
  if (missing !== undefined) throw new Error(missing);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-rolling-'));
  const turns = flags.rounds.split(',').flatMap((it) => [1, 2, 3].map((broker) => ({ broker, how: it === 'kill' ? ('kill' as const) : ('stop' as const) })));
  const cluster = await BrokerCluster.start({ side: flags.kafka === true ? 'kafka' : 'millrace', folder, settings: { 'broker.session.timeout.ms': flags.sessionTimeout, 'offsets.topic.num.partitions': '6' } });
  say(`three brokers in ${Math.round(cluster.startedInMs)} ms, folder ${folder}`);
  let isRight = false;
  try {
    const verdict = await rollingRestart({ cluster, turns, partitions: 6, calmMs: Number(flags.calm) * 1000, say });
    for (const it of verdict.problems) say(it);
    isRight = verdict.problems.length === 0;
    for (const how of ['stop', 'kill'] as const) {
      const moves = verdict.turns.filter((it) => it.how === how).map((it) => it.leadersMovedMs);
      if (moves.length > 0) say(`${how}: leaders moved within ${Math.round(Math.max(...moves))} ms`);
    }
    say(`${isRight ? 'PASSED' : 'FAILED'}: ${verdict.acknowledged} records acknowledged, ${verdict.repeats} read again above the commits; errors met: ${JSON.stringify(Object.fromEntries(verdict.errors))}`);
  } finally {
    await cluster.stop();
  }
  if (isRight && !flags.keep) fs.rmSync(folder, { recursive: true, force: true });
  return isRight;
}
