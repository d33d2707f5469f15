/** AlterReplicaLogDirs, versions 1-2. Answered when the moves have begun; DescribeLogDirs tells how far they are. Deviations: none. */
import { AlterReplicaLogDirs, ErrorCode, type AlterReplicaLogDirsResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';

export const alterReplicaLogDirsApi = brokerApi(AlterReplicaLogDirs, (services) => async (request): Promise<AlterReplicaLogDirsResponseInput> => {
  // Of a partition that is named twice the last directory counts.
  const wanted = new Map<string, Map<number, string>>();
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      const paths = wanted.get(name) ?? new Map<number, string>();
      wanted.set(name, paths);
      for (const partition of partitions) paths.set(partition, path);
    }
  }
  const results = [];
  for (const [topicName, paths] of wanted) {
    const partitions = [];
    for (const [partitionIndex, path] of paths) {
      const error = await services.replicas.moveTo(path, topicName, partitionIndex);
      partitions.push({ partitionIndex, errorCode: error === null ? ErrorCode.NONE : ErrorCode[error] });
    }
    results.push({ topicName, partitions });
  }
  return { results };
});
