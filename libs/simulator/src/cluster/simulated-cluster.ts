import type { BrokerId, Uuid } from '@millrace/foundation';
import type { World } from '../world.js';
import { CONTROLLER_PORTS, SimulatedBroker } from './simulated-broker.js';

/** What acknowledged data survives. `page-cache`: the death of processes, and with replicas the loss of power of fewer machines than min.insync.replicas. `flush`: any loss of power. */
export type Durability = 'page-cache' | 'flush';

/** Of a dynamic quorum (KIP-853): the voters stand in the metadata log, and change. */
export interface DynamicQuorum {
  readonly initialVoters: readonly InitialVoter[];
  /** A controller that is no voter asks to become one. */
  readonly joinsByItself: boolean;
}

interface InitialVoter {
  readonly id: BrokerId;
  readonly directoryId: Uuid;
}

export interface ClusterOptions {
  readonly nodes: number;
  readonly durability: Durability;
  /** Undefined: the voters are static, all of them. */
  readonly quorum?: DynamicQuorum | undefined;
  readonly properties?: Readonly<Record<string, string>>;
}

const CLIENT_PORT = 9092;
const CLUSTER_ID = 'c2ltdWxhdGVkLWNsdXN0ZQ';

/** Machines with a broker each; every one is a controller too. */
export class SimulatedCluster {
  readonly brokers: readonly SimulatedBroker[];
  readonly durability: Durability;

  constructor(readonly world: World, readonly options: ClusterOptions) {
    this.durability = options.durability;
    this.brokers = Array.from({ length: options.nodes }, (_, i) => new SimulatedBroker({ world, brokerId: i + 1, properties: (controllerPort) => brokerProperties(i + 1, controllerPort, options) }));
  }

  get bootstrapServers(): string {
    return this.brokers.map((it) => `${it.host}:${CLIENT_PORT}`).join();
  }

  get replicationFactor(): number {
    return Math.min(3, this.options.nodes);
  }

  get minInsyncReplicas(): number {
    return this.options.nodes >= 3 ? 2 : 1;
  }

  get isAllUp(): boolean {
    return this.brokers.every((it) => it.isUp);
  }

  /** Who votes before the log says anything. */
  get firstVoters(): readonly BrokerId[] {
    return this.options.quorum?.initialVoters.map((it) => it.id) ?? this.brokers.map((it) => it.brokerId);
  }

  /** Makes the disks ready for the first start, where that does not do it itself. */
  async format(): Promise<void> {
    const { quorum } = this.options;
    if (quorum === undefined) return;
    const initialControllers = quorum.initialVoters.map((it) => `${it.id}@${hostOf(it.id)}:${CONTROLLER_PORTS[0]}:${it.directoryId}`).join();
    for (const node of this.brokers) {
      const isVoter = quorum.initialVoters.some((it) => it.id === node.brokerId);
      await node.format({ clusterId: CLUSTER_ID, voters: isVoter ? { initialControllers } : 'none' });
    }
  }

  start(): void {
    for (const it of this.brokers) it.start();
  }
}

/** Kafka's own properties; times that a simulation of two minutes can see. */
function brokerProperties(brokerId: BrokerId, controllerPort: number, { nodes, durability, quorum: dynamic, properties }: ClusterOptions): Record<string, string> {
  const ids = Array.from({ length: nodes }, (_, i) => i + 1);
  const replicas = String(Math.min(3, nodes));
  const quorum = {
    'process.roles': 'broker,controller',
    listeners: `PLAINTEXT://${hostOf(brokerId)}:${CLIENT_PORT},CONTROLLER://${hostOf(brokerId)}:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${hostOf(brokerId)}:${CLIENT_PORT}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    ...(dynamic === undefined
      ? { 'controller.quorum.voters': ids.map((id) => `${id}@${hostOf(id)}:${CONTROLLER_PORTS[0]}`).join() }
      : {
          'controller.quorum.bootstrap.servers': ids.flatMap((id) => CONTROLLER_PORTS.map((port) => `${hostOf(id)}:${port}`)).join(),
          'controller.quorum.auto.join.enable': String(dynamic.joinsByItself),
        }),
  };
  return {
    'node.id': String(brokerId),
    'cluster.id': CLUSTER_ID,
    'log.dirs': '/data',
    ...(nodes === 1 ? { listeners: `PLAINTEXT://${hostOf(brokerId)}:${CLIENT_PORT}` } : quorum),
    'auto.create.topics.enable': 'false',
    'offsets.topic.num.partitions': '2',
    'offsets.topic.replication.factor': replicas,
    'default.replication.factor': replicas,
    'min.insync.replicas': nodes >= 3 ? '2' : '1',
    'group.initial.rebalance.delay.ms': '500',
    'replica.lag.time.max.ms': '6000',
    'log.segment.delete.delay.ms': '10000',
    'log.retention.check.interval.ms': '5000',
    'log.flush.offset.checkpoint.interval.ms': '8000',
    'log.flush.start.offset.checkpoint.interval.ms': '8000',
    ...(durability === 'flush' ? { 'log.flush.interval.messages': '1' } : {}),
    ...properties,
  };
}

function hostOf(id: BrokerId): string {
  return `broker-${id}`;
}
