/** AlterPartition, versions 2-3. Deviations: none known. */
import { AlterPartition } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const alterPartitionApi = operationApi(
  AlterPartition,
  (request) => (controller) => controller.alterPartition(request),
  (errorCode) => ({ errorCode, topics: [] }),
);
