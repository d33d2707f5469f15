/** CreateTopics, versions 2-7. The answer comes when the topics can be used. Deviations: the request's own timeout is not needed, because nothing is waited for beyond the disk. */
import { CreateTopics } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { orNotController } from './controller-answer.js';

export const createTopicsApi = brokerApi(CreateTopics, (services) => (request) =>
  orNotController(
    services.controller.submit((controller, moment) => controller.createTopics(moment, request)),
    (errorCode) => ({ topics: request.topics.map(({ name }) => ({ name, errorCode })) }),
  ),
);
