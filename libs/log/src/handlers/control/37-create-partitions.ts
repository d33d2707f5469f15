/** CreatePartitions, versions 0-3. Deviations: as for CreateTopics. */
import { CreatePartitions } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const createPartitionsApi = forwardedApi(CreatePartitions, (errorCode, request) => ({ results: request.topics.map(({ name }) => ({ name, errorCode })) }));
