import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { OperationalError } from '@millrace/foundation';
import { peerClassPath, peerLoggingFile } from './peer-cache.js';

/** Main classes by the names of Kafka's shell scripts, below `org.apache.kafka.` unless they begin with `kafka.`. */
const MAIN_CLASSES = {
  'connect-distributed': 'connect.cli.ConnectDistributed',
  'kafka-acls': 'tools.AclCommand',
  'kafka-broker-api-versions': 'tools.BrokerApiVersionsCommand',
  'kafka-cluster': 'tools.ClusterTool',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-console-consumer': 'tools.consumer.ConsoleConsumer',
  'kafka-console-producer': 'tools.ConsoleProducer',
  'kafka-consumer-groups': 'tools.consumer.group.ConsumerGroupCommand',
  'kafka-consumer-perf-test': 'tools.ConsumerPerformance',
  'kafka-delete-records': 'tools.DeleteRecordsCommand',
  'kafka-dump-log': 'tools.DumpLogSegments',
  'kafka-features': 'tools.FeatureCommand',
  'kafka-get-offsets': 'tools.GetOffsetShell',
  'kafka-groups': 'tools.GroupsCommand',
  'kafka-leader-election': 'tools.LeaderElectionCommand',
  'kafka-log-dirs': 'tools.LogDirsCommand',
  'kafka-metadata-quorum': 'tools.MetadataQuorumCommand',
  'kafka-metadata-shell': 'shell.MetadataShell',
  'kafka-producer-perf-test': 'tools.ProducerPerformance',
  'kafka-reassign-partitions': 'tools.reassign.ReassignPartitionsCommand',
  'kafka-server-start': 'kafka.Kafka',
  'kafka-storage': 'kafka.tools.StorageTool',
  'kafka-topics': 'tools.TopicCommand',
  'kafka-transactions': 'tools.TransactionsCommand',
  'kafka-verifiable-consumer': 'tools.VerifiableConsumer',
  'kafka-verifiable-producer': 'tools.VerifiableProducer',
} as const;
export type PeerTool = keyof typeof MAIN_CLASSES;
export const PEER_TOOLS = Object.keys(MAIN_CLASSES) as PeerTool[];

const GC = ['-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent', '-Djava.awt.headless=true'];

export interface ToolResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts one of Apache Kafka's programs as a child process. */
export function spawnPeerTool(tool: PeerTool, args: readonly string[], options: SpawnOptions & { readonly heap?: readonly string[] } = {}): ChildProcess {
  const { heap = ['-Xmx512m'], ...spawnOptions } = options;
  return spawn('java', [...heap, ...GC, `-Dlog4j2.configurationFile=${peerLoggingFile()}`, '-cp', peerClassPath(), mainClassOf(tool), ...args], spawnOptions);
}

export function mainClassOf(tool: PeerTool): string {
  const short = MAIN_CLASSES[tool];
  return short.startsWith('kafka.') ? short : `org.apache.kafka.${short}`;
}

/** Runs one of Apache Kafka's programs to its end. Rejects when it does not end within `timeoutMs`. */
export async function runPeerTool(tool: PeerTool, args: readonly string[], options: { readonly input?: string; readonly timeoutMs?: number } = {}): Promise<ToolResult> {
  return collect(spawnPeerTool(tool, args), tool, options);
}

/** The same for any program, kcat for one. */
export async function runProgram(program: string, args: readonly string[], options: { readonly input?: string; readonly timeoutMs?: number } = {}): Promise<ToolResult> {
  return collect(spawn(program, args), program, options);
}

async function collect(child: ChildProcess, name: string, { input = '', timeoutMs = 60_000 }: { input?: string; timeoutMs?: number }): Promise<ToolResult> {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new OperationalError('PROGRAM_TIMEOUT', `${name} did not end within ${timeoutMs} ms. It printed: ${output.stdout.slice(-2000)}${output.stderr.slice(-2000)}`));
    }, timeoutMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, ...output });
    });
  });
}
