import { ByteReader, ByteWriter, OperationalError, type BrokerId, type Connection, type Endpoint, type Listening, type Offset, type Transport } from '@millrace/foundation';
import { Controller, DYNAMIC_BROKER_CONFIGS, type ControllerMoment, type ControllerResult } from '@millrace/metadata';
import { NodeTransport } from '@millrace/network';
import { systemClock, systemRandom } from '@millrace/platform';
import {
  AllocateProducerIds,
  AlterPartition,
  AssignReplicasToDirs,
  BrokerHeartbeat,
  BrokerRegistration,
  CreateTopics,
  DeleteTopics,
  ElectLeaders,
  IncrementalAlterConfigs,
  type Api,
  type MetadataRecord,
} from '@millrace/protocol';
import type { Processes } from '@millrace/storage';
import { RecordingLogger, temporaryFolder, waitFor, type FaultyFileSystem } from '@millrace/testkit';
import { BrokerServer } from '../src/broker/broker-server.js';
import { BrokerConfig } from '../src/config/broker-config.js';
import { advertisedEndpoints, type NamedEndpoint } from '../src/config/listeners.js';
import type { ControllerChannel } from '../src/controller/controller-channel.js';
import { BROKER_APIS } from '../src/handlers/broker-apis.js';
import { ListenerGroup } from '../src/node/listener-group.js';
import { NodeDirectories } from '../src/node/node-directories.js';
import { nodePorts } from '../src/node/node-ports.js';
import { RawClient } from './local-broker.js';

const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;
/** Short enough for tests to see followers fall behind. */
const QUICK = {
  'replica.lag.time.max.ms': '600',
  'replica.fetch.wait.max.ms': '100',
  'replica.fetch.backoff.ms': '100',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '3',
};

interface HeldAnswers {
  readonly apiKey: number;
  readonly count: number;
  readonly until: Promise<void>;
  readonly reached: () => void;
  readonly taken: () => void;
}

/** The network of one broker towards the others, which can be cut. */
class CuttableTransport implements Transport {
  private readonly inner = new NodeTransport();
  private readonly outgoing = new Set<Connection>();
  isCut = false;
  /** New connections wait for it. */
  held: Promise<void> = Promise.resolve();
  hold: HeldAnswers | undefined;

  listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listening> {
    return this.inner.listen(endpoint, onConnection);
  }

  async connect(endpoint: Endpoint, options: { timeoutMs: number }): Promise<Connection> {
    if (this.isCut) throw new OperationalError('CONNECTION_FAILED', 'the link is cut', { isRetriable: true });
    await this.held;
    const connection = await this.inner.connect(endpoint, options);
    this.outgoing.add(connection);
    this.holdAnswers(connection);
    return connection;
  }

  private holdAnswers(connection: Connection): void {
    const write = connection.write.bind(connection);
    let asked = 0;
    connection.write = (chunk, onTaken) => {
      const { hold } = this;
      if (hold !== undefined && chunk.length >= 6 && new ByteReader(chunk.subarray(4)).int16() === hold.apiKey && (asked += 1) === hold.count) this.keepAnswers(connection, hold);
      return write(chunk, onTaken);
    };
  }

  private keepAnswers(connection: Connection, hold: HeldAnswers): void {
    this.hold = undefined;
    const { onData } = connection;
    let kept = Buffer.alloc(0);
    connection.onData = (chunk) => {
      kept = Buffer.concat([kept, chunk]);
      if (framesIn(kept) >= hold.count) hold.reached();
    };
    void hold.until.then(() => {
      connection.onData = onData;
      onData(kept);
      setImmediate(hold.taken);
    });
  }

  cut(): void {
    this.isCut = true;
    for (const connection of this.outgoing) connection.destroy();
    this.outgoing.clear();
  }
}

export class TestBroker {
  isUp = true;
  private isDeaf = false;
  private readonly unheard: { readonly records: readonly MetadataRecord[]; readonly baseOffset: Offset }[] = [];
  private follows: Promise<void> = Promise.resolve();

