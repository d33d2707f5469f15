/** AlterConfigs, versions 0-2. Deviations: none known. */
import { AlterConfigs } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const alterConfigsApi = operationApi(
  AlterConfigs,
  (request, { isForwarded = false }) => (controller) => controller.alterConfigs(request, { isForwarded }),
  (errorCode, request) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }),
);
