/**
 * Fetch, versions 4-18, of consumers and of followers. Deviations: consumers are answered with session id 0, so only followers use incremental sessions (KIP-227 allows that); what
 * a follower acknowledges with a fetch counts in the high watermark that it is answered (in Kafka with the next one).
 */
import type { RequestContext } from '@millrace/network';
import { ErrorCode, Fetch, type FetchRequest, type FetchResponseInput } from '@millrace/protocol';
import { RACK_AWARE_SELECTOR } from '../../config/replication-config.js';
import { DelayedFetch } from '../../replicas/delayed-fetch.js';
import { readPartitions, type FetchParams, type FetchResult, type FetchTarget } from '../../replicas/fetch-read.js';
import { preferredReplica } from '../../replicas/preferred-replica.js';
import { brokerApi, PooledResponse } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';
import { isLeaderHinted } from './current-leader.js';
import { countFetched, hintedLeaders, partitionResponse } from './fetched-partition.js';
import { answerFollower, followerParams, replicaIdOf } from './follower-fetch.js';

const FOLLOWERS_SERVE_SINCE_VERSION = 11;
const TOPIC_ID_SINCE_VERSION = 13;
const READ_COMMITTED = 1;

export const fetchApi = brokerApi(Fetch, (services) => (request, context) => {
  const replicaId = replicaIdOf(request);
  if (replicaId >= 0 && context.apiVersion >= TOPIC_ID_SINCE_VERSION) {
    const answer = answerFollower(services, request, context, replicaId);
    if (answer !== undefined) return answer;
  } else if (request.sessionId !== 0) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0, responses: [] };
  const findTargets = (): FetchTarget[] => request.topics.flatMap((topic) => topic.partitions.map((it) => targetOf(services, topic, it, context.apiVersion)));
  const targets = findTargets();
  const params = paramsOf(services, request, context);
  const first = readPartitions(targets, params);
  const respond = (result: FetchResult): PooledResponse<FetchResponseInput> => {
    countFetched(services, params, result);
    return new PooledResponse(responseOf(services, request, context, result), result.release);
  };
  const decide = (result: FetchResult): PooledResponse<FetchResponseInput> | Promise<PooledResponse<FetchResponseInput>> => {
    const isDue = result.isUrgent || targets.length === 0 || request.maxWaitMs <= 0 || result.bytes >= request.minBytes || services.isStopping();
    if (!isDue) result.release();
    return isDue ? respond(result) : longPoll(services, { targets, findTargets, params, request, first: result }).then(respond);
  };
  return first instanceof Promise ? first.then(decide) : decide(first);
});

function longPoll(services: BrokerServices, poll: { targets: readonly FetchTarget[]; findTargets: () => readonly FetchTarget[]; params: FetchParams; request: FetchRequest; first: FetchResult }): Promise<FetchResult> {
  const { targets, findTargets, request, first } = poll;
  // What the follower has is told by its request, once.
  const { follower: _told, ...params } = poll.params;
  return new Promise((resolve, reject) => {
    const waiting = new DelayedFetch({
      targets,
      params,
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

function paramsOf(services: BrokerServices, request: FetchRequest, context: RequestContext): FetchParams {
  const replicaId = replicaIdOf(request);
  const maxBytes = Math.min(request.maxBytes, services.config.get('fetch.max.bytes'));
  if (replicaId >= 0) return followerParams(services, request, replicaId);
  const isolation = request.isolationLevel === READ_COMMITTED ? 'read_committed' : 'read_uncommitted';
  const base = { isolation, maxBytes, replicaId, onlyFromLeader: context.apiVersion < FOLLOWERS_SERVE_SINCE_VERSION } as const;
  const { rackId } = request;
  if (rackId === '' || services.config.get('replica.selector.class') !== RACK_AWARE_SELECTOR) return base;
  const brokers = services.brokersFor(context.connection.listenerName);
  const leaderRack = services.config.get('broker.rack');
  return { ...base, preferredReplica: (hosted, fetchOffset) => preferredReplica(hosted, { rackId, fetchOffset, leaderRack, brokers }) };
}

function targetOf(services: BrokerServices, topic: FetchRequest.Topic, it: FetchRequest.Partition, version: number): FetchTarget {
  const hosted = version >= TOPIC_ID_SINCE_VERSION ? services.replicas.byId(topic.topicId, it.partition) : services.replicas.byName(topic.topic, it.partition);
  return { hosted, fetchOffset: it.fetchOffset, currentLeaderEpoch: it.currentLeaderEpoch, lastFetchedEpoch: it.lastFetchedEpoch, logStartOffset: it.logStartOffset, maxBytes: it.partitionMaxBytes };
}

function responseOf(services: BrokerServices, request: FetchRequest, context: RequestContext, result: FetchResult): FetchResponseInput {
  const leaders = hintedLeaders(services, context, result);
  let next = 0;
  const responses = request.topics.map((topic) => ({
    topic: topic.topic,
    topicId: topic.topicId,
    partitions: topic.partitions.map((it) => {
      const fetched = result.partitions[next++]!;
      const response = partitionResponse(it.partition, fetched);
      return leaders !== undefined && isLeaderHinted(fetched.error) ? { ...response, ...leaders.of({ name: topic.topic, topicId: topic.topicId }, it.partition) } : response;
    }),
  }));
  return leaders === undefined ? { sessionId: 0, responses } : { sessionId: 0, responses, ...leaders.endpoints() };
}