  constructor(
    readonly id: BrokerId,
    readonly config: BrokerConfig,
    readonly directories: NodeDirectories,
    readonly server: BrokerServer,
    private readonly listeners: ListenerGroup,
    readonly endpoints: readonly NamedEndpoint[],
    readonly transport: CuttableTransport,
    readonly logger: RecordingLogger,
  ) {}

  get port(): number {
    return this.endpoints[0]?.port ?? 0;
  }

  get epoch(): number {
    return this.server.brokerEpoch;
  }

  /** The answers to its next `count` requests of this API, asked at once, are on the way until they are released; that resolves when they were taken. */
  holdAnswers(apiKey: number, count: number): { readonly reached: Promise<void>; readonly release: () => Promise<void> } {
    let release = (): void => undefined;
    let told = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    const taken = new Promise<void>((resolve) => (told = resolve));
    const reached = new Promise<void>((resolve) => (this.transport.hold = { apiKey, count, until, reached: resolve, taken: told }));
    return { reached, release: () => (release(), taken) };
  }

  follow(records: readonly MetadataRecord[], baseOffset: Offset): void {
    if (this.isDeaf) this.unheard.push({ records, baseOffset });
    else this.follows = this.follows.then(() => (this.isUp ? this.server.follower.follow(records, baseOffset + records.length) : undefined));
  }

  /** It neither fetches nor hears of the metadata; who wants to, still reaches it. */
  isolate(): void {
    this.isDeaf = true;
    this.transport.cut();
  }

  rejoin(): void {
    this.isDeaf = false;
    this.transport.isCut = false;
    for (const { records, baseOffset } of this.unheard.splice(0)) this.follow(records, baseOffset);
  }

  /** Resolves when everything that was told so far has been acted upon. */
  async settled(): Promise<void> {
    await this.follows;
  }

  async end(kind: 'stop' | 'crash'): Promise<void> {
    this.isUp = false;
    await this.follows;
    await this.server.stop();
    await this.listeners.close(0);
    if (kind === 'crash') this.directories.abandon();
    else await this.directories.close({ brokerEpoch: this.epoch, areLogsOpen: true, highWatermarks: (directory) => this.server.highWatermarks(directory) });
  }
}

/** Real brokers on loopback and one controller machine, driven by the test instead of a quorum. */
export class ReplicatedBrokers {
  readonly brokers = new Map<BrokerId, TestBroker>();
  private readonly records: MetadataRecord[] = [];
  private readonly folders: ReturnType<typeof temporaryFolder>[] = [];
  private readonly folderOf = new Map<BrokerId, string>();
  private readonly clients: RawClient[] = [];
  /** Brokers with a disk in memory, which can be made to fail. */
  readonly disks = new Map<BrokerId, FaultyFileSystem>();
  private clusterId = '';
  private controllerMachine: Controller | undefined;

  private constructor(private readonly properties: Readonly<Record<string, string>>) {}

  static empty(properties: Readonly<Record<string, string>> = {}): ReplicatedBrokers {
    return new ReplicatedBrokers(properties);
  }

  static async start(count: number, properties: Readonly<Record<string, string>> = {}, perBroker: (id: BrokerId) => Readonly<Record<string, string>> = () => ({})): Promise<ReplicatedBrokers> {
    const cluster = new ReplicatedBrokers(properties);
    for (let id = 1; id <= count; id++) await cluster.startBroker(id, perBroker(id));
    return cluster;
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    for (const broker of this.brokers.values()) if (broker.isUp) await broker.end('stop');
    for (const folder of this.folders) folder.remove();
  }

  broker(id: BrokerId): TestBroker {
    const broker = this.brokers.get(id);
    if (broker === undefined) throw new Error(`no broker ${id}`);
    return broker;
  }

  get controller(): Controller {
    if (this.controllerMachine === undefined) throw new Error('no broker has been started');
    return this.controllerMachine;
  }

