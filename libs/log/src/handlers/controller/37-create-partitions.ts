/** CreatePartitions, versions 0-3. Deviations: as for CreateTopics. */
import { CreatePartitions } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const createPartitionsApi = operationApi(
  CreatePartitions,
  (request) => (controller, moment) => controller.createPartitions(moment, request),
  (errorCode, request) => ({ results: request.topics.map(({ name }) => ({ name, errorCode })) }),
);
