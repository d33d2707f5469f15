import path from 'node:path';
import type { LinkRelay } from '../brokers/link-relay.js';
import { waitFor } from '../flow/flow.js';
import { repositoryRoot } from '../peers/peer-cache.js';
import { PeerProcess } from '../peers/peer-process.js';
import { clusterMetadata, isWhole, type ClusterMetadata } from './cluster-metadata.js';
import { createTopic } from './create-topic.js';
import { freePort } from './free-port.js';
import { MillraceProcess } from './millrace-process.js';

export interface BrokerClusterOptions {
  readonly side: 'millrace' | 'kafka';
  /** Data, settings and logs; each broker has a folder of its own in it. */
  readonly folder: string;
  /** 3 when left out. */
  readonly brokers?: number;
  /** Of every broker, over those that make them a cluster. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Everybody, brokers too, reaches the brokers by this relay only, where each has the name `broker-<id>`. */
  readonly links?: LinkRelay;
  /** For each of our processes. */
  readonly nodeArgs?: readonly string[];
  /** For each of Java's. */
  readonly heap?: readonly string[];
}

/** What runs: one of ours or one of Java's. */
type RunningBroker = Pick<PeerProcess, 'pid' | 'stop' | 'kill' | 'pause' | 'resume'>;

/** Where a broker is reached: its own ports, or the doors of a relay. */
interface Doors {
  readonly broker: number;
  readonly controller: number;
}

const UP_WITHIN_MS = 120_000;
const CLUSTER_ID = 'kraftPeersAAAAAAAAAAAQ';

/** One broker of a cluster: a process that is ended by its id, on ports that stay its own. */
export class ClusterBroker {
  private running: RunningBroker | undefined;

  constructor(
    readonly id: number,
    readonly port: number,
    /** Its folder: `data`, settings, log. */
    readonly folder: string,
    readonly doors: Doors,
    private readonly launch: (broker: ClusterBroker) => Promise<RunningBroker>,
  ) {}

  /** Of the process itself, whatever others are told. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get name(): string {
    return `broker-${this.id}`;
  }

  get dataFolder(): string {
    return path.join(this.folder, 'data');
  }

  get isUp(): boolean {
    return this.running !== undefined;
  }

  get pid(): number {
    if (this.running === undefined) throw new Error(`broker ${this.id} is not running`);
    return this.running.pid;
  }

  /** Resolves when it is active by its own metadata. */
  async start(): Promise<void> {
    this.running = await this.launch(this);
  }

  /** SIGTERM: it hands its leaderships over. Resolves when the process has ended. */
  async stop(): Promise<void> {
    await this.end((it) => it.stop());
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.end((it) => it.kill());
  }

  /** SIGSTOP. */
  pause(): void {
    this.running?.pause();
  }

  resume(): void {
    this.running?.resume();
  }

  private async end(how: (it: RunningBroker) => Promise<void>): Promise<void> {
    const { running } = this;
    this.running = undefined;
    if (running !== undefined) await how(running);
  }
}

/** Broker processes that form a cluster on loopback, each a voter of the quorum too: ours or Apache Kafka's, with the same settings. */
export class BrokerCluster {
  private constructor(
    readonly brokers: readonly ClusterBroker[],
    /** From the launch until every broker's metadata has all of them; without the formatting of folders. */
    readonly startedInMs: number,
  ) {}

  static async start(options: BrokerClusterOptions): Promise<BrokerCluster> {
    const count = options.brokers ?? 3;
    const ports: number[] = [];
    while (ports.length < count) {
      const port = await freePort(2);
      if (!ports.some((it) => Math.abs(it - port) < 2)) ports.push(port);
    }
    const doors = await Promise.all(ports.map((port, i) => openDoors(options.links, `broker-${i + 1}`, port)));
    const brokers = ports.map((port, i) => new ClusterBroker(i + 1, port, path.join(options.folder, `broker-${i + 1}`), doors[i]!, (broker) => launch(options, broker, doors)));
    if (options.side === 'kafka') await Promise.all(brokers.map((it) => PeerProcess.formatKafka({ folder: it.folder, port: it.port, settings: settingsOf(options, it, doors) })));
    const begun = performance.now();
    const started = await Promise.allSettled(brokers.map((it) => it.start()));
    const cluster = new BrokerCluster(brokers, performance.now() - begun);
    for (const it of started) {
      if (it.status === 'fulfilled') continue;
      await cluster.stop();
      throw it.reason;
    }
    await waitFor('every broker knows all of them', UP_WITHIN_MS, async () => (await Promise.all(brokers.map((it) => clusterMetadata(it.address)))).every((it) => it?.brokers.length === count));
    return new BrokerCluster(brokers, performance.now() - begun);
  }

