/** IncrementalAlterConfigs, versions 0-1. Deviations: none known. */
import { IncrementalAlterConfigs } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const incrementalAlterConfigsApi = operationApi(
  IncrementalAlterConfigs,
  (request, { isForwarded = false }) => (controller) => controller.incrementalAlterConfigs(request, { isForwarded }),
  (errorCode, request) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }),
);
