import type { RequestContext } from '@millrace/network';
import { ErrorCode, type FetchResponseInput } from '@millrace/protocol';
import type { BrokerServices } from '../../broker/broker-services.js';
import type { FetchedPartition, FetchParams, FetchResult } from '../../replicas/fetch-read.js';
import { isThrottledReplica } from '../../replicas/replication-throttle.js';
import { CurrentLeaders } from './current-leader.js';

const LEADER_HINT_SINCE_VERSION = 16;

export function partitionResponse(partitionIndex: number, it: FetchedPartition): FetchResponseInput.Partition {
  return {
    partitionIndex,
    errorCode: it.error === null ? 0 : ErrorCode[it.error],
    highWatermark: it.highWatermark,
    lastStableOffset: it.lastStableOffset,
    logStartOffset: it.logStartOffset,
    abortedTransactions: it.abortedTransactions,
    ...(it.diverging === null ? {} : { divergingEpoch: { epoch: it.diverging.leaderEpoch, endOffset: it.diverging.endOffset } }),
    ...(it.preferredReadReplica < 0 ? {} : { preferredReadReplica: it.preferredReadReplica }),
    records: it.records,
  };
}

/** Undefined: nothing went wrong that a leader's name would help with, or the client is too old to be told. */
export function hintedLeaders(services: BrokerServices, context: RequestContext, result: FetchResult): CurrentLeaders | undefined {
  return result.isUrgent && context.apiVersion >= LEADER_HINT_SINCE_VERSION ? new CurrentLeaders(services, context.connection.listenerName) : undefined;
}

/** What is answered counts as read, and as replicated under the leader's throttle. */
export function countFetched(services: BrokerServices, params: FetchParams, { targets, partitions }: FetchResult): void {
  const isReplica = params.replicaId >= 0;
  const { leaderThrottle } = services.replicas.replication;
  for (let i = 0; i < targets.length; i++) {
    const { hosted } = targets[i]!;
    const bytes = partitions[i]!.records.length;
    if (typeof hosted === 'string' || bytes === 0) continue;
    if (!isReplica) hosted.fetchedBytes += bytes;
    else {
      hosted.fetchedByReplicasBytes += bytes;
      if (leaderThrottle.isOn && isThrottledReplica(hosted.settings.throttledOnLeader, hosted.partition, services.brokerId)) leaderThrottle.record(bytes);
    }
  }
}