  get bootstrap(): string {
    return this.brokers.map((it) => `127.0.0.1:${it.doors.broker}`).join(',');
  }

  broker(id: number): ClusterBroker {
    const broker = this.brokers.find((it) => it.id === id);
    if (broker === undefined) throw new Error(`no broker ${id}`);
    return broker;
  }

  /** As each broker that is up has it now; undefined for one that does not answer. */
  async metadata(): Promise<readonly (ClusterMetadata | undefined)[]> {
    return Promise.all(this.brokers.filter((it) => it.isUp).map((it) => clusterMetadata(it.address)));
  }

  /** Every broker that is up knows all of them, and that all partitions have a leader and all replicas in sync. */
  async isWhole(): Promise<boolean> {
    return (await this.metadata()).every((it) => it?.brokers.length === this.brokers.length && isWhole(it));
  }

  /** With the brokers' defaults. Resolves when every broker has all replicas of it in sync. */
  async createTopic(topic: string, partitions: number): Promise<void> {
    await waitFor(`${topic} is created`, UP_WITHIN_MS, () => createTopic(this.brokers[0]!.address, topic, partitions));
    const isThere = async (): Promise<boolean> => (await this.metadata()).every((it) => it?.partitions.some((at) => at.topic === topic) === true);
    await waitFor(`all replicas of ${topic} are in sync`, UP_WITHIN_MS, async () => (await isThere()) && (await this.isWhole()));
  }

  async stop(): Promise<void> {
    for (const it of this.brokers) it.resume();
    await Promise.all(this.brokers.map((it) => it.stop()));
  }
}

async function openDoors(links: LinkRelay | undefined, name: string, port: number): Promise<Doors> {
  if (links === undefined) return { broker: port, controller: port + 1 };
  return { broker: await links.open(name, port), controller: await links.open(name, port + 1) };
}

function settingsOf(options: BrokerClusterOptions, { id, port, dataFolder }: ClusterBroker, doors: readonly Doors[]): Record<string, string> {
  const replicas = String(Math.min(3, doors.length));
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': doors.map((it, i) => `${i + 1}@127.0.0.1:${it.controller}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`,
    ...(options.links === undefined ? {} : { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${doors[id - 1]!.broker},CONTROLLER://127.0.0.1:${doors[id - 1]!.controller}` }),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataFolder,
    'default.replication.factor': replicas,
    'offsets.topic.replication.factor': replicas,
    'min.insync.replicas': doors.length < 3 ? '1' : '2',
    'group.initial.rebalance.delay.ms': '0',
    ...options.settings,
  };
}

async function launch(options: BrokerClusterOptions, broker: ClusterBroker, doors: readonly Doors[]): Promise<RunningBroker> {
  const { folder, port, address, id } = broker;
  const settings = settingsOf(options, broker, doors);
  const onSpawn = (pid: number): void => options.links?.identify(pid, broker.name);
  const isUp = async (): Promise<boolean> => (await clusterMetadata(address))?.brokers.includes(id) === true;
  if (options.side === 'kafka') return await PeerProcess.kafka({ folder, port, settings, isUp, onSpawn, ...(options.heap === undefined ? {} : { heap: options.heap }) });
  return await MillraceProcess.start({ root: repositoryRoot(), app: 'broker', folder, config: { ...settings, 'cluster.id': CLUSTER_ID }, isUp, onSpawn, ...(options.nodeArgs === undefined ? {} : { nodeArgs: options.nodeArgs }) });
}
