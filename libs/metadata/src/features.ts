import type { FeatureRange } from './image/broker-registration.js';

export const METADATA_VERSION_FEATURE = 'metadata.version';
/** Kafka 4.0-IV3, of new clusters: what our records need, and what every broker and tool of Kafka 4 reads. */
export const METADATA_VERSION = 25;
/** Kafka 4.2-IV1. Up to here records are the same; 4.3-IV0 has cordoned log directories (KIP-1066). */
const METADATA_VERSION_MAX = 29;

export const ELIGIBLE_LEADER_REPLICAS_FEATURE = 'eligible.leader.replicas.version';
/** New clusters have eligible leader replicas (KIP-966), as those of Kafka since 4.1. */
export const ELIGIBLE_LEADER_REPLICAS_VERSION = 1;

/** The levels that a broker of this version can run at. A feature that is not listed is at level 0: clients then use what there was before it. */
export const SUPPORTED_FEATURES: readonly FeatureRange[] = [
  { name: METADATA_VERSION_FEATURE, minSupportedVersion: METADATA_VERSION, maxSupportedVersion: METADATA_VERSION_MAX },
  { name: ELIGIBLE_LEADER_REPLICAS_FEATURE, minSupportedVersion: 0, maxSupportedVersion: ELIGIBLE_LEADER_REPLICAS_VERSION },
];
