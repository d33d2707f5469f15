import path from 'node:path';

/** All brokers of one `dev` must agree on it before they meet. */
const CLUSTER_ID = 'MillraceDevClusterAAAA';
const CONTROLLER_PORTS_AFTER = 100;

export interface DevCluster {
  readonly brokers: number;
  readonly workers: number;
  /** Of the first broker; the others have the next ones. */
  readonly brokerPort: number;
  /** Of the first worker; the others have the next ones. */
  readonly connectPort: number;
  readonly dataFolder: string;
  readonly host: string;
}

export function brokerPorts({ brokers, brokerPort }: DevCluster): number[] {
  return Array.from({ length: brokers }, (_, i) => brokerPort + i);
}

/** Brokers that are alone need no listener for controllers. */
export function controllerPorts({ brokers, brokerPort }: DevCluster): number[] {
  return brokers === 1 ? [] : Array.from({ length: brokers }, (_, i) => brokerPort + CONTROLLER_PORTS_AFTER + i);
}

export function workerPorts({ workers, connectPort }: DevCluster): number[] {
  return Array.from({ length: workers }, (_, i) => connectPort + i);
}

export function bootstrapServers(cluster: DevCluster): string {
  return brokerPorts(cluster).map((port) => `127.0.0.1:${port}`).join(',');
}

/** The properties of each broker: one that is its own controller, or several that are brokers and voters alike. */
export function brokerProperties(cluster: DevCluster): Readonly<Record<string, string>>[] {
  const { brokers, dataFolder, host } = cluster;
  const controllers = controllerPorts(cluster);
  const voters = controllers.map((port, i) => `${i + 1}@127.0.0.1:${port}`).join(',');
  return brokerPorts(cluster).map((port, i) => ({
    'node.id': String(i + 1),
    listeners: [`PLAINTEXT://${host}:${port}`, ...(brokers === 1 ? [] : [`CONTROLLER://127.0.0.1:${controllers[i]}`])].join(','),
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': brokers === 1 ? path.join(dataFolder, 'log') : path.join(dataFolder, 'brokers', String(i + 1)),
    'offsets.topic.num.partitions': '10',
    'group.initial.rebalance.delay.ms': '0',
    ...(brokers === 1
      ? {}
      : {
          'cluster.id': CLUSTER_ID,
          'controller.listener.names': 'CONTROLLER',
          'controller.quorum.voters': voters,
          'default.replication.factor': String(replicationFactor(cluster)),
          'min.insync.replicas': String(brokers >= 3 ? 2 : 1),
          // They stop together: there is nobody to hand anything over to.
          'controlled.shutdown.enable': 'false',
        }),
  }));
}

function replicationFactor({ brokers }: DevCluster): number {
  return Math.min(3, brokers);
}

export function workerProperties(cluster: DevCluster): Readonly<Record<string, string>>[] {
  const replicas = String(replicationFactor(cluster));
  return workerPorts(cluster).map((port) => ({
    'bootstrap.servers': bootstrapServers(cluster),
    'group.id': 'millrace',
    'config.storage.topic': 'connect-configs',
    'offset.storage.topic': 'connect-offsets',
    'status.storage.topic': 'connect-status',
    'config.storage.replication.factor': replicas,
    'offset.storage.replication.factor': replicas,
    'status.storage.replication.factor': replicas,
    'offset.flush.interval.ms': '1000',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    listeners: `http://${cluster.host}:${port}`,
    'rest.advertised.host.name': '127.0.0.1',
  }));
}
