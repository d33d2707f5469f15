/** CreateTopics, versions 2-7. Deviations: the request's own timeout is not needed, because nothing is waited for beyond the commit. */
import { CreateTopics } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const createTopicsApi = operationApi(
  CreateTopics,
  (request) => (controller, moment) => controller.createTopics(moment, request),
  (errorCode, request) => ({ topics: request.topics.map(({ name }) => ({ name, errorCode })) }),
);
