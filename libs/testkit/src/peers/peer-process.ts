import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OperationalError } from '@millrace/foundation';
import { pluginFolder } from './peer-cache.js';
import { runPeerTool, spawnPeerTool } from './peer-tools.js';

const STARTS_WITHIN_MS = 300_000;

interface KafkaOptions {
  readonly folder: string;
  readonly port: number;
  readonly settings?: Readonly<Record<string, string>>;
  /** Arguments of kafka-storage for a folder that is used for the first time. */
  readonly format?: readonly string[];
}

/** A running Java process of the peers; ended by its id, never by its name. */
export class PeerProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** `host:port` of a broker, or the REST address of a worker. */
    readonly address: string,
    readonly folder: string,
    /** From the launch to the first answer. */
    readonly startedInMs: number,
  ) {}

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /**
   * Starts an Apache Kafka broker on `port`, with its controller on `port + 1`; its data stays in `folder`. Without `settings` it is alone and its own quorum.
   * `isUp` says when it is there; else its log does. `onSpawn` has its id before it has done anything.
   */
  static async kafka(options: KafkaOptions & { readonly heap?: readonly string[]; readonly isUp?: () => Promise<boolean>; readonly onSpawn?: (pid: number) => void }): Promise<PeerProcess> {
    const { folder, port } = options;
    await PeerProcess.formatKafka(options);
    const log = path.join(folder, 'broker.log');
    return PeerProcess.launch(
      () => {
        const child = spawnPeerTool('kafka-server-start', [propertiesFile(folder)], { heap: options.heap ?? ['-Xms1g', '-Xmx1g'], cwd: folder, stdio: ['ignore', fs.openSync(log, 'w'), fs.openSync(log, 'a')] });
        options.onSpawn?.(child.pid ?? 0);
        return child;
      },
      `127.0.0.1:${port}`,
      folder,
      options.isUp ?? (async () => fs.readFileSync(log, 'utf8').includes('Kafka Server started')),
    );
  }

  /** Writes its settings, and formats its folder if that was not done. */
  static async formatKafka({ folder, port, settings, format = ['-t', 'kraftPeersAAAAAAAAAAAQ'] }: KafkaOptions): Promise<void> {
    fs.mkdirSync(folder, { recursive: true });
    const file = propertiesFile(folder);
    const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`;
    writeProperties(file, {
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.voters': `1@127.0.0.1:${port + 1}`,
      listeners,
      'advertised.listeners': listeners,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': path.join(folder, 'data'),
      'offsets.topic.replication.factor': '1',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'share.coordinator.state.topic.replication.factor': '1',
      'share.coordinator.state.topic.min.isr': '1',
      'group.initial.rebalance.delay.ms': '0',
      ...settings,
    });
    if (fs.existsSync(path.join(folder, 'data/meta.properties'))) return;
    const formatted = await runPeerTool('kafka-storage', ['format', ...format, '-c', file], { timeoutMs: STARTS_WITHIN_MS });
    if (formatted.status !== 0) throw new OperationalError('PEER_START_FAILED', `kafka-storage format failed: ${formatted.stderr}`);
  }

  /** Starts a Kafka Connect worker with Kafka's file connectors and Debezium's. */
  static async connect(options: { readonly folder: string; readonly port: number; readonly bootstrap: string; readonly group?: string; readonly settings?: Readonly<Record<string, string>>; readonly heap?: readonly string[] }): Promise<PeerProcess> {
    const { folder, port, group = 'peers-connect' } = options;
    fs.mkdirSync(folder, { recursive: true });
    const file = path.join(folder, 'worker.properties');
    writeProperties(file, {
      'bootstrap.servers': options.bootstrap,
      'group.id': group,
      'config.storage.topic': `${group}-configs`,
      'offset.storage.topic': `${group}-offsets`,
      'status.storage.topic': `${group}-status`,
      'config.storage.replication.factor': '-1',
      'offset.storage.replication.factor': '-1',
      'status.storage.replication.factor': '-1',
      'offset.flush.interval.ms': '1000',
      'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      listeners: `http://127.0.0.1:${port}`,
      'rest.advertised.host.name': '127.0.0.1',
      'plugin.path': pluginFolder(),
      ...options.settings,
    });
    const log = path.join(folder, 'worker.log');
    const address = `http://127.0.0.1:${port}`;
    return PeerProcess.launch(() => spawnPeerTool('connect-distributed', [file], { heap: options.heap ?? ['-Xms256m', '-Xmx2g'], cwd: folder, stdio: ['ignore', fs.openSync(log, 'w'), fs.openSync(log, 'a')] }), address, folder, async () =>
      (await fetch(`${address}/connectors`).catch(() => undefined))?.ok === true,
    );
  }

  /** An orderly stop, as by a service manager. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** SIGSTOP: the process stands still, its connections stay open. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 60_000);
    await exited;
    clearTimeout(timer);
  }

  private static async launch(spawnIt: () => ChildProcess, address: string, folder: string, isUp: () => Promise<boolean>): Promise<PeerProcess> {
    const begun = performance.now();
    const child = spawnIt();
    while (!(await isUp())) {
      if (child.exitCode !== null) throw new OperationalError('PEER_START_FAILED', `the process ended at its start, see the log in ${folder}`);
      if (performance.now() - begun > STARTS_WITHIN_MS) {
        child.kill('SIGKILL');
        throw new OperationalError('PEER_START_FAILED', `no answer within ${STARTS_WITHIN_MS} ms, see the log in ${folder}`);
      }
      await delay(50);
    }
    return new PeerProcess(child, address, folder, performance.now() - begun);
  }
}

function propertiesFile(folder: string): string {
  return path.join(folder, 'server.properties');
}

function writeProperties(file: string, settings: Readonly<Record<string, string>>): void {
  fs.writeFileSync(file, Object.entries(settings).map(([key, value]) => `${key}=${value}\n`).join(''));
}
