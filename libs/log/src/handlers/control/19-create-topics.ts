/** CreateTopics, versions 2-7; decided by the active controller. Deviations: see controller/19. */
import { CreateTopics } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const createTopicsApi = forwardedApi(CreateTopics, (errorCode, request) => ({ topics: request.topics.map(({ name }) => ({ name, errorCode })) }));
