/** AlterConfigs, versions 0-2: the older form, where what is not named goes back to its default. Deviations: as for IncrementalAlterConfigs. */
import { AlterConfigs } from '@millrace/protocol';
import { apiHandler, type ApiHandler } from '../api-handler.js';
import type { BrokerServices } from '../../broker-services.js';
import { orNotController } from './controller-answer.js';

export function alterConfigsHandler(services: BrokerServices): ApiHandler {
  return apiHandler(AlterConfigs, (request) =>
    orNotController(
      services.controller.submit((controller) => controller.alterConfigs(request)),
      (errorCode) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }),
    ),
  );
}
