/** LeaveGroup, versions 0-5. Deviations: none known. */
import { LeaveGroup } from '@millrace/protocol';
import { apiHandler, type ApiHandler } from '../api-handler.js';
import type { BrokerServices } from '../../broker-services.js';
import { askGroup } from './group-request.js';

export function leaveGroupHandler(services: BrokerServices): ApiHandler {
  return apiHandler(LeaveGroup, (request, context) =>
    askGroup(services, context, {
      api: 'LeaveGroup',
      groupId: request.groupId,
      input: (coordinator, caller) => coordinator.leaveGroup(caller, request),
      failed: (errorCode) => ({ errorCode, members: [] }),
    }),
  );
}
