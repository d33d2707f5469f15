import { mkdirSync, rmSync } from 'node:fs';
import { CreateTopics, DescribeCluster, DescribeQuorum, ErrorCode, Metadata, ProtocolError, type DescribeQuorumResponse, type MetadataResponse } from '@millrace/protocol';
import { freePort, RecordingLogger, temporaryFolder, waitFor, type FaultyFileSystem } from '@millrace/testkit';
import { Broker } from '../src/index.js';
import { RawClient } from './local-broker.js';

export const CLUSTER_ID = 'QuorumClusterForTests0';

/** `peer`: a voter that is none of ours. */
export type NodeRole = 'broker' | 'controller' | 'broker,controller' | 'peer';
/** Elections and fencing as fast as tests want them. */
const QUICK = {
  'controller.quorum.election.timeout.ms': '200',
  'controller.quorum.fetch.timeout.ms': '500',
  'controller.quorum.election.backoff.max.ms': '100',
  'broker.heartbeat.interval.ms': '200',
  'broker.session.timeout.ms': '1500',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '3',
  'replica.fetch.wait.max.ms': '100',
  'default.replication.factor': '3',
};

export interface QuorumNode {
  readonly id: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly logger: RecordingLogger;
  broker: Broker;
  isUp: boolean;
  /** In the place of the machine's disk, from the next start on. */
  disk?: FaultyFileSystem;
  /** Why the broker gave up by itself. */
  failure?: Error;
}

/** Whole nodes of this process that form one cluster over loopback, as their properties say. */
export class QuorumCluster {
  readonly nodes = new Map<number, QuorumNode>();
  private readonly folders: ReturnType<typeof temporaryFolder>[] = [];
  private readonly clients: RawClient[] = [];

  private constructor(private readonly controllerPorts: ReadonlyMap<number, number>, private readonly properties: Readonly<Record<string, string>>) {}

  /** `roles` by node id; those with the role controller are the voters. */
  static async prepare(roles: Readonly<Record<number, NodeRole>>, properties: Readonly<Record<string, string>> = {}): Promise<QuorumCluster> {
    const ports = new Map<number, number>();
    for (const [id, role] of Object.entries(roles)) if (role.includes('controller') || role === 'peer') ports.set(Number(id), await freePort());
    const cluster = new QuorumCluster(ports, properties);
    for (const [id, role] of Object.entries(roles)) if (role !== 'peer') cluster.add(Number(id), role);
    return cluster;
  }

  static async start(roles: Readonly<Record<number, NodeRole>>, properties: Readonly<Record<string, string>> = {}): Promise<QuorumCluster> {
    const cluster = await QuorumCluster.prepare(roles, properties);
    await Promise.all([...cluster.nodes.keys()].map((id) => cluster.startNode(id)));
    return cluster;
  }

  private add(id: number, role: string): void {
    const folder = temporaryFolder(`quorum-${id}`);
    this.folders.push(folder);
    const listeners = [role.includes('broker') ? 'PLAINTEXT://127.0.0.1:0' : '', role.includes('controller') ? `CONTROLLER://127.0.0.1:${this.controllerPorts.get(id)}` : ''];
    const properties = {
      ...QUICK,
      'node.id': String(id),
      'process.roles': role,
      'cluster.id': CLUSTER_ID,
      listeners: listeners.filter((it) => it !== '').join(','),
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.voters': this.voters,
      'log.dirs': folder.path,
      ...this.properties,
    };
    const logger = new RecordingLogger();
    this.nodes.set(id, { id, properties, logger, broker: new Broker({ properties, logger }), isUp: false });
  }

  get voters(): string {
    return [...this.controllerPorts].map(([voter, port]) => `${voter}@127.0.0.1:${port}`).join(',');
  }

  node(id: number): QuorumNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  async startNode(id: number, properties: Readonly<Record<string, string>> = {}): Promise<void> {
    const node = this.node(id);
    const { disk } = node;
    node.broker = new Broker({ properties: { ...node.properties, ...properties }, logger: node.logger, onFailure: (cause) => (node.failure = cause), ...(disk === undefined ? {} : { fileSystem: disk }) });
    node.isUp = true;
    await node.broker.start();
  }

