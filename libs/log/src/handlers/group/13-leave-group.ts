/** LeaveGroup, versions 0-5. Deviations: none known. */
import { LeaveGroup } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { askGroup } from './group-request.js';

export const leaveGroupApi = brokerApi(LeaveGroup, (services) => (request, context) =>
  askGroup(services, context, {
    api: 'LeaveGroup',
    groupId: request.groupId,
    input: (coordinator, caller) => coordinator.leaveGroup(caller, request),
    failed: (errorCode) => ({ errorCode, members: [] }),
  }),
);
