import { isActive } from '@millrace/metadata';
import type { RequestContext } from '@millrace/network';
import { ErrorCode, type FetchRequest, type FetchResponseInput } from '@millrace/protocol';
import type { BrokerServices } from '../../broker/broker-services.js';
import type { LongPoll } from '../../replicas/delayed-fetch.js';
import { readPartitions, type FetchParams, type FetchResult } from '../../replicas/fetch-read.js';
import type { FetchSession, SessionPartition } from '../../replicas/fetch-session.js';
import type { HostedPartition } from '../../replicas/hosted-partition.js';
import { isThrottledReplica } from '../../replicas/replication-throttle.js';
import { PooledResponse, type Answer } from '../broker-api.js';
import { isLeaderHinted } from './current-leader.js';
import { countFetched, hintedLeaders, partitionResponse } from './fetched-partition.js';

/** -1 for a consumer. */
export function replicaIdOf(request: FetchRequest): number {
  return request.replicaState.replicaId >= 0 ? request.replicaState.replicaId : request.replicaId;
}

export function followerParams(services: BrokerServices, request: FetchRequest, replicaId: number): FetchParams & { readonly follower: { readonly brokerEpoch: number; readonly isEligible: boolean } } {
  const brokerEpoch = request.replicaState.replicaEpoch;
  const registration = services.image.broker(replicaId);
  const isEligible = isActive(registration) && (brokerEpoch < 0 || registration?.epoch === brokerEpoch);
  const maxBytes = Math.min(request.maxBytes, services.config.get('fetch.max.bytes'));
  const base = { isolation: 'log_end', maxBytes, replicaId, onlyFromLeader: true, follower: { brokerEpoch, isEligible } } as const;
  return services.replicas.replication.leaderThrottle.isOn ? { ...base, isHeldBack: heldBack(services, replicaId) } : base;
}

/** One that is in sync is never held back: it would fall out of the in-sync replicas and come in again. */
function heldBack(services: BrokerServices, replicaId: number): (hosted: HostedPartition) => boolean {
  const { leaderThrottle } = services.replicas.replication;
  return ({ machine, settings, partition }) => leaderThrottle.isOn && !machine.isr.committed.includes(replicaId) && isThrottledReplica(settings.throttledOnLeader, partition, services.brokerId) && leaderThrottle.isExceeded;
}

interface Look {
  readonly result: FetchResult;
  readonly partitions: readonly SessionPartition[];
}

/** A follower's fetch by its session; undefined when it wants none, or there is no room for one more. */
export function answerFollower(services: BrokerServices, request: FetchRequest, context: RequestContext, replicaId: number): Answer<FetchResponseInput> {
  const params = followerParams(services, request, replicaId);
  const session = services.replicas.fetchSessions.sessionFor(request, { replicaId, brokerEpoch: params.follower.brokerEpoch }, heldBack(services, replicaId));
  if (session === null) return undefined;
  if (typeof session === 'string') return { errorCode: ErrorCode[session], sessionId: 0, responses: [] };
  session.update(request, { nowMs: services.clock.nowMs(), isEligible: params.follower.isEligible });
  const { follower: _told, ...again } = params;
  const respond = (look: Look): PooledResponse<FetchResponseInput> => {
    countFetched(services, params, look.result);
    return new PooledResponse(responseOf(services, session, context, look), look.result.release);
  };
  const decide = (first: Look): PooledResponse<FetchResponseInput> | Promise<PooledResponse<FetchResponseInput>> => {
    const { result } = first;
    if (result.isUrgent || request.maxWaitMs <= 0 || result.bytes >= request.minBytes || services.isStopping()) return respond(first);
    result.release();
    first.partitions.forEach((it, i) => {
      session.looked(it, result.partitions[i]!);
      if (session.isNews(it, result.partitions[i]!)) session.keep(it);
    });
    return waitFor(services, session, request).then(() => look(session, again)).then(respond);
  };
  const first = look(session, params);
  return first instanceof Promise ? first.then(decide) : decide(first);
}

function look(session: FetchSession, params: FetchParams): Look | Promise<Look> {
  const { partitions, targets } = session.take();
  const result = readPartitions(targets, params);
  return result instanceof Promise ? result.then((it) => ({ result: it, partitions })) : { result, partitions };
}

function waitFor(services: BrokerServices, session: FetchSession, request: FetchRequest): Promise<void> {
  return new Promise((resolve) => {
    const poll: LongPoll = {
      finish: () => {
        timer.cancel();
        services.longPolls.delete(poll);
        session.stopWaiting();
        resolve();
      },
    };
    const timer = services.scheduler.after(request.maxWaitMs, () => poll.finish());
    services.longPolls.add(poll);
    session.wait({ minBytes: request.minBytes, bytesBefore: request.minBytes > 1 ? session.bytesIn() : 0, finish: () => poll.finish() });
  });
}

function responseOf(services: BrokerServices, session: FetchSession, context: RequestContext, { result, partitions }: Look): FetchResponseInput {
  const leaders = hintedLeaders(services, context, result);
  const topics = new Map<string, FetchResponseInput.Partition[]>();
  partitions.forEach((it, i) => {
    const found = result.partitions[i]!;
    session.looked(it, found);
    if (!session.isNews(it, found)) return;
    session.told(it, found);
    let told = topics.get(it.topicId);
    if (told === undefined) topics.set(it.topicId, (told = []));
    const response = partitionResponse(it.partition, found);
    told.push(leaders !== undefined && isLeaderHinted(found.error) ? { ...response, ...leaders.of({ name: '', topicId: it.topicId }, it.partition) } : response);
  });
  const responses = [...topics].map(([topicId, it]) => ({ topicId, partitions: it }));
  return leaders === undefined ? { sessionId: session.sessionId, responses } : { sessionId: session.sessionId, responses, ...leaders.endpoints() };
}
