/** AllocateProducerIds, version 0. Deviations: none known. */
import { AllocateProducerIds } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const allocateProducerIdsApi = operationApi(
  AllocateProducerIds,
  (request) => (controller) => controller.allocateProducerIds(request),
  (errorCode) => ({ errorCode, producerIdStart: -1, producerIdLen: 0 }),
);
