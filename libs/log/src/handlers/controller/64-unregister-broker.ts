/** UnregisterBroker, version 0. Deviations: none known. */
import { UnregisterBroker } from '@millrace/protocol';
import { operationApi, atTop } from './controller-api.js';

export const unregisterBrokerApi = operationApi(
  UnregisterBroker,
  (request) => (controller) => controller.unregisterBroker(request.brokerId),
  atTop,
);
