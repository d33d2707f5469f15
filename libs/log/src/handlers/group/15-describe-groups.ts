/** DescribeGroups, versions 0-6. Deviations: authorized operations are not computed before there is authorization. */
import { DescribeGroups, ErrorCode, type DescribeGroupsResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';
import { authorizedOperations } from '../authorized-operations.js';

export const describeGroupsApi = brokerApi(DescribeGroups, (services) => (request, context) => ({
  groups: request.groups.flatMap((groupId) => {
    const groups = describe(services, groupId, context.apiVersion);
    return request.includeAuthorizedOperations ? groups.map((it) => (it.errorCode === 0 ? { ...it, authorizedOperations: authorizedOperations('group') } : it)) : groups;
  }),
}));

function describe(services: BrokerServices, groupId: string, apiVersion: number): DescribeGroupsResponseInput.Group[] {
  const failed = (errorCode: number): DescribeGroupsResponseInput.Group => ({ errorCode, groupId, groupState: '', protocolType: '', protocolData: '', members: [] });
  if (groupId === '') return [failed(ErrorCode.INVALID_GROUP_ID)];
  const driver = services.groups.driverFor(groupId);
  return typeof driver === 'string' ? [failed(ErrorCode[driver])] : driver.query((coordinator) => coordinator.describeGroups([groupId], apiVersion));
}
