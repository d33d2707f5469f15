import type { FeatureRange } from './image/broker-registration.js';

export const METADATA_VERSION_FEATURE = 'metadata.version';
/** Kafka 4.0-IV3, of new clusters: what our records need, and what every broker and tool of Kafka 4 reads. */
export const METADATA_VERSION = 25;
/** Kafka 4.2-IV1. Up to here records are the same; 4.3-IV0 has cordoned log directories (KIP-1066). */
const METADATA_VERSION_MAX = 29;

export const ELIGIBLE_LEADER_REPLICAS_FEATURE = 'eligible.leader.replicas.version';
/** New clusters have eligible leader replicas (KIP-966), as those of Kafka since 4.1. */
const ELIGIBLE_LEADER_REPLICAS_VERSION = 1;

/** The levels that a broker of this version can run at. A feature that is not listed is at level 0: clients then use what there was before it. */
export const SUPPORTED_FEATURES: readonly FeatureRange[] = [
  { name: METADATA_VERSION_FEATURE, minSupportedVersion: METADATA_VERSION, maxSupportedVersion: METADATA_VERSION_MAX },
  { name: ELIGIBLE_LEADER_REPLICAS_FEATURE, minSupportedVersion: 0, maxSupportedVersion: ELIGIBLE_LEADER_REPLICAS_VERSION },
];

/** What a new cluster begins with when nobody says otherwise. */
export const NEW_CLUSTER_LEVELS: ReadonlyMap<string, number> = new Map([
  [METADATA_VERSION_FEATURE, METADATA_VERSION],
  [ELIGIBLE_LEADER_REPLICAS_FEATURE, ELIGIBLE_LEADER_REPLICAS_VERSION],
]);

/** Of a release of Kafka, as `4.2` or `4.1-IV0`; undefined for one that has a metadata.version that is not supported. */
export function metadataVersionOf(release: string): number | undefined {
  return METADATA_VERSIONS[release];
}

const METADATA_VERSIONS: Readonly<Record<string, number | undefined>> = { '4.0': 25, '4.0-IV3': 25, '4.1-IV0': 26, '4.1': 27, '4.1-IV1': 27, '4.2-IV0': 28, '4.2': 29, '4.2-IV1': 29 };
