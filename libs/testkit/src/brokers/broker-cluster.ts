import path from 'node:path';
import { PeerProcess } from '../peers/peer-process.js';
import { repositoryRoot } from '../peers/peer-cache.js';
import { freePort } from '../processes/free-port.js';
import { MillraceProcess } from '../processes/millrace-process.js';
import { isListening, waitFor } from '../flow/flow.js';
import { ClusterView } from './cluster-view.js';
import { LinkRelay } from './link-relay.js';

/** Ours, or Apache Kafka's. */
export type BrokerKind = 'millrace' | 'kafka';

export interface BrokerClusterOptions {
  readonly folder: string;
  readonly kind: BrokerKind;
  readonly brokers: number;
  /** Beyond what makes it a cluster. */
  readonly settings: Readonly<Record<string, string>>;
}

const KAFKA_HEAP = ['-Xms256m', '-Xmx256m'];
const CLUSTER_ID = 'MillraceChaosClusterAA';

type BrokerProcess = MillraceProcess | PeerProcess;

/** One of the brokers: a process that can be ended, frozen and started again on its data. */
export class ClusterBroker {
  private process: BrokerProcess | undefined;
  private paused = false;

  constructor(
    readonly id: number,
    readonly dataFolder: string,
    private readonly launch: () => Promise<BrokerProcess>,
  ) {}

  /** As the links name it. */
  get name(): string {
    return brokerName(this.id);
  }

  async start(): Promise<void> {
    this.process = await this.launch();
  }

  async stop(): Promise<void> {
    this.resume();
    await this.process?.stop();
    this.process = undefined;
  }

  async kill(): Promise<void> {
    this.paused = false;
    await this.process?.kill();
    this.process = undefined;
  }

  pause(): void {
    this.paused = true;
    this.process?.pause();
  }

  resume(): void {
    if (this.paused) this.process?.resume();
    this.paused = false;
  }
}

/** Brokers that are their own quorum, each a process; every connection among them and from clients goes through one relay. */
export class BrokerCluster {
  private constructor(
    readonly brokers: readonly ClusterBroker[],
    readonly links: LinkRelay,
    /** `host:port,…` by way of the relay. */
    readonly bootstrap: string,
  ) {}

  /** Resolves when all brokers are up. */
  static async start(options: BrokerClusterOptions): Promise<BrokerCluster> {
    const links = new LinkRelay();
    const ids = Array.from({ length: options.brokers }, (_, i) => i + 1);
    const places: Place[] = [];
    for (const id of ids) {
      const port = await freePort(2);
      places.push({ id, port, folder: path.join(options.folder, brokerName(id)), brokerDoor: await links.open(brokerName(id), port), controllerDoor: await links.open(brokerName(id), port + 1) });
    }
    const voters = places.map((it) => `${it.id}@127.0.0.1:${it.controllerDoor}`).join(',');
    const brokers = places.map((it) => new ClusterBroker(it.id, path.join(it.folder, 'data'), () => launch(options, it, voters, links)));
    const cluster = new BrokerCluster(brokers, links, places.map((it) => `127.0.0.1:${it.brokerDoor}`).join(','));
    try {
      await Promise.all(brokers.map((it) => it.start()));
      const view = new ClusterView(cluster.bootstrap);
      await waitFor('clients see all brokers', 60_000, async () => (await view.brokers())?.length === options.brokers);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  broker(id: number): ClusterBroker | undefined {
    return this.brokers.find((it) => it.id === id);
  }

  /** In order, one beside the other. */
  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((it) => it.stop()));
    await this.links.close();
  }
}

/** What a broker listens on, and by which doors of the relay it is reached. */
interface Place {
  readonly id: number;
  readonly port: number;
  readonly folder: string;
  readonly brokerDoor: number;
  readonly controllerDoor: number;
}

function brokerName(id: number): string {
  return `broker-${id}`;
}

async function launch({ kind, brokers, settings }: BrokerClusterOptions, place: Place, voters: string, links: LinkRelay): Promise<BrokerProcess> {
  const { id, port, folder } = place;
  const replicas = String(Math.min(3, brokers));
  const minimum = String(brokers >= 3 ? 2 : 1);
  const config = {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': voters,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.brokerDoor},CONTROLLER://127.0.0.1:${place.controllerDoor}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': path.join(folder, 'data'),
    'default.replication.factor': replicas,
    'min.insync.replicas': minimum,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '6',
    'group.initial.rebalance.delay.ms': '0',
    ...settings,
  };
  const onSpawn = (pid: number): void => links.identify(pid, brokerName(id));
  if (kind === 'kafka') {
    const ofKafka = { 'transaction.state.log.replication.factor': replicas, 'transaction.state.log.min.isr': minimum, 'share.coordinator.state.topic.replication.factor': replicas, 'share.coordinator.state.topic.min.isr': minimum };
    return PeerProcess.kafka({ folder, port, settings: { ...config, ...ofKafka }, heap: KAFKA_HEAP, onSpawn });
  }
  return MillraceProcess.start({ root: repositoryRoot(), app: 'broker', folder, config: { ...config, 'cluster.id': CLUSTER_ID }, isUp: () => isListening(port), onSpawn });
}
