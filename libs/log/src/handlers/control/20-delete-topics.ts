/** DeleteTopics, versions 1-6. The folders are renamed before the answer; their files are removed in the background. Deviations: none known. */
import { DeleteTopics, ErrorCode, type DeleteTopicsRequest, type DeleteTopicsResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { deletionTargets } from '../controller/20-delete-topics.js';
import { FOLLOW_MS_MAX, forward } from './forward.js';

export const deleteTopicsApi = brokerApi(DeleteTopics, (services) => async (request, context) => {
  const failed = (errorCode: number, asked: DeleteTopicsRequest): DeleteTopicsResponseInput => ({ responses: deletionTargets(asked).map(({ name, topicId }) => ({ name, topicId, errorCode })) });
  if (!services.config.get('delete.topic.enable')) return failed(ErrorCode.TOPIC_DELETION_DISABLED, request);
  const asked = deletionTargets(request).map((it) => services.image.topic(it.name ?? '')?.topicId ?? it.topicId);
  const response = await forward(services, DeleteTopics, { request, context, timeoutMs: request.timeoutMs > 0 ? request.timeoutMs : undefined }, failed);
  if (response.responses.some((it) => it.errorCode === ErrorCode.NONE)) {
    const isGone = (topicId: string): boolean => services.image.topicById(topicId) === undefined;
    const gone = asked.filter((_, i) => response.responses[i]?.errorCode === ErrorCode.NONE);
    await services.followed(() => gone.every(isGone), FOLLOW_MS_MAX);
  }
  return response;
});
