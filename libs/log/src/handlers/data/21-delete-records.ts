/** DeleteRecords, versions 0-2. Offset -1 is the high watermark. Answered when every replica on an active broker has followed. Deviations: none. */
import type { Offset } from '@millrace/foundation';
import { DeleteRecords, ErrorCode, type DeleteRecordsRequest, type DeleteRecordsResponseInput, type ErrorName } from '@millrace/protocol';
import { isInternalTopic } from '../../internal-topics.js';
import { awaitDeletion } from '../../replicas/await-deletion.js';
import type { HostedPartition } from '../../replicas/hosted-partition.js';
import { logErrorName } from '../../storage-failure.js';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

type PartitionResponse = DeleteRecordsResponseInput.Partition;
type PartitionRequest = DeleteRecordsRequest.Topic['partitions'][number];

const NO_WATERMARK = -1;

/** A log that begins anew, and where. */
interface Advanced {
  readonly hosted: HostedPartition;
  readonly logStartOffset: Offset;
}

export const deleteRecordsApi = brokerApi(DeleteRecords, (services) => async (request): Promise<DeleteRecordsResponseInput> => {
  const advanced = request.topics.map(({ name, partitions }) => ({ name, partitions: partitions.map((it) => ({ ...it, outcome: advance(services, name, it) })) }));
  // What was deleted stays deleted, whatever happens next; where a disk refuses to keep that, nothing was.
  const refusal = await services.replicas.checkpointLogStartOffsets().then(() => null, logErrorName);
  const answer = async ({ partitionIndex, outcome }: { partitionIndex: number; outcome: Advanced | ErrorName }): Promise<PartitionResponse> => {
    const result = typeof outcome === 'string' ? outcome : (refusal ?? (await awaitDeletion(outcome.hosted, outcome.logStartOffset, { timeoutMs: request.timeoutMs, scheduler: services.scheduler })));
    return typeof result === 'string' ? { partitionIndex, lowWatermark: NO_WATERMARK, errorCode: ErrorCode[result] } : { partitionIndex, lowWatermark: result.lowWatermark };
  };
  return { topics: await Promise.all(advanced.map(async ({ name, partitions }) => ({ name, partitions: await Promise.all(partitions.map(answer)) }))) };
});

function advance(services: BrokerServices, topic: string, { partitionIndex, offset }: PartitionRequest): Advanced | ErrorName {
  const hosted = services.replicas.byName(topic, partitionIndex);
  if (typeof hosted === 'string') return hosted;
  if (isInternalTopic(topic)) return 'INVALID_TOPIC_EXCEPTION';
  if (hosted.settings.isCompacted && !hosted.settings.log.cleanupPolicies.includes('delete')) return 'POLICY_VIOLATION';
  const decision = hosted.machine.deleteRecordsDecision(offset);
  if (decision.error !== null) return decision.error;
  try {
    hosted.advanceLogStartOffset(decision.logStartOffset);
  } catch (failure) {
    return logErrorName(failure);
  }
  return { hosted, logStartOffset: decision.logStartOffset };
}
