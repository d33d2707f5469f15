import { ErrorCode } from '@millrace/protocol';
import type { RaftEndpoint } from '@millrace/raft';
import { CLUSTER_METADATA } from '../../internal-topics.js';

interface WithLeader {
  readonly topLevelError: string;
  readonly errorCode: string;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly leaderEndpoints: readonly RaftEndpoint[];
}

/** The number of an error that the quorum's machine names. */
export function codeOf(error: string): number {
  return (ErrorCode as Readonly<Record<string, number>>)[error] ?? ErrorCode.UNKNOWN_SERVER_ERROR;
}

/** The one partition that a request to the quorum may name; undefined for anything else. */
export function onlyPartition<Partition>(topics: readonly { readonly topicName: string; readonly partitions: readonly Partition[] }[], indexOf: (partition: Partition) => number): Partition | undefined {
  const [topic] = topics;
  const [partition] = topic?.partitions ?? [];
  if (topic === undefined || partition === undefined || topics.length > 1 || topic.partitions.length > 1) return undefined;
  return topic.topicName === CLUSTER_METADATA && indexOf(partition) === 0 ? partition : undefined;
}

/** Where the leader is, for nodes that came by this listener. */
export function nodeEndpoints({ leaderId, leaderEndpoints }: WithLeader, listenerName: string): { nodeId: number; host: string; port: number }[] {
  const endpoint = leaderEndpoints.find((it) => it.name === listenerName);
  return endpoint === undefined || leaderId < 0 ? [] : [{ nodeId: leaderId, host: endpoint.host, port: endpoint.port }];
}

/** The fields that most answers of the quorum have of its one partition. */
export function partitionHead({ errorCode, leaderId, leaderEpoch }: WithLeader): { partitionIndex: number; errorCode: number; leaderId: number; leaderEpoch: number } {
  return { partitionIndex: 0, errorCode: codeOf(errorCode), leaderId, leaderEpoch };
}
