/** RemoveRaftVoter, version 0. Deviations: none known. */
import { RemoveRaftVoter } from '@millrace/protocol';
import { controllerApi } from './controller-api.js';
import { codeOf } from './quorum-answer.js';

export const removeRaftVoterApi = controllerApi(RemoveRaftVoter, (services) => async (request) => {
  const reply = await services.quorum.ask({ api: 'removeRaftVoter', ...request });
  return reply === undefined ? undefined : { errorCode: codeOf(reply.answer.errorCode), errorMessage: reply.answer.errorMessage };
});
