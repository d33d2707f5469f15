import type { Endpoint } from '@millrace/foundation';
import { BrokerConnection, NodeTransport } from '@millrace/network';
import { nodeCodecs, systemClock, timerScheduler } from '@millrace/platform';
import { CreateTopics, Fetch, ListOffsets, Metadata, Produce, type Api, type FetchResponse, type ListOffsetsResponse, type ProduceResponse } from '@millrace/protocol';
import { batchesOf, RecordBatchBuilder, recordsOf, type BatchOptions, type DecodedRecord } from '@millrace/records';
import { RecordingLogger, temporaryFolder } from '@millrace/testkit';
import { Broker, type BrokerOptions } from '../src/index.js';

/** Waits for members no longer than tests want to. */
const QUICK: Readonly<Record<string, string>> = { listeners: 'PLAINTEXT://localhost:0', 'group.initial.rebalance.delay.ms': '0', 'offsets.topic.num.partitions': '5' };

/** A broker of this process on a port of its own, with its data in a folder that goes with it. */
export class LocalBroker {
  private constructor(
    readonly broker: Broker,
    readonly logger: RecordingLogger,
    readonly folder: string,
    private readonly removeFolder: () => void,
  ) {}

  static async start(properties: Readonly<Record<string, string>> = {}, options: Partial<BrokerOptions> & { folder?: string } = {}): Promise<LocalBroker> {
    const { folder: given, ...rest } = options;
    const folder = given === undefined ? temporaryFolder('log') : { path: given, remove: () => undefined };
    const logger = new RecordingLogger();
    const broker = new Broker({ properties: { ...QUICK, 'log.dirs': folder.path, ...properties }, logger, ...rest });
    await broker.start();
    return new LocalBroker(broker, logger, folder.path, () => folder.remove());
  }

  get port(): number {
    return this.broker.endpoints[0]?.port ?? 0;
  }

  get address(): string {
    return `localhost:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.broker.stop();
    this.removeFolder();
  }
}

/** A client made of our codecs alone. */
export class RawClient {
  private constructor(readonly connection: BrokerConnection) {}

  static async connect(port: number): Promise<RawClient> {
    const endpoint: Endpoint = { host: '127.0.0.1', port };
    return new RawClient(await BrokerConnection.connect({ transport: new NodeTransport(), clock: systemClock, scheduler: timerScheduler, endpoint, clientId: 'raw', connectTimeoutMs: 5000, requestTimeoutMs: 20_000 }));
  }

  ask<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, version: number, request: ReqIn): Promise<Res> {
    return this.connection.request(api, version, request);
  }

  close(): void {
    this.connection.close();
  }

  async createTopic(name: string, options: { partitions?: number; configs?: Readonly<Record<string, string>> } = {}): Promise<void> {
    const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
    const response = await this.ask(CreateTopics, 7, { topics: [{ name, numPartitions: options.partitions ?? 1, replicationFactor: 1, assignments: [], configs }] });
    expect(response.topics.map((it) => [it.errorCode, it.errorMessage])).toEqual([[0, null]]);
  }

  async produce(topic: string, batch: Uint8Array, options: { acks?: number; version?: number; partition?: number } = {}): Promise<ProduceResponse.PartitionResponse> {
    const partitionData = [{ index: options.partition ?? 0, records: batch }];
    const response = await this.ask(Produce, options.version ?? 9, { acks: options.acks ?? -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData }] });
    const [partition] = response.responses[0]?.partitionResponses ?? [];
    if (partition === undefined) throw new Error('the produce response names no partition');
    return partition;
  }

  async fetch(topic: string, fetchOffset: number, options: { maxBytes?: number; partitionMaxBytes?: number; maxWaitMs?: number; minBytes?: number; version?: number; partition?: number; isolationLevel?: number } = {}): Promise<FetchResponse.Partition> {
    const partitions = [{ partition: options.partition ?? 0, fetchOffset, partitionMaxBytes: options.partitionMaxBytes ?? 1_048_576 }];
    const response = await this.ask(Fetch, options.version ?? 11, {
      maxWaitMs: options.maxWaitMs ?? 0,
      minBytes: options.minBytes ?? 1,
      maxBytes: options.maxBytes ?? 52_428_800,
      isolationLevel: options.isolationLevel ?? 0,
      topics: [{ topic, partitions }],
      forgottenTopicsData: [],
    });
    const [partition] = response.responses[0]?.partitions ?? [];
    if (partition === undefined) throw new Error('the fetch response names no partition');
    return partition;
  }

  async offsetAt(topic: string, timestamp: number, options: { version?: number; partition?: number } = {}): Promise<ListOffsetsResponse.Partition> {
    const response = await this.ask(ListOffsets, options.version ?? 7, { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions: [{ partitionIndex: options.partition ?? 0, timestamp }] }] });
    const [partition] = response.topics[0]?.partitions ?? [];
    if (partition === undefined) throw new Error('the response names no partition');
    return partition;
  }

  async topicId(name: string): Promise<string> {
    const response = await this.ask(Metadata, 12, { topics: [{ name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], allowAutoTopicCreation: false });
    return response.topics[0]?.topicId ?? '';
  }
}

export interface TestRecord {
  readonly key?: string | null;
  readonly value: string | null;
  readonly timestampMs?: number;
}

export function batchOf(records: readonly TestRecord[], options: Partial<BatchOptions> = {}): Uint8Array {
  const builder = new RecordBatchBuilder();
  for (const { key, value, timestampMs } of records) {
    builder.append(key === undefined || key === null ? null : Buffer.from(key), value === null ? null : Buffer.from(value), timestampMs ?? Date.now());
  }
  return builder.build({ codecs: nodeCodecs, ...options });
}

export function recordsIn(bytes: Uint8Array | null): DecodedRecord[] {
  if (bytes === null) return [];
  return [...batchesOf(bytes)].flatMap(({ position }) => [...recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: 100_000_000 })]);
}

export function valuesIn(bytes: Uint8Array | null): (string | null)[] {
  return recordsIn(bytes).map((it) => (it.value === null ? null : Buffer.from(it.value).toString()));
}

