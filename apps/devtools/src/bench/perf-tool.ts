import { runPeerTool } from '@millrace/testkit';

const TOOL_TIMEOUT_MS = 600_000;

export interface ProduceRun {
  readonly bootstrap: string;
  readonly topic: string;
  /** Of each record, in bytes. */
  readonly size: number;
  readonly records: number;
  /** Records a second; as many as go when left out. */
  readonly rate?: number;
  /** The first ones that do not count. */
  readonly warmUpRecords?: number;
}

export interface ProduceOutcome {
  /** MiB, as the tool counts. */
  readonly megabytesPerSecond: number;
  readonly p99Ms: number;
}

/** Apache Kafka's producer perf test at its defaults but for acks=all. */
export async function perfProduce(run: ProduceRun): Promise<ProduceOutcome> {
  const warmUp = run.warmUpRecords ?? 0;
  const args = ['--topic', run.topic, '--num-records', String(run.records + warmUp), '--record-size', String(run.size), '--throughput', String(run.rate ?? -1), '--bootstrap-server', run.bootstrap, '--command-property', 'acks=all'];
  const { stdout, stderr } = await runPeerTool('kafka-producer-perf-test', [...args, ...(warmUp > 0 ? ['--warmup-records', String(warmUp)] : [])], { timeoutMs: TOOL_TIMEOUT_MS });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  const megabytes = /\(([\d.]+) MB\/sec\)/.exec(last)?.[1];
  const p99 = /(\d+) ms 99th/.exec(last)?.[1];
  if (megabytes === undefined || p99 === undefined) throw new Error(`kafka-producer-perf-test said: ${stdout.slice(-2000)}${stderr.slice(-2000)}`);
  return { megabytesPerSecond: Number(megabytes), p99Ms: Number(p99) };
}

/** Makes the topic unless it is there. */
export async function perfTopic(bootstrap: string, topic: string, { partitions, replicas }: { readonly partitions: number; readonly replicas: number }): Promise<void> {
  const { status, stdout, stderr } = await runPeerTool('kafka-topics', ['--bootstrap-server', bootstrap, '--create', '--if-not-exists', '--topic', topic, '--partitions', String(partitions), '--replication-factor', String(replicas)]);
  if (status !== 0) throw new Error(`kafka-topics said: ${stdout}${stderr}`);
}
