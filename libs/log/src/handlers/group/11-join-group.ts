/** JoinGroup, versions 0-9. Deviations: none known. */
import { JoinGroup } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { askGroup } from './group-request.js';

export const joinGroupApi = brokerApi(JoinGroup, (services) => (request, context) => {
  // The request's bytes are only lent.
  const detached = { ...request, protocols: request.protocols.map((it) => ({ name: it.name, metadata: new Uint8Array(it.metadata) })) };
  return askGroup(services, context, {
    api: 'JoinGroup',
    groupId: request.groupId,
    input: (coordinator, caller) => coordinator.joinGroup(caller, detached),
    failed: (errorCode) => ({ errorCode, protocolName: '', leader: '', memberId: request.memberId, members: [] }),
  });
});
