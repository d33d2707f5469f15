/** ListGroups, versions 0-5. Deviations: none known. */
import { ErrorCode, ListGroups } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';

export const listGroupsApi = brokerApi(ListGroups, (services) => (request) => {
  const filters = { states: request.statesFilter, types: request.typesFilter };
  return {
    errorCode: services.groups.isLoading ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : ErrorCode.NONE,
    groups: [...services.groups.active()].flatMap((driver) => driver.query((coordinator) => coordinator.listGroups(filters))),
  };
});
