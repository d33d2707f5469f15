/** BrokerRegistration, versions 0-4. Deviations: none known. */
import { BrokerRegistration } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const brokerRegistrationApi = operationApi(
  BrokerRegistration,
  (request) => (controller, moment, nextOffset) => controller.registerBroker(moment, request, nextOffset),
  (errorCode) => ({ errorCode, brokerEpoch: -1 }),
);
