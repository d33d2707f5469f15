import { ByteReader, ByteWriter, type Random } from '@millrace/foundation';
import {
  AllocateProducerIds,
  AlterPartition,
  AlterPartitionReassignments,
  BrokerHeartbeat,
  BrokerRegistration,
  ControllerRegistration,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  ElectLeaders,
  decodeMetadataRecord,
  Envelope,
  ErrorCode,
  Fetch,
  IncrementalAlterConfigs,
  ListPartitionReassignments,
  type BrokerRegistrationRequest,
  type BrokerRegistrationResponse,
  type CreateTopicsResponse,
  type EnvelopeRequest,
  type EnvelopeResponse,
  type FetchResponse,
} from '@millrace/protocol';
import { nodeCodecs } from '@millrace/platform';
import { batchesOf, recordsOf } from '@millrace/records';
import { decodeExchange, quorumTranscript, SeededRandom, type DecodedExchange } from '@millrace/testkit';
import { Controller, DYNAMIC_BROKER_CONFIGS, type ControllerResult } from '../src/index.js';

const SESSION_MS = 6000;
const CLUSTER_ID = 'kraftPeersAAAAAAAAAAAQ';
const NOT_OF_THE_CONTROLLER = new Set(['ApiVersions', 'Fetch', 'FetchSnapshot', 'Vote', 'BeginQuorumEpoch', 'EndQuorumEpoch', 'DescribeQuorum', 'AddRaftVoter', 'RemoveRaftVoter', 'UpdateRaftVoter']);

type Asked = DecodedExchange & { readonly line: number };

/**
 * What the active controller was asked, out of its envelope, in the order in which it was answered: that in which its records were committed. An answer to a registration may have been lost, and the broker
 * told only when it asked again: it belongs where its record stood.
 */
function askedOfTheController(): Asked[] {
  const answered = quorumTranscript().sort((a, b) => a.answeredAtMs - b.answeredAtMs).flatMap(({ line, request, answer }) => {
    let decoded = decodeExchange({ request, answer });
    if (decoded.api.apiKey === Envelope.apiKey) {
      const { responseData } = decoded.answer as EnvelopeResponse;
      if (responseData === null) return [];
      decoded = decodeExchange({ request: (decoded.request as EnvelopeRequest).requestData, answer: responseData });
    }
    const { errorCode } = decoded.answer as { errorCode?: number };
    return NOT_OF_THE_CONTROLLER.has(decoded.api.name) || errorCode === ErrorCode.NOT_CONTROLLER ? [] : [{ ...decoded, line }];
  });
  const registrations = answered.filter((it) => it.api.apiKey === BrokerRegistration.apiKey).sort((a, b) => epochIn(a) - epochIn(b)).filter((it, i, all) => i === 0 || epochIn(it) > epochIn(all[i - 1] ?? it));
  const asked = new Set<Asked>();
  for (const it of answered) {
    if (it.api.apiKey === BrokerRegistration.apiKey) for (const earlier of registrations) if (epochIn(earlier) < epochIn(it)) asked.add(earlier);
    asked.add(it);
  }
  return [...asked];
}

/** Where the registrations of each broker stand in Kafka's log, as the quorum's followers fetched it. */
function registrationOffsets(): Map<number, number[]> {
  const brokerAt = new Map<number, number>();
  for (const exchange of quorumTranscript()) {
    if (exchange.listener !== 'controller') continue;
    const { api, answer } = decodeExchange(exchange);
    if (api.apiKey !== Fetch.apiKey) continue;
    const bytes = (answer as FetchResponse).responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
    for (const { position, header } of batchesOf(bytes)) {
      if (header.isControl) continue;
      for (const { offset, value } of recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: 1_000_000 })) {
        const entry = value === null ? undefined : decodeMetadataRecord(value);
        if (entry?.type === 'RegisterBrokerRecord') brokerAt.set(offset, entry.record.brokerId);
      }
    }
  }
  const offsets = new Map<number, number[]>();
  for (const [offset, brokerId] of [...brokerAt].sort(([a], [b]) => a - b)) offsets.set(brokerId, [...(offsets.get(brokerId) ?? []), offset]);
  return offsets;
}

function epochIn({ answer }: Asked): number {
  return (answer as BrokerRegistrationResponse).brokerEpoch;
}

/** Our controller through the whole of it; the topic ids that it makes up stand for those that Kafka made up. */
class Replayed {
  readonly controller = new Controller({ clusterId: CLUSTER_ID, defaultPartitions: 1, defaultReplicationFactor: 1, brokerSessionTimeoutMs: SESSION_MS, leaderImbalanceCheckIntervalMs: null, staticBrokerConfigs: new Map(), dynamicBrokerConfigs: DYNAMIC_BROKER_CONFIGS });
  private readonly registrations = registrationOffsets();
  private readonly ids = new Map<string, string>();
  private readonly moment: { nowMs: number; readonly random: Random };

  constructor() {
    const generator = new SeededRandom(1);
    this.moment = { nowMs: 0, random: { bytes: (length) => Uint8Array.from({ length }, () => generator.integer(256)), integer: (bound) => generator.integer(bound) } };
    this.controller.replayBatch(this.controller.activate(0), 0);
  }

