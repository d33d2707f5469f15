/** CreateTopics, versions 2-7; decided by the active controller, answered when this broker knows the topics. Deviations: see controller/19. */
import { CreateTopics, ErrorCode } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { FOLLOW_MS_MAX, forward } from './forward.js';

export const createTopicsApi = brokerApi(CreateTopics, (services) => async (request, context) => {
  const timeoutMs = request.timeoutMs > 0 ? request.timeoutMs : undefined;
  const response = await forward(services, CreateTopics, { request, context, timeoutMs }, (errorCode) => ({ topics: request.topics.map(({ name }) => ({ name, errorCode })) }));
  if (!request.validateOnly) {
    const made = response.topics.filter((it) => it.errorCode === ErrorCode.NONE);
    await services.followed((image) => made.every((it) => image.topic(it.name) !== undefined), FOLLOW_MS_MAX);
  }
  return response;
});
