/** AlterPartitionReassignments, versions 0-1; decided by the active controller. Deviations: none known. */
import { AlterPartitionReassignments } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const alterPartitionReassignmentsApi = forwardedApi(AlterPartitionReassignments, (errorCode) => ({ errorCode, responses: [] }));
