/** ListPartitionReassignments, version 0. Deviations: none known. */
import { ListPartitionReassignments } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';

export const listPartitionReassignmentsApi = brokerApi(ListPartitionReassignments, (services) => (request) => {
  const asked = request.topics ?? [...services.image.topics.values()].map((it) => ({ name: it.name, partitionIndexes: it.partitions.map((partition) => partition.partitionId) }));
  const topics = asked.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.flatMap((index) => {
      const it = services.image.partition(name, index);
      if (it === undefined || it.addingReplicas.length + it.removingReplicas.length === 0) return [];
      return [{ partitionIndex: index, replicas: it.replicas, addingReplicas: it.addingReplicas, removingReplicas: it.removingReplicas }];
    }),
  }));
  return { topics: topics.filter((it) => it.partitions.length > 0) };
});
