/** ListPartitionReassignments, version 0; answered by the active controller. Deviations: none known. */
import { ListPartitionReassignments } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const listPartitionReassignmentsApi = forwardedApi(ListPartitionReassignments, (errorCode) => ({ errorCode, topics: [] }));
