/** ElectLeaders, versions 0-2. Deviations: with one replica per partition the preferred leader always leads, so every election is answered ELECTION_NOT_NEEDED. */
import { ElectLeaders, ErrorCode, type ElectLeadersResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';

export const electLeadersApi = brokerApi(ElectLeaders, (services) => (request): ElectLeadersResponseInput => ({
  // Asked for all partitions, Kafka lists only those where something was to be done.
  replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) =>
      services.image.partition(topic, partitionId) === undefined
        ? { partitionId, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: `No such topic as ${topic}` }
        : { partitionId, errorCode: ErrorCode.ELECTION_NOT_NEEDED, errorMessage: 'Leader election not needed for topic partition.' },
    ),
  })),
}));
