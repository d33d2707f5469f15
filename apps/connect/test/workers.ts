import fs from 'node:fs';
import path from 'node:path';
import { freePort, isListening, MillraceProcess, PeerProcess, repositoryRoot } from '@millrace/testkit';
import { INPUT } from './rest-steps.js';

/** A worker of either kind, with its broker; its working folder has the input file. */
export interface WorkerUnderTest {
  readonly url: string;
  readonly logFile: string;
  stop(): Promise<void>;
}

export interface MillraceUnderTest extends WorkerUnderTest {
  /** Kills the worker's process and starts it again. Resolves with the first list of connectors that it answers, and the time from launch to it. */
  restart(): Promise<{ readonly connectors: unknown; readonly startedInMs: number }>;
}

const GROUP = 'rest';
const TOPICS = { 'config.storage.topic': `${GROUP}-configs`, 'offset.storage.topic': `${GROUP}-offsets`, 'status.storage.topic': `${GROUP}-status` };
const SINGLE = { 'config.storage.replication.factor': '-1', 'offset.storage.replication.factor': '-1', 'status.storage.replication.factor': '-1' };
const COMMON = { 'offset.flush.interval.ms': '500', 'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' };

/** Our broker and our worker as processes, with the file connectors of this folder. */
export async function startMillrace(folder: string, settings: Readonly<Record<string, string>> = {}): Promise<MillraceUnderTest> {
  const root = repositoryRoot();
  const brokerPort = await freePort();
  const url = `http://127.0.0.1:${await freePort()}`;
  const broker = await MillraceProcess.start({
    root,
    app: 'broker',
    folder: path.join(folder, 'broker'),
    config: { 'node.id': '1', listeners: `PLAINTEXT://127.0.0.1:${brokerPort}`, 'log.dirs': path.join(folder, 'data'), 'offsets.topic.num.partitions': '4', 'group.initial.rebalance.delay.ms': '0' },
    isUp: () => isListening(brokerPort),
  });
  const workerFolder = path.join(folder, 'worker');
  writeInput(workerFolder);
  let connectors: unknown;
  const launch = (): Promise<MillraceProcess> =>
    MillraceProcess.start({
      root,
      app: 'connect',
      folder: workerFolder,
      config: { 'bootstrap.servers': `127.0.0.1:${brokerPort}`, 'group.id': GROUP, ...TOPICS, ...SINGLE, ...COMMON, listeners: url, 'plugin.path': path.join(__dirname, 'plugins'), ...settings },
      isUp: async () => {
        const answer = await fetch(`${url}/connectors`).catch(() => undefined);
        connectors = answer?.ok === true ? await answer.json() : undefined;
        return connectors !== undefined;
      },
    });
  let worker = await launch();
  return {
    url,
    logFile: worker.logFile,
    restart: async () => {
      await worker.kill();
      worker = await launch();
      return { connectors, startedInMs: worker.startedInMs };
    },
    stop: async () => {
      await worker.stop();
      await broker.stop();
    },
  };
}

/** Apache Kafka and its Connect worker. */
export async function startKafkaConnect(folder: string): Promise<WorkerUnderTest> {
  const broker = await PeerProcess.kafka({ folder: path.join(folder, 'kafka'), port: await freePort(2), heap: ['-Xms256m', '-Xmx512m'] });
  const workerFolder = path.join(folder, 'connect');
  writeInput(workerFolder);
  const worker = await PeerProcess.connect({ folder: workerFolder, port: await freePort(), bootstrap: broker.address, group: GROUP, settings: COMMON, heap: ['-Xms128m', '-Xmx768m'] });
  return {
    url: worker.address,
    logFile: path.join(workerFolder, 'worker.log'),
    stop: async () => {
      await worker.stop();
      await broker.stop();
    },
  };
}

function writeInput(folder: string): void {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, INPUT.name), INPUT.text);
}
