import type { World } from '../world.js';
import { SimulatedBroker } from './simulated-broker.js';

/** What acknowledged data survives. `page-cache`: the death of processes, and with replicas the loss of power of fewer machines than min.insync.replicas. `flush`: any loss of power. */
export type Durability = 'page-cache' | 'flush';

export interface ClusterOptions {
  readonly nodes: number;
  readonly durability: Durability;
  readonly properties?: Readonly<Record<string, string>>;
}

const CLIENT_PORT = 9092;
const CONTROLLER_PORT = 9093;

/** Machines with a broker each; every one is a controller too. */
export class SimulatedCluster {
  readonly brokers: readonly SimulatedBroker[];
  readonly durability: Durability;

  constructor(readonly world: World, readonly options: ClusterOptions) {
    this.durability = options.durability;
    this.brokers = Array.from({ length: options.nodes }, (_, i) => new SimulatedBroker({ world, brokerId: i + 1, properties: brokerProperties(i + 1, options) }));
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

  start(): void {
    for (const it of this.brokers) it.start();
  }
}

/** Kafka's own properties; times that a simulation of two minutes can see. */
function brokerProperties(brokerId: number, { nodes, durability, properties }: ClusterOptions): Record<string, string> {
  const host = (id: number): string => `broker-${id}`;
  const replicas = String(Math.min(3, nodes));
  const quorum = {
    'process.roles': 'broker,controller',
    listeners: `PLAINTEXT://${host(brokerId)}:${CLIENT_PORT},CONTROLLER://${host(brokerId)}:${CONTROLLER_PORT}`,
    'advertised.listeners': `PLAINTEXT://${host(brokerId)}:${CLIENT_PORT}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': Array.from({ length: nodes }, (_, i) => `${i + 1}@${host(i + 1)}:${CONTROLLER_PORT}`).join(),
  };
  return {
    'node.id': String(brokerId),
    'cluster.id': 'c2ltdWxhdGVkLWNsdXN0ZQ',
    'log.dirs': '/data',
    ...(nodes === 1 ? { listeners: `PLAINTEXT://${host(brokerId)}:${CLIENT_PORT}` } : quorum),
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
