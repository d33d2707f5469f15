/** BrokerHeartbeat, versions 0-2. Deviations: none known. */
import { BrokerHeartbeat } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const brokerHeartbeatApi = operationApi(
  BrokerHeartbeat,
  (request) => (controller, moment, nextOffset) => controller.brokerHeartbeat(moment, request, nextOffset),
  (errorCode) => ({ errorCode, shouldShutDown: false }),
);
