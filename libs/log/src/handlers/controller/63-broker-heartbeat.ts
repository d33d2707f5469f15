/** BrokerHeartbeat, versions 0-2. Deviations: none known. */
import { BrokerHeartbeat } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const brokerHeartbeatApi = operationApi(
  BrokerHeartbeat,
  (request) => (controller, moment) => controller.brokerHeartbeat(moment, request),
  (errorCode) => ({ errorCode, shouldShutDown: false }),
);
