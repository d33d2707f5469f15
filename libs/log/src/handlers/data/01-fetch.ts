/**
 * Fetch, versions 4-18. Deviations: every answer carries session id 0, so clients never use incremental sessions (KIP-227 allows that); records always come from the leader.
 */
import { ErrorCode, Fetch, type FetchRequest, type FetchResponseInput } from '@millrace/protocol';
import { DelayedFetch } from '../../replicas/delayed-fetch.js';
import { readPartitions, type FetchedPartition, type FetchParams, type FetchResult, type FetchTarget } from '../../replicas/fetch-read.js';
import { brokerApi, PooledResponse } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

const TOPIC_ID_SINCE_VERSION = 13;
const READ_COMMITTED = 1;

export const fetchApi = brokerApi(Fetch, (services) => (request, context) => {
  if (request.sessionId !== 0) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0, responses: [] };
  const findTargets = (): FetchTarget[] => request.topics.flatMap((topic) => topic.partitions.map((it) => targetOf(services, topic, it, context.apiVersion)));
  const targets = findTargets();
  const params = paramsOf(services, request);
  const first = readPartitions(targets, params);
  const respond = (result: FetchResult): PooledResponse<FetchResponseInput> => {
    countFetched(result);
    return new PooledResponse(responseOf(request, result), result.release);
  };
  const decide = (result: FetchResult): PooledResponse<FetchResponseInput> | Promise<PooledResponse<FetchResponseInput>> => {
    const isDue = result.isUrgent || targets.length === 0 || request.maxWaitMs <= 0 || result.bytes >= request.minBytes || services.isStopping();
    if (!isDue) result.release();
    return isDue ? respond(result) : longPoll(services, { targets, findTargets, params, request, first: result }).then(respond);
  };
  return first instanceof Promise ? first.then(decide) : decide(first);
});

function countFetched({ targets, partitions }: FetchResult): void {
  for (let i = 0; i < targets.length; i++) {
    const { hosted } = targets[i]!;
    if (typeof hosted !== 'string') hosted.fetchedBytes += partitions[i]!.records.length;
  }
}

function longPoll(services: BrokerServices, poll: { targets: readonly FetchTarget[]; findTargets: () => readonly FetchTarget[]; params: FetchParams; request: FetchRequest; first: FetchResult }): Promise<FetchResult> {
  const { targets, findTargets, params, request, first } = poll;
  return new Promise((resolve, reject) => {
    const waiting = new DelayedFetch({
      targets,
      first,
      minBytes: request.minBytes,
      maxWaitMs: request.maxWaitMs,
      scheduler: services.scheduler,
      onDue: () => {
        services.longPolls.delete(waiting);
        // Looked up anew: a partition may have gone, or have come, meanwhile.
        Promise.resolve(readPartitions(findTargets(), params)).then(resolve, reject);
      },
    });
    services.longPolls.add(waiting);
  });
}

function paramsOf(services: BrokerServices, request: FetchRequest): FetchParams {
  const replicaId = request.replicaState.replicaId >= 0 ? request.replicaState.replicaId : request.replicaId;
  return {
    isolation: replicaId >= 0 ? 'log_end' : request.isolationLevel === READ_COMMITTED ? 'read_committed' : 'read_uncommitted',
    maxBytes: Math.min(request.maxBytes, services.config.get('fetch.max.bytes')),
    replicaId,
  };
}

function targetOf(services: BrokerServices, topic: FetchRequest.Topic, it: FetchRequest.Partition, version: number): FetchTarget {
  const hosted = version >= TOPIC_ID_SINCE_VERSION ? services.replicas.byId(topic.topicId, it.partition) : services.replicas.byName(topic.topic, it.partition);
  return { hosted, fetchOffset: it.fetchOffset, currentLeaderEpoch: it.currentLeaderEpoch, lastFetchedEpoch: it.lastFetchedEpoch, maxBytes: it.partitionMaxBytes };
}

function responseOf(request: FetchRequest, result: FetchResult): FetchResponseInput {
  let next = 0;
  return {
    sessionId: 0,
    responses: request.topics.map((topic) => ({
      topic: topic.topic,
      topicId: topic.topicId,
      partitions: topic.partitions.map((it) => partitionResponse(it.partition, result.partitions[next++]!)),
    })),
  };
}

function partitionResponse(partitionIndex: number, it: FetchedPartition): FetchResponseInput.Partition {
  return {
    partitionIndex,
    errorCode: it.error === null ? 0 : ErrorCode[it.error],
    highWatermark: it.highWatermark,
    lastStableOffset: it.lastStableOffset,
    logStartOffset: it.logStartOffset,
    abortedTransactions: it.abortedTransactions,
    ...(it.diverging === null ? {} : { divergingEpoch: { epoch: it.diverging.leaderEpoch, endOffset: it.diverging.endOffset } }),
    records: it.records,
  };
}
