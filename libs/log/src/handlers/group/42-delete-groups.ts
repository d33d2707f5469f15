/** DeleteGroups, versions 0-2. Deviations: none known. */
import { DeleteGroups } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { askGroup } from './group-request.js';

export const deleteGroupsApi = brokerApi(DeleteGroups, (services) => async (request, context) => {
  const answers = await Promise.all(
    [...new Set(request.groupsNames)].map((groupId) =>
      askGroup(services, context, {
        api: 'DeleteGroups',
        groupId,
        input: (coordinator, caller) => coordinator.deleteGroups(caller, { groupsNames: [groupId] }),
        failed: (errorCode) => ({ results: [{ groupId, errorCode }] }),
      }),
    ),
  );
  return { results: answers.flatMap((it) => it.results) };
});
