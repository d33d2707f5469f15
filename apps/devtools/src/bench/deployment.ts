import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort, isListening, MillraceProcess, PeerProcess, repositoryRoot } from '@millrace/testkit';

/** A broker, and where asked for a Connect worker, of one of the two sides that are compared. */
export interface Deployment {
  readonly name: 'millrace' | 'java';
  readonly bootstrap: string;
  readonly restUrl: string;
  readonly pids: readonly number[];
  readonly brokerStartMs: number;
  readonly workerStartMs: number | undefined;
  stop(): Promise<void>;
}

const JSON_CONVERTERS = { 'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' };

export async function startMillrace(options: { readonly withWorker: boolean; readonly nodeArgs?: readonly string[] }): Promise<Deployment> {
  const root = repositoryRoot();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'));
  const { nodeArgs } = options;
  const port = await freePort();
  const broker = await MillraceProcess.start({
    root, app: 'broker', folder, nodeArgs,
    config: { 'node.id': '1', listeners: `PLAINTEXT://127.0.0.1:${port}`, 'log.dirs': path.join(folder, 'data'), 'group.initial.rebalance.delay.ms': '0' },
    isUp: () => isListening(port),
  });
  const restPort = await freePort();
  const restUrl = `http://127.0.0.1:${restPort}`;
  const worker = options.withWorker
    ? await MillraceProcess.start({
        root, app: 'connect', folder, nodeArgs,
        config: {
          'bootstrap.servers': `127.0.0.1:${port}`, 'group.id': 'bench', 'config.storage.topic': 'bench-configs', 'offset.storage.topic': 'bench-offsets', 'status.storage.topic': 'bench-status',
          'config.storage.replication.factor': '-1', 'offset.storage.replication.factor': '-1', 'status.storage.replication.factor': '-1',
          'offset.flush.interval.ms': '1000', listeners: `http://127.0.0.1:${restPort}`, ...JSON_CONVERTERS,
        },
        isUp: () => isHealthy(restUrl),
      })
    : undefined;
  return {
    name: 'millrace', bootstrap: `127.0.0.1:${port}`, restUrl, pids: [broker.pid, ...(worker ? [worker.pid] : [])], brokerStartMs: broker.startedInMs, workerStartMs: worker?.startedInMs,
    stop: async () => {
      await worker?.stop();
      await broker.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function startJava(options: { readonly withWorker: boolean }): Promise<Deployment> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-java-'));
  const broker = await PeerProcess.kafka({ folder: path.join(folder, 'kafka'), port: await freePort(2) });
  const worker = options.withWorker ? await PeerProcess.connect({ folder: path.join(folder, 'connect'), port: await freePort(), bootstrap: broker.address }) : undefined;
  return {
    name: 'java', bootstrap: broker.address, restUrl: worker?.address ?? '', pids: [broker.pid, ...(worker ? [worker.pid] : [])], brokerStartMs: broker.startedInMs, workerStartMs: worker?.startedInMs,
    stop: async () => {
      await worker?.stop();
      await broker.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function isHealthy(url: string): Promise<boolean> {
  return (await fetch(`${url}/health`).catch(() => undefined))?.ok === true;
}
