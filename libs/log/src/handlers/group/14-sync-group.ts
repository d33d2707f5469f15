/** SyncGroup, versions 0-5. Deviations: none known. */
import { NO_BYTES, SyncGroup } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { askGroup } from './group-request.js';

export const syncGroupApi = brokerApi(SyncGroup, (services) => (request, context) => {
  // The request's bytes are only lent.
  const detached = { ...request, assignments: request.assignments.map((it) => ({ memberId: it.memberId, assignment: new Uint8Array(it.assignment) })) };
  return askGroup(services, context, {
    api: 'SyncGroup',
    groupId: request.groupId,
    input: (coordinator, caller) => coordinator.syncGroup(caller, detached),
    failed: (errorCode) => ({ errorCode, assignment: NO_BYTES }),
  });
});
