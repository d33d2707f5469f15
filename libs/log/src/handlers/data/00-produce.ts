/**
 * Produce, versions 3-13; 0-2 are advertised only, as Kafka does, because librdkafka asks for version 0 before it compresses. Everything is appended when the handler returns, so that the
 * next produce of the connection need not wait for the acknowledgement of this one. Deviations: transactional batches are refused.
 */
import { OperationalError } from '@millrace/foundation';
import { ErrorCode, NO_BYTES, Produce, type ErrorName, type ProduceRequest, type ProduceResponseInput } from '@millrace/protocol';
import { awaitAcks, type AckTarget } from '../../replicas/await-acks.js';
import type { Appended, AppendRefused, HostedPartition } from '../../replicas/hosted-partition.js';
import { isInternalTopic } from '../../internal-topics.js';
import { brokerApi, NO_ANSWER } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';
import { CurrentLeaders } from './current-leader.js';

type PartitionResponse = ProduceResponseInput.PartitionResponse;
type Outcome = Appended | AppendRefused | { readonly error: ErrorName; readonly message: string | null };

const ZSTD_SINCE_VERSION = 7;
const LEADER_HINT_SINCE_VERSION = 10;
const TOPIC_ID_SINCE_VERSION = 13;

/** One partition of the request, on its way to an answer. */
interface PartitionAppend {
  readonly index: number;
  readonly hosted: HostedPartition | undefined;
  outcome: Outcome;
}

export const produceApi = brokerApi(Produce, (services) => (request, context) => {
  const topics = request.topicData.map((topic) => ({
    topic,
    partitions: topic.partitionData.map((it) => append(services, request, topic, it, context.apiVersion)),
  }));
  const all = topics.length === 1 ? topics[0]!.partitions : topics.flatMap((it) => it.partitions);
  const respond = (): ProduceResponseInput | typeof NO_ANSWER => {
    if (request.acks !== 0) {
      const isHinted = context.apiVersion >= LEADER_HINT_SINCE_VERSION && all.some((it) => it.outcome.error === 'NOT_LEADER_OR_FOLLOWER');
      return responseOf(topics, isHinted ? new CurrentLeaders(services, context.connection.listenerName) : undefined);
    }
    const failed = all.find((it) => it.outcome.error !== null);
    // Without a response the only way to say no is to close, as Kafka does.
    if (failed !== undefined) throw new OperationalError('PRODUCE_FAILED', `a produce with acks=0 failed: ${failed.outcome.error}`);
    return NO_ANSWER;
  };
  const waiting = whenAcknowledged(services, request, all);
  return waiting === undefined ? respond() : waiting.then(respond);
}, { isPipelined: true });

function append(services: BrokerServices, request: ProduceRequest, topic: ProduceRequest.TopicData, data: ProduceRequest.PartitionData, version: number): PartitionAppend {
  const { index } = data;
  if (request.acks !== 0 && request.acks !== 1 && request.acks !== -1) return { index, hosted: undefined, outcome: { error: 'INVALID_REQUIRED_ACKS', message: null } };
  const hosted = version >= TOPIC_ID_SINCE_VERSION ? services.replicas.byId(topic.topicId, index) : services.replicas.byName(topic.name, index);
  if (typeof hosted === 'string') return { index, hosted: undefined, outcome: { error: hosted, message: null } };
  if (isInternalTopic(hosted.topic)) return { index, hosted: undefined, outcome: { error: 'INVALID_TOPIC_EXCEPTION', message: `Cannot append to internal topic ${hosted.topic}` } };
  return { index, hosted, outcome: hosted.appendFromClient(data.records ?? NO_BYTES, { acks: request.acks, zstdAllowed: version >= ZSTD_SINCE_VERSION }) };
}

/** Undefined when everything is acknowledged already, which with one replica and the default flush settings is always. */
function whenAcknowledged(services: BrokerServices, request: ProduceRequest, partitions: readonly PartitionAppend[]): Promise<void> | undefined {
  let flushes: Promise<void>[] | undefined;
  let targets: AckTarget[] | undefined;
  for (const it of partitions) {
    const { hosted, outcome } = it;
    if (hosted === undefined || outcome.error !== null || !('nextOffset' in outcome)) continue;
    if (outcome.isFlushDue) {
      (flushes ??= []).push(
        hosted.flush().then((isFlushed) => {
          if (!isFlushed) it.outcome = { error: 'KAFKA_STORAGE_ERROR', message: null };
        }),
      );
    }
    if (request.acks !== -1) continue;
    const { leadershipsLost } = hosted;
    const status = hosted.ackStatus(outcome.nextOffset, leadershipsLost);
    if (status === 'pending') (targets ??= []).push({ hosted, requiredOffset: outcome.nextOffset, leadershipsLost, onSettled: (error) => error !== null && (it.outcome = { error, message: null }) });
    else if (status !== 'complete') it.outcome = { error: status, message: null };
  }
  if (flushes === undefined && targets === undefined) return undefined;
  return Promise.all([...(flushes ?? []), ...(targets === undefined ? [] : [awaitAcks(targets, request.timeoutMs, services.scheduler)])]).then(() => undefined);
}

function responseOf(topics: readonly { topic: ProduceRequest.TopicData; partitions: readonly PartitionAppend[] }[], leaders: CurrentLeaders | undefined): ProduceResponseInput {
  const responses = topics.map(({ topic, partitions }) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitionResponses: partitions.map((it) => {
      const response = partitionResponse(it);
      return leaders !== undefined && it.outcome.error === 'NOT_LEADER_OR_FOLLOWER' ? { ...response, ...leaders.of(topic, it.index) } : response;
    }),
  }));
  return leaders === undefined ? { responses } : { responses, ...leaders.endpoints() };
}

function partitionResponse({ index, hosted, outcome }: PartitionAppend): PartitionResponse {
  if (outcome.error === null && 'nextOffset' in outcome) {
    return { index, baseOffset: outcome.baseOffset, logAppendTimeMs: outcome.logAppendTimeMs, logStartOffset: hosted?.log.logStartOffset ?? -1 };
  }
  const refused = outcome as AppendRefused;
  return {
    index,
    errorCode: ErrorCode[refused.error],
    baseOffset: -1,
    errorMessage: refused.message,
    recordErrors: (refused.recordErrors ?? []).map((it) => ({ batchIndex: it.batchIndex, batchIndexErrorMessage: it.message })),
  };
}
