/** InitProducerId, versions 0-5. Deviations: transactional ids are refused with UNSUPPORTED_VERSION (transactions come later); an empty one with INVALID_REQUEST, as in Kafka. */
import { hasCode } from '@millrace/foundation';
import { ErrorCode, InitProducerId, ProtocolError } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';

const NONE = -1;

export const initProducerIdApi = brokerApi(InitProducerId, (services) => async (request) => {
  const failed = (errorCode: number) => ({ errorCode, producerId: NONE, producerEpoch: NONE });
  if (request.transactionalId !== null) return failed(request.transactionalId === '' ? ErrorCode.INVALID_REQUEST : ErrorCode.UNSUPPORTED_VERSION);
  try {
    return { producerId: await services.producerIds.take(), producerEpoch: 0 };
  } catch (error) {
    if (!(error instanceof ProtocolError) && !hasCode(error, 'NO_CONTROLLER')) throw error;
    return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  }
});
