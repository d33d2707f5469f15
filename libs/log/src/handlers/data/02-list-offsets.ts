/**
 * ListOffsets, versions 1-11. Deviations: nothing is tiered, so -5 (latest tiered) and -6 (earliest pending upload) find no offset.
 */
import { ErrorCode, ListOffsets, type ErrorName, type ListOffsetsRequest, type ListOffsetsResponseInput } from '@millrace/protocol';
import type { HostedPartition } from '../../replicas/hosted-partition.js';
import { logErrorName } from '../../storage-failure.js';
import { brokerApi } from '../broker-api.js';

type PartitionResponse = ListOffsetsResponseInput.Partition;

const READ_COMMITTED = 1;
const LEADER_EPOCH_SINCE_VERSION = 4;
const CONSUMER = -1;
/** A client that debugs may ask any replica, and sees the log end. */
const DEBUGGING_CONSUMER = -2;

export const listOffsetsApi = brokerApi(ListOffsets, (services) => async (request, context) => ({
  topics: await Promise.all(
    request.topics.map(async (topic) => ({
      name: topic.name,
      partitions: await Promise.all(
        topic.partitions.map(async (it) => {
          const found = partitionResponse(services.replicas.byName(topic.name, it.partitionIndex), request, it);
          const { leaderEpoch, ...rest } = await found.catch((error: unknown): PartitionResponse => failure(it.partitionIndex, logErrorName(error)));
          return leaderEpoch !== undefined && context.apiVersion >= LEADER_EPOCH_SINCE_VERSION ? { ...rest, leaderEpoch } : rest;
        }),
      ),
    })),
  ),
}));

async function partitionResponse(hosted: HostedPartition | ErrorName, request: ListOffsetsRequest, it: ListOffsetsRequest.Partition): Promise<PartitionResponse> {
  const { partitionIndex } = it;
  if (typeof hosted === 'string') return failure(partitionIndex, hosted);
  const isolation = request.replicaId !== CONSUMER ? 'log_end' : request.isolationLevel === READ_COMMITTED ? 'read_committed' : 'read_uncommitted';
  const decision = hosted.machine.listOffsetsDecision({ timestamp: it.timestamp, isolation, currentLeaderEpoch: it.currentLeaderEpoch, onlyFromLeader: request.replicaId !== DEBUGGING_CONSUMER });
  switch (decision.kind) {
    case 'error':
      return failure(partitionIndex, decision.error);
    case 'none':
      return { partitionIndex };
    case 'offset':
      return { partitionIndex, timestamp: -1, offset: decision.offset, leaderEpoch: decision.leaderEpoch };
    case 'search': {
      const found = decision.target === 'timestamp' ? await hosted.log.offsetForTimestamp(decision.timestamp) : await hosted.log.maxTimestampOffset();
      if (found !== undefined && found.offset < decision.below) return { partitionIndex, timestamp: found.timestampMs, offset: found.offset, leaderEpoch: found.leaderEpoch };
      return decision.errorBeyond === null ? { partitionIndex } : failure(partitionIndex, decision.errorBeyond);
    }
  }
}

function failure(partitionIndex: number, error: ErrorName): PartitionResponse {
  return { partitionIndex, errorCode: ErrorCode[error] };
}