  async startBroker(id: BrokerId, properties: Readonly<Record<string, string>> = {}): Promise<TestBroker> {
    const disk = this.disks.get(id);
    let folder = disk === undefined ? this.folderOf.get(id) : '/data';
    if (folder === undefined) {
      const temporary = temporaryFolder(`replica-${id}`);
      this.folders.push(temporary);
      this.folderOf.set(id, (folder = temporary.path));
    }
    const logger = new RecordingLogger();
    const config = new BrokerConfig({ ...QUICK, 'node.id': String(id), listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': folder, ...this.properties, ...properties });
    const transport = new CuttableTransport();
    const ports = nodePorts({ transport, ...(disk === undefined ? {} : { fileSystem: disk }) });
    const listeners = new ListenerGroup(config, BROKER_APIS, ports, logger);
    const endpoints = advertisedEndpoints(config, await listeners.listen(config.roles.clientListeners));
    const directories = await NodeDirectories.open({ config, ports, logger, ...(disk === undefined ? {} : { processes: anotherProcess() }), onOffline: (directory) => broker.server.directoryFailed(directory) });
    this.clusterId ||= directories.clusterId;
    this.controllerMachine ??= new Controller({ clusterId: this.clusterId, defaultPartitions: 1, defaultReplicationFactor: 3, brokerSessionTimeoutMs: 1, staticBrokerConfigs: new Map(), dynamicBrokerConfigs: DYNAMIC_BROKER_CONFIGS });
    if (this.records.length === 0) this.write(this.controllerMachine.activate(systemClock.nowMs()));
    const server = new BrokerServer({ config, directories: withClusterId(directories, this.clusterId), ports, decompressedBytesMax: DECOMPRESSED_BYTES_MAX, logger, kRaftVersion: () => 0 });
    const broker = new TestBroker(id, config, directories, server, listeners, endpoints, transport, logger);
    await server.follower.load(this.records, this.records.length);
    this.brokers.set(id, broker);
    const channel = this.channelOf(broker);
    listeners.serve(await server.start({ requests: channel, heartbeats: channel, replication: channel }, endpoints));
    await server.unfence();
    return broker;
  }

  /** The controller takes it for dead. */
  fence(id: BrokerId): void {
    const epoch = this.controller.image.broker(id)?.epoch ?? -1;
    this.submit((controller, moment) => controller.brokerHeartbeat(moment, { brokerId: id, brokerEpoch: epoch, currentMetadataOffset: epoch, wantFence: true, wantShutDown: false, offlineLogDirs: [], cordonedLogDirs: null }));
  }

  async crash(id: BrokerId): Promise<void> {
    await this.broker(id).end('crash');
    this.fence(id);
  }

  /** Its disk is lost: it starts with an empty one. */
  forget(id: BrokerId): void {
    this.folderOf.delete(id);
  }

  async createTopic(name: string, options: { replicas?: readonly (readonly BrokerId[])[]; configs?: Readonly<Record<string, string>> } = {}): Promise<void> {
    const assignments = (options.replicas ?? [[1, 2, 3]]).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds: [...brokerIds] }));
    const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
    const response = this.submit((controller, moment) => controller.createTopics(moment, { topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments, configs }], timeoutMs: 1000, validateOnly: false }));
    expect(response.topics.map((it) => it.errorMessage ?? null)).toEqual([null]);
    await this.settled();
  }

  /** Of a topic; of a broker by its number. */
  setConfig(resource: string | BrokerId, values: Readonly<Record<string, string | null>>): void {
    const configs = Object.entries(values).map(([name, value]) => ({ name, value, configOperation: value === null ? 1 : 0 }));
    const response = this.submit((controller) => controller.incrementalAlterConfigs({ resources: [{ resourceType: typeof resource === 'string' ? 2 : 4, resourceName: String(resource), configs }], validateOnly: false }));
    expect(response.responses.map((it) => it.errorMessage ?? null)).toEqual([null]);
  }

  /** The first of the replicas leads again. */
  electPreferred(topic: string, partition = 0): void {
    this.submit((controller) => controller.electLeaders({ electionType: 0, topicPartitions: [{ topic, partitions: [partition] }], timeoutMs: 1000 }));
  }

  isrOf(topic: string, partition = 0): readonly BrokerId[] {
    return [...(this.controller.image.partition(topic, partition)?.isr ?? [])].sort();
  }

  leaderOf(topic: string, partition = 0): BrokerId {
    return this.controller.image.partition(topic, partition)?.leader ?? -1;
  }

  async untilIsr(topic: string, isr: readonly BrokerId[], partition = 0): Promise<void> {
    await waitFor(`the in-sync replicas of ${topic} are ${isr.join()}`, 10_000, () => Promise.resolve(this.isrOf(topic, partition).join() === [...isr].sort().join()));
  }

  async client(id: BrokerId): Promise<RawClient> {
    const client = await RawClient.connect(this.broker(id).port);
    this.clients.push(client);
    return client;
  }

  async settled(): Promise<void> {
    for (const broker of this.brokers.values()) await broker.settled();
  }

  submit<Response>(operation: (controller: Controller, moment: ControllerMoment, nextOffset: Offset) => ControllerResult<Response>): Response {
    const { records, response } = operation(this.controller, { nowMs: systemClock.nowMs(), random: systemRandom }, this.records.length);
    this.write(records);
    return response;
  }

  private write(records: readonly MetadataRecord[]): void {
    if (records.length === 0) return;
    const baseOffset = this.records.length;
    records.forEach((record, i) => this.controller.replay(record, baseOffset + i));
    this.records.push(...records);
    for (const broker of this.brokers.values()) if (broker.isUp) broker.follow(records, baseOffset);
  }

  private channelOf(broker: TestBroker): ControllerChannel {
    return {
      request: async <Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, body: ReqIn): Promise<Res> => {
        await Promise.resolve();
        if (broker.transport.isCut) throw new OperationalError('NO_CONTROLLER', 'the link is cut', { isRetriable: true });
        const response = this.answer(api as unknown as Api<unknown, unknown, unknown, unknown>, recoded(api.request, body, api.advertisedMaxVersion));
        await broker.settled();
        return recoded(api.response, response as ResIn, api.advertisedMaxVersion);
      },
    };
  }

  private answer(api: Api<unknown, unknown, unknown, unknown>, body: unknown): unknown {
    const request = body as never;
    switch (api.apiKey) {
      case BrokerRegistration.apiKey:
        return this.submit((controller, moment, nextOffset) => controller.registerBroker(moment, request, nextOffset));
      case BrokerHeartbeat.apiKey:
        return this.submit((controller, moment) => controller.brokerHeartbeat(moment, request));
      case AlterPartition.apiKey:
        return this.submit((controller) => controller.alterPartition(request));
      case AssignReplicasToDirs.apiKey:
        return this.submit((controller) => controller.assignReplicasToDirectories(request));
      case AllocateProducerIds.apiKey:
        return this.submit((controller) => controller.allocateProducerIds(request));
      case CreateTopics.apiKey:
        return this.submit((controller, moment) => controller.createTopics(moment, request));
      case DeleteTopics.apiKey:
        return this.submit((controller) => controller.deleteTopics(request));
      case ElectLeaders.apiKey:
        return this.submit((controller) => controller.electLeaders(request));
      case IncrementalAlterConfigs.apiKey:
        return this.submit((controller) => controller.incrementalAlterConfigs(request));
      default:
        throw new Error(`the controller of these tests does not answer ${api.name}`);
    }
  }
}

function framesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at + 4 <= bytes.length && at + 4 + bytes.readInt32BE(at) <= bytes.length; at += 4 + bytes.readInt32BE(at)) count += 1;
  return count;
}

function withClusterId(directories: NodeDirectories, clusterId: string): NodeDirectories {
  return Object.create(directories, { clusterId: { value: clusterId } }) as NodeDirectories;
}

/** Through its bytes, as over the network. */
function recoded<T, Input>(codec: { encode(writer: ByteWriter, message: Input, version: number): void; decode(reader: ByteReader, version: number): T }, message: Input, version: number): T {
  const writer = new ByteWriter(256);
  codec.encode(writer, message, version);
  return codec.decode(new ByteReader(writer.take()), version);
}

let processes = 5000;
/** Each start is that of a new process: the lock of a dead one is taken over. */
function anotherProcess(): Processes {
  const pid = (processes += 1);
  return { pid, identity: (it) => (it === pid ? `${pid} test` : undefined), lockHolder: () => undefined };
}
