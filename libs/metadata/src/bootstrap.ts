import type { BrokerId, Uuid } from '@millrace/foundation';
import { ZERO_UUID } from '@millrace/foundation';
import type { LeaderChangeMessageInput, MetadataRecord } from '@millrace/protocol';
import { CONFIG_RESOURCE_TYPES } from './config/config-resource.js';
import { ELIGIBLE_LEADER_REPLICAS_FEATURE, METADATA_VERSION, METADATA_VERSION_FEATURE, NEW_CLUSTER_LEVELS } from './features.js';

/**
 * The first records of a new cluster, one batch: which features it begins with. Kafka's tools and nodes expect the metadata version first. Eligible leader
 * replicas need one min.insync.replicas that every controller knows, so the one of this node's properties is written down for all.
 */
export function bootstrapRecords(minInSyncReplicas: string, levels: ReadonlyMap<string, number> = NEW_CLUSTER_LEVELS): readonly MetadataRecord[] {
  const hasEligibleReplicas = (levels.get(ELIGIBLE_LEADER_REPLICAS_FEATURE) ?? 0) > 0;
  const resource = { resourceType: CONFIG_RESOURCE_TYPES.BROKER, resourceName: '', name: 'min.insync.replicas' };
  return [...featureRecords(levels), ...(hasEligibleReplicas ? [{ type: 'ConfigRecord', version: 0, record: { ...resource, value: minInSyncReplicas } } as const] : [])];
}

/** The levels as records, the metadata version first; those at 0 need none. */
export function featureRecords(levels: ReadonlyMap<string, number>): MetadataRecord[] {
  const others = [...levels].filter(([name, level]) => name !== METADATA_VERSION_FEATURE && level > 0);
  const ordered: (readonly [string, number])[] = [[METADATA_VERSION_FEATURE, levels.get(METADATA_VERSION_FEATURE) ?? METADATA_VERSION], ...others];
  return ordered.map(([name, featureLevel]) => ({ type: 'FeatureLevelRecord', version: 0, record: { name, featureLevel } }));
}

/** What a leader of the metadata quorum writes first in each of its epochs, as a control record of type leaderChange. Its version field and encoding version are both 0. */
export function leaderChangeMessage(leaderId: BrokerId, voterIds: readonly BrokerId[]): LeaderChangeMessageInput {
  const voters = voterIds.map((voterId) => ({ voterId, voterDirectoryId: ZERO_UUID as Uuid }));
  return { version: 0, leaderId, voters, grantingVoters: voters };
}
