/** RemoveRaftVoter, version 0; decided by the leader of the quorum. Deviations: none known. */
import { RemoveRaftVoter } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const removeRaftVoterApi = forwardedApi(RemoveRaftVoter, (errorCode) => ({ errorCode }));
