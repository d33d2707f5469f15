import type { FeatureRange } from './image/broker-registration.js';

export const METADATA_VERSION_FEATURE = 'metadata.version';
/** Kafka 4.0-IV3, of new clusters: what our records need, and what every broker and tool of Kafka 4 reads. */
export const METADATA_VERSION = 25;
/** Kafka 4.3-IV0: registrations tell cordoned log directories (KIP-1066). Up to 4.2-IV1, the level before, records are the same. */
const CORDONED_DIRECTORIES_VERSION = 30;
const METADATA_VERSION_MAX = 30;

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

/** Whether brokers say which of their log directories are cordoned, and the log keeps it. */
export function hasCordonedDirectories(featureLevels: ReadonlyMap<string, number>): boolean {
  return (featureLevels.get(METADATA_VERSION_FEATURE) ?? 0) >= CORDONED_DIRECTORIES_VERSION;
}

/** As Kafka writes registrations at these levels. */
export function registerBrokerVersion(featureLevels: ReadonlyMap<string, number>): number {
  return hasCordonedDirectories(featureLevels) ? 4 : 3;
}

/** Whether the lower level has no place for what records of the higher one say: then there is no way back. */
export function isRecordLoss(fromLevel: number, toLevel: number): boolean {
  return fromLevel >= CORDONED_DIRECTORIES_VERSION && toLevel < CORDONED_DIRECTORIES_VERSION;
}

/** Of a release of Kafka, as `4.2` or `4.1-IV0`; undefined for one that has a metadata.version that is not supported. */
export function metadataVersionOf(release: string): number | undefined {
  return METADATA_VERSIONS[release];
}

const METADATA_VERSIONS: Readonly<Record<string, number | undefined>> = { '4.0': 25, '4.0-IV3': 25, '4.1-IV0': 26, '4.1': 27, '4.1-IV1': 27, '4.2-IV0': 28, '4.2': 29, '4.2-IV1': 29, '4.3': 30, '4.3-IV0': 30 };
