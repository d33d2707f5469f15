import { ByteReader, SILENT_LOGGER, ZERO_UUID, type Endpoint } from '@millrace/foundation';
import { NodeTransport, ProtocolServer, type RequestContext, type ResponseBytes } from '@millrace/network';
import { nodeCodecs, systemClock, timerScheduler } from '@millrace/platform';
import { ApiVersions, encodeResponseFrame, ErrorCode, InitProducerId, Metadata, Produce, type Api } from '@millrace/protocol';
import { readBatchHeader, recordsOf, validateProducerBatch } from '@millrace/records';

/** What befalls one batch that comes for a partition. */
export type Fault = 'none' | 'refuse' | 'drop-before' | 'drop-after' | 'forget-producers' | 'move-leader';

export interface ScriptedClusterOptions {
  readonly nodes: number;
  readonly partitions: number;
  readonly fault: (partition: number) => Fault;
  readonly produceMax?: number;
  readonly apiVersionsMax?: number;
  readonly maxBatchBytes?: number;
}

interface Appended {
  readonly errorCode: number;
  readonly baseOffset: number;
  /** Who it is for whom this broker is not (KIP-951). */
  readonly currentLeader?: { readonly leaderId: number; readonly leaderEpoch: number };
}

interface Partition {
  leader: number;
  leaderEpoch: number;
  readonly values: string[];
  readonly producers: Map<number, { epoch: number; batches: { first: number; last: number; offset: number }[] }>;
}

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAZQ';
const transport = new NodeTransport();

/**
 * Brokers with one topic, `t`, that keep records as Kafka's leaders do (idempotence by epoch and sequence, five batches remembered) and
 * fail as they are told. What was appended is there to be compared.
 */
export class ScriptedCluster {
  readonly partitions: Partition[];
  readonly producerIds: number[] = [];
  readonly produceVersions = new Set<number>();
  appendedBatches = 0;
  private readonly servers: ProtocolServer[] = [];
  private readonly endpoints: Endpoint[] = [];

  constructor(private readonly options: ScriptedClusterOptions) {
    this.partitions = Array.from({ length: options.partitions }, (_, i) => ({ leader: i % options.nodes, leaderEpoch: 0, values: [], producers: new Map() }));
  }

  get bootstrapServers(): string {
    return this.endpoints.map((it) => `${it.host}:${it.port}`).join();
  }

  async start(): Promise<void> {
    for (let node = 0; node < this.options.nodes; node++) {
      const server = new ProtocolServer({ transport, clock: systemClock, scheduler: timerScheduler, logger: SILENT_LOGGER, apiRange: (key) => this.ranges().find((it) => it.apiKey === key), handle: (context, body) => this.handle(node, context, body) });
      this.servers.push(server);
      this.endpoints.push((await server.listen('PLAINTEXT', { host: '127.0.0.1', port: 0 })).endpoint);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((it) => it.close(100)));
  }

  private ranges(): { apiKey: number; minVersion: number; maxVersion: number }[] {
    return [
      { apiKey: Produce.apiKey, minVersion: 3, maxVersion: this.options.produceMax ?? Produce.maxVersion },
      { apiKey: Metadata.apiKey, minVersion: 0, maxVersion: Metadata.maxVersion },
      { apiKey: ApiVersions.apiKey, minVersion: 0, maxVersion: this.options.apiVersionsMax ?? ApiVersions.maxVersion },
      { apiKey: InitProducerId.apiKey, minVersion: 0, maxVersion: InitProducerId.maxVersion },
    ];
  }

  private handle(node: number, context: RequestContext, body: Uint8Array): ResponseBytes | Promise<ResponseBytes> {
    switch (context.apiKey) {
      case ApiVersions.apiKey:
        return answer(ApiVersions, context, { errorCode: ErrorCode.NONE, apiKeys: this.ranges() });
      case Metadata.apiKey:
        return answer(Metadata, context, this.metadata());
      case InitProducerId.apiKey:
        this.producerIds.push(1000 + this.producerIds.length);
        return answer(InitProducerId, context, { errorCode: ErrorCode.NONE, producerId: 999 + this.producerIds.length, producerEpoch: 0 });
      default:
        return this.produce(node, context, body);
    }
  }

