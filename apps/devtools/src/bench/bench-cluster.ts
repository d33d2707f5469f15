import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BrokerCluster, peersMissing, waitFor, type BrokerClusterOptions } from '@millrace/testkit';
import { comparisonTable, type Figure } from './comparison.js';
import { perfProduce, perfTopic, type ProduceOutcome } from './perf-tool.js';
import { processorSeconds, residentMib } from './process-usage.js';

export interface BenchClusterOptions {
  readonly rounds: number;
  /** Bytes that each run produces; a run with a given load takes `latencySeconds`. */
  readonly bytes: number;
  readonly latencySeconds: number;
  /** Of one topic, in the part with many partitions. */
  readonly partitions: readonly number[];
  readonly steps: readonly string[];
  readonly isAlone: boolean;
  readonly nodeArgs: readonly string[];
}

export const CLUSTER_STEPS = ['throughput', 'latency', 'partitions'];

type Side = Figure['side'];

const SIZES = [100, 1024];
const BROKERS = 3;
const READY_WITHIN_MS = 300_000;

/** Three brokers, three partitions with three replicas each, acks=all, Apache Kafka's producer perf test: ours beside Kafka's. Every figure, by side; the best of the rounds stands in the table. */
export async function benchCluster(options: BenchClusterOptions): Promise<readonly Figure[]> {
  const missing = peersMissing();
  if (missing !== undefined) {
    process.stdout.write(`not run: ${missing}\n`);
    return [];
  }
  const bench = new ClusterBench(options, options.isAlone ? ['millrace'] : ['millrace', 'java']);
  for (let round = 0; round < options.rounds; round++) {
    if (options.steps.includes('throughput')) await bench.throughput();
    if (options.steps.includes('latency')) await bench.latency();
    if (options.steps.includes('partitions')) await bench.partitions();
  }
  process.stdout.write(`\n${comparisonTable(bench.figures)}\n`);
  return bench.figures;
}

class ClusterBench {
  readonly figures: Figure[] = [];

  constructor(
    private readonly options: BenchClusterOptions,
    private readonly sides: readonly Side[],
  ) {}

  async throughput(): Promise<void> {
    for (const side of this.sides) {
      await this.withCluster(side, async (cluster) => {
        this.tell(side, 'cluster start', cluster.startedInMs / 1000, 's', 'lower');
        await this.warmUp(cluster);
        for (const size of SIZES) {
          const used = cpuSeconds(cluster);
          const megabytes = this.options.bytes / 1024 / 1024;
          const { megabytesPerSecond } = await this.produce(cluster, `bench-${size}`, size, Math.floor(this.options.bytes / size));
          this.tell(side, `produce ${size} B`, megabytesPerSecond, 'MB/s', 'higher');
          this.tell(side, `processor time of the brokers, ${size} B`, (1000 * (cpuSeconds(cluster) - used)) / megabytes, 'ms/MB', 'lower');
        }
        this.tell(side, 'memory of the brokers, loaded', memoryOf(cluster), 'MiB', 'lower');
      });
    }
  }

  /** At half of what the slower side takes. */
  async latency(): Promise<void> {
    for (const side of this.sides) {
      await this.withCluster(side, async (cluster) => {
        await this.warmUp(cluster);
        for (const size of SIZES) {
          const slower = Math.min(...this.figures.filter((it) => it.name === `produce ${size} B`).map((it) => it.value));
          if (!Number.isFinite(slower)) throw new Error('latency is measured after throughput, at half of it');
          const rate = Math.floor((slower * 1024 * 1024) / 2 / size);
          const { p99Ms } = await this.produce(cluster, `bench-${size}`, size, rate * this.options.latencySeconds, { rate, warmUpRecords: rate * 5 });
          this.tell(side, `p99 at half load, ${size} B`, p99Ms, 'ms', 'lower');
        }
      });
    }
  }

  /** A cluster that is started again with so many partitions: until all of them have their leader and followers, what it holds in memory, what it takes. */
  async partitions(): Promise<void> {
    for (const count of this.options.partitions) {
      for (const side of this.sides) {
        await this.withCluster(side, async (cluster) => {
          const of = (what: string): string => `${count} partitions: ${what}`;
          const topic = `bench-${count}`;
          await perfTopic(cluster.bootstrap, topic, { partitions: count, replicas: BROKERS });
          await cluster.stop();
          const begun = performance.now();
          await Promise.all(cluster.brokers.map((it) => it.start()));
          await waitFor('every partition has its leader and all followers', READY_WITHIN_MS, () => cluster.isWhole());
          this.tell(side, of('start'), (performance.now() - begun) / 1000, 's', 'lower');
          this.tell(side, of('memory, idle'), memoryOf(cluster), 'MiB', 'lower');
          await this.produce(cluster, topic, 1024, Math.floor(this.options.bytes / 4096));
          const { megabytesPerSecond } = await this.produce(cluster, topic, 1024, Math.floor(this.options.bytes / 1024));
          this.tell(side, of('produce 1024 B'), megabytesPerSecond, 'MB/s', 'higher');
          this.tell(side, of('memory, loaded'), memoryOf(cluster), 'MiB', 'lower');
        });
      }
    }
  }

  private async withCluster(side: Side, work: (cluster: BrokerCluster) => Promise<void>): Promise<void> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-cluster-'));
    const options: BrokerClusterOptions = side === 'java' ? { side: 'kafka', folder, brokers: BROKERS } : { side: 'millrace', folder, brokers: BROKERS, nodeArgs: this.options.nodeArgs };
    const cluster = await BrokerCluster.start(options);
    try {
      await work(cluster);
    } finally {
      await cluster.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The same for both: what is compiled while it runs must have run. */
  private async warmUp(cluster: BrokerCluster): Promise<void> {
    for (const size of SIZES) await this.produce(cluster, 'warm-up', size, Math.floor(this.options.bytes / 2 / size));
  }

  private async produce(cluster: BrokerCluster, topic: string, size: number, records: number, load: { readonly rate?: number; readonly warmUpRecords?: number } = {}): Promise<ProduceOutcome> {
    await perfTopic(cluster.bootstrap, topic, { partitions: 3, replicas: BROKERS });
    return await perfProduce({ bootstrap: cluster.bootstrap, topic, size, records, ...load });
  }

  private tell(side: Side, name: string, value: number, unit: string, isBetter: Figure['isBetter']): void {
    this.figures.push({ side, name, value, unit, isBetter });
    process.stdout.write(`${side}: ${name} ${value.toFixed(1)} ${unit}\n`);
  }
}

function memoryOf(cluster: BrokerCluster): number {
  return cluster.brokers.reduce((sum, it) => sum + residentMib(it.pid), 0);
}

function cpuSeconds(cluster: BrokerCluster): number {
  return cluster.brokers.reduce((sum, it) => sum + processorSeconds(it.pid), 0);
}
