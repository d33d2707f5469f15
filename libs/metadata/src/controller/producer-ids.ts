import { ErrorCode, type AllocateProducerIdsRequest, type AllocateProducerIdsResponseInput } from '@millrace/protocol';
import { brokerEpochError } from './register-broker.js';
import { PRODUCER_ID_BLOCK } from './controller-config.js';
import type { ControllerResult, ControllerView } from './controller-result.js';

/** Invariant 6: no producer id is given out twice; what is left of a block when its broker dies is never used. */
export function allocateProducerIds(view: ControllerView, request: AllocateProducerIdsRequest): ControllerResult<AllocateProducerIdsResponseInput> {
  const { brokerId, brokerEpoch } = request;
  const errorCode = brokerEpochError(view, brokerId, brokerEpoch);
  if (errorCode !== ErrorCode.NONE) return { records: [], response: { errorCode, producerIdStart: -1, producerIdLen: 0 } };
  const producerIdStart = view.image.nextProducerId;
  return {
    records: [{ type: 'ProducerIdsRecord', version: 0, record: { brokerId, brokerEpoch, nextProducerId: producerIdStart + PRODUCER_ID_BLOCK } }],
    response: { errorCode, producerIdStart, producerIdLen: PRODUCER_ID_BLOCK },
  };
}
