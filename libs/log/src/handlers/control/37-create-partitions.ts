/** CreatePartitions, versions 0-3. Deviations: as for CreateTopics. */
import { CreatePartitions } from '@millrace/protocol';
import { apiHandler, type ApiHandler } from '../api-handler.js';
import type { BrokerServices } from '../../broker-services.js';
import { orNotController } from './controller-answer.js';

export function createPartitionsHandler(services: BrokerServices): ApiHandler {
  return apiHandler(CreatePartitions, (request) =>
    orNotController(
      services.controller.submit((controller, moment) => controller.createPartitions(moment, request)),
      (errorCode) => ({ results: request.topics.map(({ name }) => ({ name, errorCode })) }),
    ),
  );
}
