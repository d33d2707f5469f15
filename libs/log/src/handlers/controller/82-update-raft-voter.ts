/** UpdateRaftVoter, version 0. Deviations: none known. */
import { UpdateRaftVoter } from '@millrace/protocol';
import { controllerApi } from './controller-api.js';
import { codeOf, nodeEndpoints } from './quorum-answer.js';

export const updateRaftVoterApi = controllerApi(UpdateRaftVoter, (services) => async (request, context) => {
  const reply = await services.quorum.ask({ api: 'updateRaftVoter', ...request });
  if (reply === undefined) return undefined;
  const { answer } = reply;
  const errorCode = codeOf(answer.topLevelError === 'NONE' ? answer.errorCode : answer.topLevelError);
  const [endpoint] = nodeEndpoints(answer, context.connection.listenerName);
  return { errorCode, currentLeader: { leaderId: answer.leaderId, leaderEpoch: answer.leaderEpoch, host: endpoint?.host ?? '', port: endpoint?.port ?? 0 } };
});
