import type { BrokerId, Uuid } from '@millrace/foundation';
import { ZERO_UUID } from '@millrace/foundation';
import type { LeaderChangeMessageInput, MetadataRecord } from '@millrace/protocol';
import { METADATA_VERSION, METADATA_VERSION_FEATURE } from './features.js';

/** The first records of a new cluster, one batch: which features it begins with. Kafka's tools and nodes expect the metadata version first. */
export function bootstrapRecords(): readonly MetadataRecord[] {
  return [{ type: 'FeatureLevelRecord', version: 0, record: { name: METADATA_VERSION_FEATURE, featureLevel: METADATA_VERSION } }];
}

/** What a leader of the metadata quorum writes first in each of its epochs, as a control record of type leaderChange. Its version field and encoding version are both 0. */
export function leaderChangeMessage(leaderId: BrokerId, voterIds: readonly BrokerId[]): LeaderChangeMessageInput {
  const voters = voterIds.map((voterId) => ({ voterId, voterDirectoryId: ZERO_UUID as Uuid }));
  return { version: 0, leaderId, voters, grantingVoters: voters };
}
