/** CreateTopics, versions 2-7. The answer comes when the topics can be used. Deviations: the request's own timeout is not needed, because nothing is waited for beyond the disk. */
import { CreateTopics } from '@millrace/protocol';
import { apiHandler, type ApiHandler } from '../api-handler.js';
import type { BrokerServices } from '../../broker-services.js';
import { orNotController } from './controller-answer.js';

export function createTopicsHandler(services: BrokerServices): ApiHandler {
  return apiHandler(CreateTopics, (request) =>
    orNotController(
      services.controller.submit((controller, moment) => controller.createTopics(moment, request)),
      (errorCode) => ({ topics: request.topics.map(({ name }) => ({ name, errorCode })) }),
    ),
  );
}
