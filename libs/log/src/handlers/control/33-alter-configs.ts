/** AlterConfigs, versions 0-2: the older form, where what is not named goes back to its default. Deviations: as for IncrementalAlterConfigs. */
import { AlterConfigs } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { orNotController } from './controller-answer.js';

export const alterConfigsApi = brokerApi(AlterConfigs, (services) => (request) =>
  orNotController(
    services.controller.submit((controller) => controller.alterConfigs(request)),
    (errorCode) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }),
  ),
);
