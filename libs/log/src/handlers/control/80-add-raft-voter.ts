/** AddRaftVoter, versions 0-1; decided by the leader of the quorum. Deviations: none known. */
import { AddRaftVoter } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const addRaftVoterApi = forwardedApi(AddRaftVoter, (errorCode) => ({ errorCode }));
