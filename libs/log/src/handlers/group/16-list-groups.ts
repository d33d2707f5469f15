/** ListGroups, versions 0-5. Deviations: none known. */
import { ErrorCode, ListGroups } from '@millrace/protocol';
import { apiHandler, type ApiHandler } from '../api-handler.js';
import type { BrokerServices } from '../../broker-services.js';

export function listGroupsHandler(services: BrokerServices): ApiHandler {
  return apiHandler(ListGroups, (request) => {
    const filters = { states: request.statesFilter, types: request.typesFilter };
    return {
      errorCode: services.groups.isLoading ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : ErrorCode.NONE,
      groups: [...services.groups.active()].flatMap((driver) => driver.query((coordinator) => coordinator.listGroups(filters))),
    };
  });
}