  async stopNode(id: number): Promise<void> {
    const node = this.node(id);
    node.isUp = false;
    await node.broker.stop();
  }

  /** Its disk is another from the next start on. */
  forget(id: number): void {
    rmSync(this.folderOf(id), { recursive: true });
    mkdirSync(this.folderOf(id));
  }

  async crash(id: number): Promise<void> {
    const node = this.node(id);
    node.isUp = false;
    await node.broker.crash();
  }

  get up(): QuorumNode[] {
    return [...this.nodes.values()].filter((it) => it.isUp);
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    await Promise.all(this.up.map((it) => it.broker.stop()));
    for (const folder of this.folders) folder.remove();
  }

  portOf(id: number): number {
    return this.node(id).broker.endpoints[0]?.port ?? 0;
  }

  controllerPortOf(id: number): number {
    return this.controllerPorts.get(id) ?? 0;
  }

  folderOf(id: number): string {
    return this.node(id).properties['log.dirs'] ?? '';
  }

  async client(id: number): Promise<RawClient> {
    return await this.connect(this.portOf(id));
  }

  async connect(port: number): Promise<RawClient> {
    const client = await RawClient.connect(port);
    this.clients.push(client);
    return client;
  }

  async quorum(id: number): Promise<DescribeQuorumResponse.Partition> {
    const response = await (await this.client(id)).ask(DescribeQuorum, 2, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] });
    const [partition] = response.topics[0]?.partitions ?? [];
    if (partition === undefined) throw new Error(`the quorum is not described: ${JSON.stringify(response)}`);
    return partition;
  }

  async metadata(id: number, topics: readonly string[] | null = null): Promise<MetadataResponse> {
    const client = await this.client(id);
    return await client.ask(Metadata, 12, { topics: topics === null ? null : topics.map((name) => ({ name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' })), allowAutoTopicCreation: false });
  }

  /** The active controller, as the voters' own log lines tell it last. */
  async activeController(): Promise<number> {
    let leaderId = -1;
    await waitFor('there is an active controller', 10_000, async () => {
      const [voter] = this.up.filter((it) => this.controllerPorts.has(it.id));
      if (voter === undefined) return false;
      const response = await (await this.connect(this.controllerPortOf(voter.id))).ask(DescribeCluster, 2, { endpointType: 2, includeFencedBrokers: false, includeClusterAuthorizedOperations: false });
      leaderId = response.controllerId;
      return leaderId >= 0 && this.nodes.get(leaderId)?.isUp === true;
    });
    return leaderId;
  }

  /**
   * By the hand of the broker `by`, for a name that is new. A broker whose controller falls silent asks the next one, who may find the topic made: nobody else asked for it, so that is a success
   * if it is what was asked for.
   */
  async createTopic(by: number, name: string, options: { readonly partitions: number; readonly replicas: number; readonly configs?: Readonly<Record<string, string>> }): Promise<void> {
    const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
    const response = await (await this.client(by)).ask(CreateTopics, 7, { topics: [{ name, numPartitions: options.partitions, replicationFactor: options.replicas, assignments: [], configs }], timeoutMs: 20_000 });
    const { errorCode, errorMessage } = response.topics[0] ?? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage: 'the response names no topic' };
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) throw new ProtocolError(errorCode, errorMessage);
    if (errorCode === ErrorCode.NONE) return;
    await waitFor(`node ${by} knows ${name}`, 10_000, async () => (await this.metadata(by, [name])).topics[0]?.errorCode === ErrorCode.NONE);
    const [topic] = (await this.metadata(by, [name])).topics;
    expect(topic?.partitions.map((it) => it.replicaNodes.length)).toEqual(Array.from({ length: options.partitions }, () => options.replicas));
  }

  /** Every broker that is up knows the topic. */
  async untilKnown(topic: string): Promise<void> {
    for (const { id, properties } of this.up) {
      if (properties['process.roles']?.includes('broker') !== true) continue;
      await waitFor(`node ${id} knows ${topic}`, 10_000, async () => (await this.metadata(id, [topic])).topics[0]?.errorCode === 0);
    }
  }
}
