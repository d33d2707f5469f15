/** What a node is to the metadata quorum at the moment (KIP-595, KIP-996). Observers are `unattached` or `follower` only. */
export type QuorumRole = 'unattached' | 'prospective' | 'candidate' | 'leader' | 'resigned' | 'follower';