  answer(asked: DecodedExchange): unknown {
    const request = this.translated(asked.request, this.ids) as never;
    const { controller, moment } = this;
    switch (asked.api.apiKey) {
      case BrokerRegistration.apiKey: {
        const { brokerId, incarnationId } = request as BrokerRegistrationRequest;
        const isAgain = controller.image.broker(brokerId)?.incarnationId === incarnationId;
        if (!isAgain) this.fenceBefore(brokerId);
        const offset = this.registrations.get(brokerId)?.find((it) => it > controller.image.lastOffset) ?? -1;
        return this.run(controller.registerBroker(moment, request, offset), offset);
      }
      case BrokerHeartbeat.apiKey:
        return this.run(controller.brokerHeartbeat(moment, request));
      case AlterPartition.apiKey:
        return this.run(controller.alterPartition(request));
      case AllocateProducerIds.apiKey:
        return this.run(controller.allocateProducerIds(request));
      case ControllerRegistration.apiKey:
        return this.run(controller.registerController(request));
      case CreateTopics.apiKey: {
        const response = this.run(controller.createTopics(moment, request));
        (asked.answer as CreateTopicsResponse).topics.forEach((it, i) => this.ids.set(it.topicId, response.topics[i]?.topicId ?? ''));
        return response;
      }
      case CreatePartitions.apiKey:
        return this.run(controller.createPartitions(moment, request));
      case DeleteTopics.apiKey:
        return this.run(controller.deleteTopics(request));
      case ElectLeaders.apiKey:
        return this.run(controller.electLeaders(request));
      case IncrementalAlterConfigs.apiKey:
        return this.run(controller.incrementalAlterConfigs(request));
      case AlterPartitionReassignments.apiKey:
        return this.run(controller.alterPartitionReassignments(request));
      case ListPartitionReassignments.apiKey:
        return controller.listPartitionReassignments(request);
      default:
        throw new Error(`nobody answers ${asked.api.name}`);
    }
  }

  /** As it would be on the wire and read again, with Kafka's topic ids. */
  onTheWire({ api, apiVersion }: DecodedExchange, answer: unknown): unknown {
    const writer = new ByteWriter();
    api.response.encode(writer, answer as never, apiVersion);
    return this.translated(api.response.decode(new ByteReader(writer.take()), apiVersion), new Map([...this.ids].map(([kafkas, ours]) => [ours, kafkas])));
  }

  /** Its session ran out, of which there is no request. */
  private fenceBefore(brokerId: number): void {
    const broker = this.controller.image.broker(brokerId);
    if (broker === undefined || broker.isFenced || broker.isShuttingDown) return;
    this.moment.nowMs += SESSION_MS + 1;
    for (const it of this.controller.image.brokers.values()) {
      if (it.brokerId === brokerId || it.isFenced) continue;
      this.run(this.controller.brokerHeartbeat(this.moment, { brokerId: it.brokerId, brokerEpoch: it.epoch, currentMetadataOffset: this.controller.image.lastOffset, wantFence: false, wantShutDown: false, offlineLogDirs: [], cordonedLogDirs: null }));
    }
    this.controller.replayBatch(this.controller.tick(this.moment.nowMs), this.controller.image.lastOffset + 1);
  }

  private run<Response>({ records, response }: ControllerResult<Response>, baseOffset = this.controller.image.lastOffset + 1): Response {
    this.controller.replayBatch(records, baseOffset);
    return response;
  }

  private translated(value: unknown, ids: ReadonlyMap<string, string>): unknown {
    if (typeof value === 'string') return ids.get(value) ?? value;
    if (Array.isArray(value)) return value.map((it) => this.translated(it, ids));
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, this.translated(it, ids)]));
  }
}

describe('what the controllers of Apache Kafka 4.3.1 were asked', () => {
  it('our controller answers with the same fields', () => {
    const replayed = new Replayed();
    const apis = new Map<string, number>();
    const wrong: string[] = [];
    for (const asked of askedOfTheController()) {
      const ours = replayed.onTheWire(asked, replayed.answer(asked));
      apis.set(asked.api.name, (apis.get(asked.api.name) ?? 0) + 1);
      const [a, b] = [JSON.stringify(ours), JSON.stringify(asked.answer)];
      if (a !== b) wrong.push(`line ${asked.line} ${asked.api.name} ${JSON.stringify(asked.request)}\n  ours  ${a}\n  kafka ${b}`);
    }
    expect(wrong.join('\n')).toBe('');
    expect(Object.fromEntries(apis)).toEqual({
      AllocateProducerIds: 2,
      AlterPartition: 8,
      AlterPartitionReassignments: 1,
      BrokerHeartbeat: 86,
      BrokerRegistration: 6,
      ControllerRegistration: 5,
      CreatePartitions: 1,
      CreateTopics: 3,
      DeleteTopics: 1,
      ElectLeaders: 1,
      IncrementalAlterConfigs: 30,
      ListPartitionReassignments: 39,
    });
  });
});
