/** CreatePartitions, versions 0-3. Deviations: as for CreateTopics. */
import { CreatePartitions } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { orNotController } from './controller-answer.js';

export const createPartitionsApi = brokerApi(CreatePartitions, (services) => (request) =>
  orNotController(
    services.controller.submit((controller, moment) => controller.createPartitions(moment, request)),
    (errorCode) => ({ results: request.topics.map(({ name }) => ({ name, errorCode })) }),
  ),
);
