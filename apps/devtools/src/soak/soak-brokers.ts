import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { BROKER_FAULTS, CLIENT_KINDS, peersMissing, producersUnderChaos, type BrokerFault, type ClientKind, type ProducersVerdict } from '@millrace/testkit';
import { say } from './say.js';
import { CHAOS_HEAP, CHAOS_SETTINGS } from './soak-broker.js';

interface BrokersFlags {
  readonly minutes: string;
  readonly events?: string;
  readonly kinds: string;
  readonly clients: string;
  readonly rate: string;
  readonly away: string;
  readonly seed?: string;
  readonly peer?: boolean;
  readonly keep?: boolean;
}

export function addBrokersSoak(soak: Command): void {
  soak
    .command('brokers')
    .description('three brokers are killed, paused, restarted and cut off under kafkajs, kcat and kafka-verifiable-producer; kcat reads what is there')
    .option('--minutes <n>', 'of disturbance', '10')
    .option('--events <n>', 'at most')
    .option('--kinds <list>', 'what happens', BROKER_FAULTS.join(','))
    .option('--clients <list>', 'who produces; java needs Java', CLIENT_KINDS.join(','))
    .option('--rate <n>', 'records a second of each client', '300')
    .option('--away <s>', 'how long a broker is away at most', '15')
    .option('--seed <n>', 'of what happens')
    .option('--peer', 'the same on three Apache Kafka brokers')
    .option('--keep', 'keep the data and logs')
    .action(async (flags: BrokersFlags) => {
      if (!(await runBrokers(flags))) process.exitCode = 1;
    });
}

async function runBrokers(flags: BrokersFlags): Promise<boolean> {
  const clients = flags.clients.split(',') as ClientKind[];
  const missing = flags.peer === true || clients.includes('java') ? peersMissing() : undefined;
  if (missing !== undefined) throw new Error(missing);
  const seed = Number(flags.seed ?? Date.now() % 1_000_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-brokers-'));
  say(`seed ${seed}, folder ${folder}, load of the machine ${os.loadavg()[0]?.toFixed(1)}`);
  const verdict = await producersUnderChaos({
    folder, side: flags.peer === true ? 'kafka' : 'millrace', clients, recordsPerSecond: Number(flags.rate), faults: flags.kinds.split(',') as BrokerFault[], durationMs: Number(flags.minutes) * 60_000,
    events: Number(flags.events ?? Infinity), faultMsMax: Number(flags.away) * 1000, calmMs: 4000, settings: CHAOS_SETTINGS, heap: CHAOS_HEAP, seed, say,
  });
  const isRight = verdict.problems.length === 0;
  for (const it of errorLines(verdict)) say(it);
  for (const it of eventLines(verdict)) say(it);
  for (const it of unavailabilityLines(verdict)) say(it);
  for (const it of verdict.problems) say(it);
  const { acknowledged, records, events } = verdict;
  say(`load of the machine ${os.loadavg()[1]?.toFixed(1)}`);
  say(isRight ? `PASSED: ${events.length} events; ${acknowledged} acknowledged records are there, once, in order; ${records} records in all` : 'FAILED');
  if (isRight && flags.keep !== true) fs.rmSync(folder, { recursive: true, force: true });
  return isRight;
}

function errorLines({ journal }: ProducersVerdict): string[] {
  return [...journal.seen].flatMap(([client, names]) => [...names].sort(([, a], [, b]) => b - a).map(([name, count]) => `${client} saw ${count} x ${name}`));
}

function eventLines({ events, journal }: ProducersVerdict): string[] {
  return events.map((it) => `${it.fault} of ${it.what}; it led ${it.leaderships} partitions; without acknowledgements ${[...journal.longestGapsMs(it.fromMs, it.inSyncAtMs ?? it.toMs)].map(([client, ms]) => `${client} ${seconds(ms)}`).join(', ')}`);
}

/** The longest pauses between two acknowledgements while a kind of event was on: half of the events had less than the first figure. */
function unavailabilityLines({ events, journal }: ProducersVerdict): string[] {
  return BROKER_FAULTS.flatMap((fault) => {
    const gaps = events.filter((it) => it.fault === fault).map((it) => journal.longestGapsMs(it.fromMs, it.inSyncAtMs ?? it.toMs));
    if (gaps.length === 0) return [];
    const clients = [...new Set(journal.producers.map((it) => it.client))].map((client) => {
      const sorted = gaps.map((it) => it.get(client) ?? 0).sort((a, b) => a - b);
      return `${client} ${seconds(sorted[Math.floor(sorted.length / 2)])} / ${seconds(sorted.at(-1))}`;
    });
    return [`without acknowledgements, median / worst of ${gaps.length} x ${fault}: ${clients.join(', ')}`];
  });
}

function seconds(ms = 0): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
