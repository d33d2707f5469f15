/** OffsetForLeaderEpoch, versions 2-4. Deviations: none. */
import { ErrorCode, OffsetForLeaderEpoch, type OffsetForLeaderEpochResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';

const DEBUGGING_CONSUMER = -2;

export const offsetForLeaderEpochApi = brokerApi(OffsetForLeaderEpoch, (services) => (request) => ({
  topics: request.topics.map((topic) => ({
    topic: topic.topic,
    partitions: topic.partitions.map((it): OffsetForLeaderEpochResponseInput.Partition => {
      const hosted = services.replicas.byName(topic.topic, it.partition);
      if (typeof hosted === 'string') return { partition: it.partition, errorCode: ErrorCode[hosted] };
      const { error, end } = hosted.machine.epochEnd(it.leaderEpoch, it.currentLeaderEpoch, request.replicaId !== DEBUGGING_CONSUMER);
      if (error !== null) return { partition: it.partition, errorCode: ErrorCode[error] };
      return end === null ? { partition: it.partition } : { partition: it.partition, leaderEpoch: end.leaderEpoch, endOffset: end.endOffset };
    }),
  })),
}));
