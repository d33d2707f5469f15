/** IncrementalAlterConfigs, versions 0-1, of topics and brokers. Deviations: of a broker's settings only the defaults of topics can be changed while it runs. */
import { IncrementalAlterConfigs } from '@millrace/protocol';
import { apiHandler, type ApiHandler } from '../api-handler.js';
import type { BrokerServices } from '../../broker-services.js';
import { orNotController } from './controller-answer.js';

export function incrementalAlterConfigsHandler(services: BrokerServices): ApiHandler {
  return apiHandler(IncrementalAlterConfigs, (request) =>
    orNotController(
      services.controller.submit((controller) => controller.incrementalAlterConfigs(request)),
      (errorCode) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }),
    ),
  );
}
