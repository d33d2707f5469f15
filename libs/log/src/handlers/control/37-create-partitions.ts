/** CreatePartitions, versions 0-3. Deviations: as for CreateTopics. */
import { CreatePartitions, ErrorCode } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { FOLLOW_MS_MAX, forward } from './forward.js';

export const createPartitionsApi = brokerApi(CreatePartitions, (services) => async (request, context) => {
  const timeoutMs = request.timeoutMs > 0 ? request.timeoutMs : undefined;
  const response = await forward(services, CreatePartitions, { request, context, timeoutMs }, (errorCode) => ({ results: request.topics.map(({ name }) => ({ name, errorCode })) }));
  if (!request.validateOnly) {
    const grown = new Set(response.results.flatMap((it) => (it.errorCode === ErrorCode.NONE ? [it.name] : [])));
    // A topic that was deleted meanwhile grows no more.
    await services.followed((image) => request.topics.every((it) => !grown.has(it.name) || (image.topic(it.name)?.partitions.length ?? it.count) >= it.count), FOLLOW_MS_MAX);
  }
  return response;
});
