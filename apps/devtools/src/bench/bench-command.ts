import fs from 'node:fs';
import type { Command } from 'commander';
import { benchBroker } from './bench-broker.js';
import { benchCluster, CLUSTER_STEPS } from './bench-cluster.js';
import { benchConnect } from './bench-connect.js';
import { benchConnectors } from './bench-connectors.js';

const CONNECT_STEPS = ['cdc1', 'cdc100', 'cdc10k', 'snapshot', 'sink', 'latency'];

/** `bench …`: ratios to the Java peers in one run. */
export function addBenchCommand(program: Command): void {
  const bench = program.command('bench').description('ratios to Apache Kafka, Kafka Connect and Debezium, measured in one run');
  const nodeArgs = (text: string): string[] => text.split(' ').filter((it) => it !== '');
  bench
    .command('connect [steps...]')
    .description(`change capture, snapshot, sink and latency; steps: ${CONNECT_STEPS.join(' ')}`)
    .option('--rows <n>', 'rows of a step', '500000')
    .option('--rounds <n>', 'the sides take turns; the better of the rounds counts', '2')
    .option('--alone', 'only our side')
    .option('--node-args <args>', 'for our processes, --cpu-prof for one', '')
    .action(async (steps: string[], flags: { rows: string; rounds: string; alone?: boolean; nodeArgs: string }) =>
      benchConnect({ rows: Number(flags.rows), rounds: Number(flags.rounds), isAlone: flags.alone === true, steps: steps.length > 0 ? steps : CONNECT_STEPS, nodeArgs: nodeArgs(flags.nodeArgs) }),
    );
  bench
    .command('connectors [counts...]')
    .description('a worker with 1, 10 and 100 connectors: time until all run, memory, throughput')
    .option('--lines <n>', 'of 99 bytes, in all', '2000000')
    .option('--rounds <n>', 'the sides take turns; the better of the rounds counts', '1')
    .option('--alone', 'only our side')
    .option('--node-args <args>', 'for our processes', '')
    .action(async (counts: string[], flags: { lines: string; rounds: string; alone?: boolean; nodeArgs: string }) =>
      benchConnectors({ counts: counts.length > 0 ? counts.map(Number) : [1, 10, 100], lines: Number(flags.lines), rounds: Number(flags.rounds), isAlone: flags.alone === true, nodeArgs: nodeArgs(flags.nodeArgs) }),
    );
  bench
    .command('broker')
    .description("Kafka's perf tools: one partition, acks=all, records of 100 B, 1 KiB and 10 KiB")
    .option('--bytes <n>', 'bytes of a run', '500000000')
    .option('--rounds <n>', 'the sides take turns; the better of the rounds counts', '2')
    .option('--alone', 'only our side')
    .option('--node-args <args>', 'for our broker', '')
    .action(async (flags: { bytes: string; rounds: string; alone?: boolean; nodeArgs: string }) => benchBroker({ bytes: Number(flags.bytes), rounds: Number(flags.rounds), isAlone: flags.alone === true, nodeArgs: nodeArgs(flags.nodeArgs) }));
  bench
    .command('cluster [steps...]')
    .description(`three brokers, three partitions with three replicas, acks=all, Kafka's perf tool at 100 B and 1 KiB; steps: ${CLUSTER_STEPS.join(' ')}`)
    .option('--bytes <n>', 'bytes of a run', '500000000')
    .option('--seconds <n>', 'of a run at half load', '30')
    .option('--partitions <list>', 'of one topic, in the part with many', '1,1000')
    .option('--rounds <n>', 'the sides take turns; the better of the rounds counts', '1')
    .option('--json <file>', 'all figures of all rounds')
    .option('--alone', 'only our side')
    .option('--node-args <args>', 'for our brokers', '')
    .action(async (steps: string[], flags: { bytes: string; seconds: string; partitions: string; rounds: string; json?: string; alone?: boolean; nodeArgs: string }) => {
      const figures = await benchCluster({
        steps: steps.length > 0 ? steps : CLUSTER_STEPS, bytes: Number(flags.bytes), latencySeconds: Number(flags.seconds), partitions: flags.partitions.split(',').map(Number),
        rounds: Number(flags.rounds), isAlone: flags.alone === true, nodeArgs: nodeArgs(flags.nodeArgs),
      });
      if (flags.json !== undefined) fs.writeFileSync(flags.json, `${JSON.stringify(figures, undefined, 2)}\n`);
    });
}
