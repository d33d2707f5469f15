/** AlterConfigs, versions 0-2. Deviations: none known. */
import { AlterConfigs } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const alterConfigsApi = operationApi(
  AlterConfigs,
  (request) => (controller) => controller.alterConfigs(request),
  (errorCode, request) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }),
);
