/** DescribeLogDirs, versions 1-5. Deviations: none. */
import { statfs } from 'node:fs/promises';
import { DescribeLogDirs, ErrorCode, type DescribeLogDirsResponseInput } from '@millrace/protocol';
import type { HostedPartition } from '../../replicas/hosted-partition.js';
import type { HostedDirectory } from '../../replicas/replica-manager.js';
import { brokerApi } from '../broker-api.js';

const UNKNOWN_BYTES = -1;

export const describeLogDirsApi = brokerApi(DescribeLogDirs, (services) => async (request): Promise<DescribeLogDirsResponseInput> => {
  const asked = request.topics === null ? undefined : new Map(request.topics.map((it) => [it.topic, it.partitions]));
  const wants = (it: HostedPartition): boolean => asked === undefined || asked.get(it.topic)?.includes(it.partition) === true;
  const results = await Promise.all(
    services.replicas.logDirectories().map(async (directory) => {
      if (directory.isOffline) return { logDir: directory.path, errorCode: ErrorCode.KAFKA_STORAGE_ERROR, topics: [] };
      return { logDir: directory.path, isCordoned: directory.isCordoned, topics: byTopic(directory, wants), ...(await spaceOf(directory.path)) };
    }),
  );
  return { results };
});

function byTopic({ partitions, futures }: HostedDirectory, wants: (hosted: HostedPartition) => boolean): DescribeLogDirsResponseInput.Topic[] {
  const topics = new Map<string, DescribeLogDirsResponseInput.Partition[]>();
  const add = (hosted: HostedPartition, partition: Omit<DescribeLogDirsResponseInput.Partition, 'partitionIndex'>): void => {
    const list = topics.get(hosted.topic) ?? [];
    topics.set(hosted.topic, list);
    list.push({ partitionIndex: hosted.partition, ...partition });
  };
  for (const it of partitions.filter(wants)) add(it, { partitionSize: it.log.bytes, offsetLag: Math.max(0, it.machine.highWatermark - it.log.logEndOffset), isFutureKey: false });
  for (const { hosted, log } of futures.filter((it) => wants(it.hosted))) add(hosted, { partitionSize: log.bytes, offsetLag: hosted.log.logEndOffset - log.logEndOffset, isFutureKey: true });
  return [...topics].map(([name, list]) => ({ name, partitions: list }));
}

/** A directory that is not on this machine's own disk (a simulated one) has no known size. */
async function spaceOf(path: string): Promise<{ totalBytes: number; usableBytes: number }> {
  return statfs(path).then(
    (it) => ({ totalBytes: it.blocks * it.bsize, usableBytes: it.bavail * it.bsize }),
    () => ({ totalBytes: UNKNOWN_BYTES, usableBytes: UNKNOWN_BYTES }),
  );
}