  private metadata(): Parameters<typeof Metadata.response.encode>[1] {
    return {
      brokers: this.endpoints.map((it, nodeId) => ({ nodeId, host: it.host, port: it.port })),
      controllerId: 0,
      topics: [{ name: 't', topicId: TOPIC_ID, partitions: this.partitions.map((it, partitionIndex) => ({ partitionIndex, leaderId: it.leader, leaderEpoch: it.leaderEpoch, replicaNodes: [0], isrNodes: [0] })) }],
    };
  }

  private produce(node: number, context: RequestContext, body: Uint8Array): ResponseBytes | Promise<ResponseBytes> {
    this.produceVersions.add(context.apiVersion);
    const request = Produce.request.decode(new ByteReader(body), context.apiVersion);
    const responses: { name: string; topicId: string; partitionResponses: ({ index: number } & Appended)[] }[] = [];
    for (const topic of request.topicData) {
      const partitionResponses: ({ index: number } & Appended)[] = [];
      responses.push({ name: topic.name, topicId: topic.topicId, partitionResponses });
      if (topic.topicId !== ZERO_UUID && topic.topicId !== TOPIC_ID) throw new Error('a topic id that nobody gave');
      for (const { index, records } of topic.partitionData) {
        const fault = this.options.fault(index);
        if (fault === 'drop-before') throw new Error('dropped');
        partitionResponses.push({ index, ...this.append(node, index, records ?? new Uint8Array(0), fault) });
        if (fault === 'drop-after') throw new Error('dropped');
      }
    }
    return answer(Produce, context, { responses });
  }

  private append(node: number, index: number, bytes: Uint8Array, fault: Fault): Appended {
    const partition = this.partitions[index]!;
    const refused = (errorCode: number): Appended => ({ errorCode, baseOffset: -1 });
    if (fault === 'move-leader') {
      partition.leader = (partition.leader + 1) % this.options.nodes;
      partition.leaderEpoch += 1;
    }
    if (fault === 'forget-producers') partition.producers.clear();
    if (partition.leader !== node) return { ...refused(ErrorCode.NOT_LEADER_OR_FOLLOWER), currentLeader: { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch } };
    if (fault === 'refuse') return refused(ErrorCode.NOT_ENOUGH_REPLICAS);
    const check = validateProducerBatch(bytes, { codecs: nodeCodecs, isCompacted: false, maxBatchBytes: this.options.maxBatchBytes ?? 1 << 20, nowMs: Date.now(), timestampBeforeMaxMs: 1e15, timestampAfterMaxMs: 1e15, timestampType: 'CreateTime', decompressedBytesMax: 1 << 26, zstdAllowed: true });
    if (!check.ok) return refused(ErrorCode[check.error]);
    const { producerId, producerEpoch, baseSequence, recordCount } = readBatchHeader(bytes);
    if (producerId >= 0) {
      const known = partition.producers.get(producerId);
      const last = known?.batches.at(-1);
      if (known !== undefined && producerEpoch < known.epoch) return refused(ErrorCode.INVALID_PRODUCER_EPOCH);
      const isSame = known?.epoch === producerEpoch;
      const duplicate = isSame ? known?.batches.find((it) => it.first === baseSequence && it.last === baseSequence + recordCount - 1) : undefined;
      if (duplicate !== undefined) return { errorCode: ErrorCode.NONE, baseOffset: duplicate.offset };
      // Stricter than Kafka, which takes any sequence of a producer that it does not know.
      const expected = isSame && last !== undefined ? last.last + 1 : 0;
      if (baseSequence !== expected) return refused(known === undefined ? ErrorCode.UNKNOWN_PRODUCER_ID : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      const batches = isSame && known !== undefined ? known.batches : [];
      batches.push({ first: baseSequence, last: baseSequence + recordCount - 1, offset: partition.values.length });
      if (batches.length > 5) batches.shift();
      partition.producers.set(producerId, { epoch: producerEpoch, batches });
    }
    const baseOffset = partition.values.length;
    for (const it of recordsOf(bytes, nodeCodecs, { decompressedBytesMax: 1 << 26 })) partition.values.push(Buffer.from(it.value ?? []).toString());
    this.appendedBatches += 1;
    return { errorCode: ErrorCode.NONE, baseOffset };
  }
}

function answer<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, context: RequestContext, body: ResIn): ResponseBytes {
  return { parts: encodeResponseFrame(api, { apiVersion: context.apiVersion, correlationId: context.correlationId, body }) };
}
