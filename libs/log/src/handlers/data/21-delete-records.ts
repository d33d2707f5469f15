/** DeleteRecords, versions 0-2. Offset -1 is the high watermark. Deviations: none. */
import { DeleteRecords, ErrorCode, type DeleteRecordsResponseInput } from '@millrace/protocol';
import { isInternalTopic } from '../../internal-topics.js';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

const NO_WATERMARK = -1;

export const deleteRecordsApi = brokerApi(DeleteRecords, (services) => async (request): Promise<DeleteRecordsResponseInput> => {
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map((it) => deleteUpTo(services, topic.name, it.partitionIndex, it.offset)),
  }));
  // What was deleted stays deleted, whatever happens next.
  await services.replicas.checkpointLogStartOffsets();
  return { topics };
});

function deleteUpTo(services: BrokerServices, topic: string, partitionIndex: number, offset: number): DeleteRecordsResponseInput.Partition {
  const fail = (errorCode: number): DeleteRecordsResponseInput.Partition => ({ partitionIndex, lowWatermark: NO_WATERMARK, errorCode });
  const hosted = services.replicas.byName(topic, partitionIndex);
  if (typeof hosted === 'string') return fail(ErrorCode[hosted]);
  if (isInternalTopic(topic)) return fail(ErrorCode.INVALID_TOPIC_EXCEPTION);
  if (hosted.settings.isCompacted && !hosted.settings.log.cleanupPolicies.includes('delete')) return fail(ErrorCode.POLICY_VIOLATION);
  const decision = hosted.machine.deleteRecordsDecision(offset);
  if (decision.error !== null) return fail(ErrorCode[decision.error]);
  hosted.advanceLogStartOffset(decision.logStartOffset);
  return { partitionIndex, lowWatermark: hosted.machine.lowWatermark() };
}
