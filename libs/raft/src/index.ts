export type { QuorumRole } from './quorum-role.js';
export type { ReplicaKey } from './replica-key.js';
