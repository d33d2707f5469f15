/** DeleteTopics, versions 1-6. The folders are renamed before the answer; their files are removed in the background. Deviations: none known. */
import { ZERO_UUID } from '@millrace/foundation';
import { DeleteTopics, ErrorCode, type DeleteTopicsRequest, type DeleteTopicsResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { orNotController } from './controller-answer.js';

export const deleteTopicsApi = brokerApi(DeleteTopics, (services) => (request) => {
  const failed = (errorCode: number): DeleteTopicsResponseInput => ({ responses: targetsOf(request).map(({ name, topicId }) => ({ name, topicId, errorCode })) });
  if (!services.config.get('delete.topic.enable')) return failed(ErrorCode.TOPIC_DELETION_DISABLED);
  return orNotController(
    services.controller.submit((controller) => controller.deleteTopics(request)),
    failed,
  );
});

function targetsOf(request: DeleteTopicsRequest): readonly { readonly name: string | null; readonly topicId: string }[] {
  return request.topics.length > 0 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
}
