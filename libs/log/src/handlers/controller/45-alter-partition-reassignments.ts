/** AlterPartitionReassignments, versions 0-1. Deviations: none known. */
import { AlterPartitionReassignments } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const alterPartitionReassignmentsApi = operationApi(
  AlterPartitionReassignments,
  (request) => (controller) => controller.alterPartitionReassignments(request),
  (errorCode) => ({ errorCode, responses: [] }),
);
