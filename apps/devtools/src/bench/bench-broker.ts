import { peersMissing, runPeerTool } from '@millrace/testkit';
import { comparisonTable, type Figure } from './comparison.js';
import { startJava, startMillrace, type Deployment } from './deployment.js';
import { perfProduce, perfTopic } from './perf-tool.js';

export interface BenchBrokerOptions {
  readonly rounds: number;
  /** Bytes that each run produces. */
  readonly bytes: number;
  readonly isAlone: boolean;
  readonly nodeArgs: readonly string[];
}

const SIZES = [100, 1024, 10_240];
/** Kafka's own perf tools run at their defaults but for acks. */
const TOOL_TIMEOUT_MS = 300_000;

/** Apache Kafka's producer and consumer perf tests against our broker and Kafka's: one partition, acks=all. */
export async function benchBroker(options: BenchBrokerOptions): Promise<void> {
  const missing = peersMissing();
  if (missing !== undefined) {
    process.stdout.write(`not run: ${missing}\n`);
    return;
  }
  const figures: Figure[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const start of options.isAlone ? [startOurs] : [startOurs, () => startJava({ withWorker: false })]) {
      const deployment = await start();
      try {
        figures.push({ side: deployment.name, name: 'broker start', value: deployment.brokerStartMs / 1000, unit: 's', isBetter: 'lower' });
        await produce(deployment, 'warm-up', 1024, Math.floor(options.bytes / 4096));
        for (const size of SIZES) figures.push(...(await measure(deployment, size, Math.floor(options.bytes / size))));
      } finally {
        await deployment.stop();
      }
    }
  }
  process.stdout.write(`\n${comparisonTable(figures)}\n`);

  function startOurs(): Promise<Deployment> {
    return startMillrace({ withWorker: false, nodeArgs: options.nodeArgs });
  }
}

async function measure(deployment: Deployment, size: number, count: number): Promise<Figure[]> {
  const topic = `bench-${size}`;
  const produced = await produce(deployment, topic, size, count);
  const consumed = await consume(deployment, topic, count);
  process.stdout.write(`${deployment.name} ${size} B: produce ${produced.toFixed(1)} MB/s, consume ${consumed.toFixed(1)} MB/s\n`);
  const side = deployment.name;
  return [
    { side, name: `produce ${size} B`, value: produced, unit: 'MB/s', isBetter: 'higher' },
    { side, name: `consume ${size} B`, value: consumed, unit: 'MB/s', isBetter: 'higher' },
  ];
}

async function produce(deployment: Deployment, topic: string, size: number, records: number): Promise<number> {
  const { bootstrap } = deployment;
  await perfTopic(bootstrap, topic, { partitions: 1, replicas: 1 });
  return (await perfProduce({ bootstrap, topic, size, records })).megabytesPerSecond;
}

async function consume(deployment: Deployment, topic: string, count: number): Promise<number> {
  const { stdout, stderr } = await runPeerTool('kafka-consumer-perf-test', ['--topic', topic, '--bootstrap-server', deployment.bootstrap, '--num-records', String(count), '--timeout', '60000'], { timeoutMs: TOOL_TIMEOUT_MS });
  const [head = '', row = ''] = stdout.trim().split('\n').slice(-2);
  const column = head.split(',').findIndex((it) => it.trim() === 'fetch.MB.sec');
  const value = Number(row.split(',')[column]);
  if (!Number.isFinite(value)) throw new Error(`kafka-consumer-perf-test said: ${stdout}${stderr}`);
  return value;
}
