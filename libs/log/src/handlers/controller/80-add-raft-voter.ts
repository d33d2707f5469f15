/** AddRaftVoter, versions 0-1. Deviations: none known. */
import { AddRaftVoter } from '@millrace/protocol';
import { controllerApi } from './controller-api.js';
import { codeOf } from './quorum-answer.js';

export const addRaftVoterApi = controllerApi(AddRaftVoter, (services) => async (request) => {
  const reply = await services.quorum.ask({ api: 'addRaftVoter', ...request });
  return reply === undefined ? undefined : { errorCode: codeOf(reply.answer.errorCode), errorMessage: reply.answer.errorMessage };
});
