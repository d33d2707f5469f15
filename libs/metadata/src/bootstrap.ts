import type { BrokerId, Uuid } from '@millrace/foundation';
import { ZERO_UUID } from '@millrace/foundation';
import type { LeaderChangeMessageInput, MetadataRecord } from '@millrace/protocol';
import { CONFIG_RESOURCE_TYPES } from './config/config-resource.js';
import { ELIGIBLE_LEADER_REPLICAS_FEATURE, ELIGIBLE_LEADER_REPLICAS_VERSION, METADATA_VERSION, METADATA_VERSION_FEATURE } from './features.js';

/**
 * The first records of a new cluster, one batch: which features it begins with. Kafka's tools and nodes expect the metadata version first. Eligible leader
 * replicas need one min.insync.replicas that every controller knows, so the one of this node's properties is written down for all.
 */
export function bootstrapRecords(minInSyncReplicas: string): readonly MetadataRecord[] {
  return [
    { type: 'FeatureLevelRecord', version: 0, record: { name: METADATA_VERSION_FEATURE, featureLevel: METADATA_VERSION } },
    { type: 'FeatureLevelRecord', version: 0, record: { name: ELIGIBLE_LEADER_REPLICAS_FEATURE, featureLevel: ELIGIBLE_LEADER_REPLICAS_VERSION } },
    { type: 'ConfigRecord', version: 0, record: { resourceType: CONFIG_RESOURCE_TYPES.BROKER, resourceName: '', name: 'min.insync.replicas', value: minInSyncReplicas } },
  ];
}

/** What a leader of the metadata quorum writes first in each of its epochs, as a control record of type leaderChange. Its version field and encoding version are both 0. */
export function leaderChangeMessage(leaderId: BrokerId, voterIds: readonly BrokerId[]): LeaderChangeMessageInput {
  const voters = voterIds.map((voterId) => ({ voterId, voterDirectoryId: ZERO_UUID as Uuid }));
  return { version: 0, leaderId, voters, grantingVoters: voters };
}
