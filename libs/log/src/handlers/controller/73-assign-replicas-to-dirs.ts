/** AssignReplicasToDirs, version 0. Deviations: none known. */
import { AssignReplicasToDirs } from '@millrace/protocol';
import { operationApi } from './controller-api.js';

export const assignReplicasToDirsApi = operationApi(
  AssignReplicasToDirs,
  (request) => (controller) => controller.assignReplicasToDirectories(request),
  (errorCode) => ({ errorCode, directories: [] }),
);
