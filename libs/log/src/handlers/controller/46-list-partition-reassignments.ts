/** ListPartitionReassignments, version 0. Deviations: none known. */
import { ListPartitionReassignments } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const listPartitionReassignmentsApi = operationApi(
  ListPartitionReassignments,
  (request) => (controller) => ({ records: [], response: controller.listPartitionReassignments(request) }),
  (errorCode) => ({ errorCode, topics: [] }),
);
