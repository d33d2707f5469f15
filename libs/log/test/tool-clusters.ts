import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort, PeerProcess, runPeerTool, temporaryFolder } from '@millrace/testkit';
import { RawClient } from './local-broker.js';
import { QuorumCluster } from './quorum-cluster.js';

export type NodeId = 1 | 2 | 3 | 4;
export const NODES: readonly NodeId[] = [1, 2, 3, 4];
const ROLES = { 1: 'broker,controller', 2: 'broker,controller', 3: 'broker,controller', 4: 'broker' } as const;

/** Java takes its time on a busy machine: no node shall be taken for dead because of that. Snapshots come after a few records. */
const SETTINGS = {
  'auto.leader.rebalance.enable': 'false',
  'broker.heartbeat.interval.ms': '300',
  'broker.session.timeout.ms': '6000',
  'controller.quorum.election.timeout.ms': '2000',
  'controller.quorum.fetch.timeout.ms': '10000',
  'default.replication.factor': '3',
  'metadata.log.max.record.bytes.between.snapshots': '3000',
};

/** Three nodes that are brokers and controllers, and a fourth that is a broker: of ours or of Apache Kafka's. */
export interface ToolCluster {
  portOf(id: NodeId): number;
  controllerPortOf(id: NodeId): number;
  folderOf(id: NodeId): string;
  start(id: NodeId): Promise<void>;
  stop(id: NodeId): Promise<void>;
  kill(id: NodeId): Promise<void>;
  end(): Promise<void>;
}

export class OurNodes implements ToolCluster {
  private constructor(
    private readonly cluster: QuorumCluster,
    private readonly ports: ReadonlyMap<NodeId, number>,
  ) {}

  static async start(): Promise<OurNodes> {
    const cluster = await QuorumCluster.start(ROLES, { ...SETTINGS, 'broker.session.timeout.ms': '4000' });
    return new OurNodes(cluster, new Map(NODES.map((id) => [id, cluster.portOf(id)])));
  }

  portOf(id: NodeId): number {
    return this.ports.get(id) ?? 0;
  }

  controllerPortOf(id: NodeId): number {
    return this.cluster.controllerPortOf(id);
  }

  folderOf(id: NodeId): string {
    return this.cluster.folderOf(id);
  }

  start(id: NodeId): Promise<void> {
    const controller = ROLES[id].includes('controller') ? `,CONTROLLER://127.0.0.1:${this.controllerPortOf(id)}` : '';
    return this.cluster.startNode(id, { listeners: `PLAINTEXT://127.0.0.1:${this.portOf(id)}${controller}` });
  }

  stop(id: NodeId): Promise<void> {
    return this.cluster.stopNode(id);
  }

  kill(id: NodeId): Promise<void> {
    return this.cluster.crash(id);
  }

  end(): Promise<void> {
    return this.cluster.stop();
  }
}

/** Formatted with the levels that ours have: metadata of Kafka 4.0, eligible leader replicas. */
export class KafkaNodes implements ToolCluster {
  private readonly processes = new Map<NodeId, PeerProcess>();
  private readonly folder = temporaryFolder('kafka-nodes');
  private readonly ports = new Map<NodeId, number>();

  static async start(): Promise<KafkaNodes> {
    const nodes = new KafkaNodes();
    for (const id of NODES) nodes.ports.set(id, await freePort(2));
    for (const id of NODES) await nodes.format(id);
    await Promise.all(NODES.map((id) => nodes.start(id)));
    return nodes;
  }

  portOf(id: NodeId): number {
    return this.ports.get(id) ?? 0;
  }

  controllerPortOf(id: NodeId): number {
    return this.portOf(id) + 1;
  }

  folderOf(id: NodeId): string {
    return path.join(this.folder.path, String(id), 'data');
  }

  private settingsOf(id: NodeId): Record<string, string> {
    const controller = ROLES[id].includes('controller') ? `,CONTROLLER://127.0.0.1:${this.controllerPortOf(id)}` : '';
    const voters = NODES.filter((it) => ROLES[it].includes('controller')).map((it) => `${it}@127.0.0.1:${this.controllerPortOf(it)}`);
    return {
      ...SETTINGS,
      'process.roles': ROLES[id],
      'node.id': String(id),
      'controller.quorum.voters': voters.join(','),
      listeners: `PLAINTEXT://127.0.0.1:${this.portOf(id)}${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${this.portOf(id)}${controller}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': this.folderOf(id),
    };
  }

  private async format(id: NodeId): Promise<void> {
    const file = path.join(this.folder.path, `format-${id}.properties`);
    writeFileSync(file, Object.entries(this.settingsOf(id)).map(([key, value]) => `${key}=${value}\n`).join(''));
    const { status, stderr } = await runPeerTool('kafka-storage', ['format', '-t', 'kraftPeersAAAAAAAAAAAQ', '-c', file, '--release-version', '4.0', '--feature', 'eligible.leader.replicas.version=1']);
    if (status !== 0 || !existsSync(path.join(this.folderOf(id), 'meta.properties'))) throw new Error(stderr);
  }

  async start(id: NodeId): Promise<void> {
    this.processes.set(id, await PeerProcess.kafka({ folder: path.join(this.folder.path, String(id)), port: this.portOf(id), settings: this.settingsOf(id), heap: ['-Xms128m', '-Xmx192m'] }));
  }

  async stop(id: NodeId): Promise<void> {
    await this.processes.get(id)?.stop();
    this.processes.delete(id);
  }

  async kill(id: NodeId): Promise<void> {
    await this.processes.get(id)?.kill();
    this.processes.delete(id);
  }

  async end(): Promise<void> {
    await Promise.all([...this.processes.keys()].map((id) => this.kill(id)));
    this.folder.remove();
  }
}

export async function withClient<T>(cluster: ToolCluster, id: NodeId, use: (client: RawClient) => Promise<T>): Promise<T> {
  const client = await RawClient.connect(cluster.portOf(id));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
