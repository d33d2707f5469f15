/** Heartbeat, versions 0-4. Deviations: none known. */
import { ErrorCode, Heartbeat } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';

export const heartbeatApi = brokerApi(Heartbeat, (services) => (request) => {
  const driver = services.groups.driverFor(request.groupId);
  // Members of a group that is still being loaded are kept: their sessions begin when it is.
  if (driver === 'COORDINATOR_LOAD_IN_PROGRESS') return { errorCode: ErrorCode.NONE };
  if (typeof driver === 'string') return { errorCode: ErrorCode[driver] };
  return { errorCode: driver.query((coordinator, nowMs) => coordinator.heartbeat(request, nowMs)) };
});
