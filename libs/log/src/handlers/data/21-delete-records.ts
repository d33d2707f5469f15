/** DeleteRecords, versions 0-2. Offset -1 is the high watermark. Answered when every replica on an active broker has followed. Deviations: none. */
import { DeleteRecords, ErrorCode, type DeleteRecordsRequest, type DeleteRecordsResponseInput, type ErrorName } from '@millrace/protocol';
import { isInternalTopic } from '../../internal-topics.js';
import { awaitDeletion } from '../../replicas/await-deletion.js';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

type PartitionResponse = DeleteRecordsResponseInput.Partition;
type PartitionRequest = DeleteRecordsRequest.Topic['partitions'][number];

const NO_WATERMARK = -1;

export const deleteRecordsApi = brokerApi(DeleteRecords, (services) => async (request): Promise<DeleteRecordsResponseInput> => {
  const underWay = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map((it) => deleteUpTo(services, topic.name, it, request.timeoutMs)),
  }));
  // What was deleted stays deleted, whatever happens next.
  await services.replicas.checkpointLogStartOffsets();
  return { topics: await Promise.all(underWay.map(async ({ name, partitions }) => ({ name, partitions: await Promise.all(partitions) }))) };
});

async function deleteUpTo(services: BrokerServices, topic: string, { partitionIndex, offset }: PartitionRequest, timeoutMs: number): Promise<PartitionResponse> {
  const fail = (error: ErrorName): PartitionResponse => ({ partitionIndex, lowWatermark: NO_WATERMARK, errorCode: ErrorCode[error] });
  const hosted = services.replicas.byName(topic, partitionIndex);
  if (typeof hosted === 'string') return fail(hosted);
  if (isInternalTopic(topic)) return fail('INVALID_TOPIC_EXCEPTION');
  if (hosted.settings.isCompacted && !hosted.settings.log.cleanupPolicies.includes('delete')) return fail('POLICY_VIOLATION');
  const decision = hosted.machine.deleteRecordsDecision(offset);
  if (decision.error !== null) return fail(decision.error);
  hosted.advanceLogStartOffset(decision.logStartOffset);
  const outcome = await awaitDeletion(hosted, decision.logStartOffset, { timeoutMs, scheduler: services.scheduler });
  return typeof outcome === 'string' ? fail(outcome) : { partitionIndex, lowWatermark: outcome.lowWatermark };
}
