/** The feature that says whether the voters stand in the log (KIP-853), and what a node of ours knows of it. It is the quorum's own: no record of the controller has it. */
export const KRAFT_VERSIONS = { name: 'kraft.version', minSupportedVersion: 0, maxSupportedVersion: 1 } as const;
