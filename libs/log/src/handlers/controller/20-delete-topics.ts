/** DeleteTopics, versions 1-6. Deviations: none known. */
import { ZERO_UUID } from '@millrace/foundation';
import { DeleteTopics, type DeleteTopicsRequest } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const deleteTopicsApi = operationApi(
  DeleteTopics,
  (request) => (controller) => controller.deleteTopics(request),
  (errorCode, request) => ({ responses: deletionTargets(request).map(({ name, topicId }) => ({ name, topicId, errorCode })) }),
);

/** What is to go: by name or by id since version 6, by name before. */
export function deletionTargets(request: DeleteTopicsRequest): readonly { readonly name: string | null; readonly topicId: string }[] {
  return request.topics.length > 0 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
}
