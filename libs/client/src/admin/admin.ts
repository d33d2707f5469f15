import type { BrokerId, TopicPartition, TimestampMs } from '@millrace/foundation';
import { KafkaClient } from '../cluster/kafka-client.js';
import type { KafkaClientOptions } from '../cluster/client-options.js';
import type { BrokerInfo } from '../cluster/metadata-cache.js';
import { lookUpOffsets, OFFSET_AT, type IsolationLevel } from '../consumer/offset-lookup.js';
import { alterConfigs, describeConfigs, type ConfigAlteration, type ConfigDescription, type ConfigResource } from './config-admin.js';
import { alterGroupOffsets, deleteGroup, deleteGroupOffsets, describeGroup, listGroupOffsets, listGroups, type GroupDescription, type GroupListing, type GroupOffset } from './group-admin.js';
import type { Outcome } from './outcome.js';
import { createPartitions, createTopics, deleteRecords, deleteTopics, describeTopics, type NewTopic, type RecordsToDelete, type TopicDescription, type TopicOutcome } from './topic-admin.js';

export type AdminOptions = KafkaClientOptions | { /** Shared with others; not closed by the admin. */ readonly client: KafkaClient };

export interface ClusterDescription {
  readonly clusterId: string | null;
  readonly controllerId: BrokerId;
  readonly brokers: readonly BrokerInfo[];
}

export interface AlterOptions {
  readonly timeoutMs?: number;
  /** Checks and changes nothing. */
  readonly validateOnly?: boolean;
}

/**
 * Looks after a cluster. What concerns several things answers with an outcome for each; a promise rejects only when the request as a
 * whole failed. Retriable failures are tried again for `apiTimeoutMs`.
 */
export class Admin {
  private readonly client: KafkaClient;
  private readonly ownsClient: boolean;

  constructor(options: AdminOptions) {
    this.ownsClient = !('client' in options);
    this.client = 'client' in options ? options.client : new KafkaClient(options);
  }

  createTopics(topics: readonly NewTopic[], options: AlterOptions = {}): Promise<TopicOutcome[]> {
    return createTopics(this.client, topics, options);
  }
  deleteTopics(names: readonly string[], options: { readonly timeoutMs?: number } = {}): Promise<TopicOutcome[]> {
    return deleteTopics(this.client, names, options);
  }
  createPartitions(topics: readonly { readonly name: string; readonly total: number }[], options: AlterOptions = {}): Promise<TopicOutcome[]> {
    return createPartitions(this.client, topics, options);
  }
  /** A topic that does not exist has the error UNKNOWN_TOPIC_OR_PARTITION. */
  describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    return describeTopics(this.client, names);
  }
  async listTopics(options: { readonly includeInternal?: boolean } = {}): Promise<TopicDescription[]> {
    const topics = await describeTopics(this.client, undefined);
    return topics.filter((it) => options.includeInternal === true || !it.isInternal).sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  async describeCluster(): Promise<ClusterDescription> {
    await this.client.retrying(() => this.client.refreshMetadata());
    const { clusterId, controllerId, brokers } = this.client.metadata;
    return { clusterId, controllerId, brokers: [...brokers.values()].sort((a, b) => a.nodeId - b.nodeId) };
  }
  describeConfigs(resources: readonly (ConfigResource & { readonly keys?: readonly string[] })[], options: { readonly withDocumentation?: boolean } = {}): Promise<ConfigDescription[]> {
    return describeConfigs(this.client, resources, options);
  }
  alterConfigs(alterations: readonly ConfigAlteration[], options: { readonly validateOnly?: boolean } = {}): Promise<(ConfigResource & Outcome)[]> {
    return alterConfigs(this.client, alterations, options);
  }
  /** `at`: a time, or the log's beginning or end, or the record with the largest timestamp. Offset -1: nothing is that late. */
  async listOffsets(questions: readonly (TopicPartition & { readonly at: TimestampMs | keyof typeof OFFSET_AT })[], options: { readonly isolationLevel?: IsolationLevel } = {}): Promise<(TopicPartition & { readonly offset: bigint; readonly timestampMs: TimestampMs })[]> {
    const list = questions.map(({ topic, partition, at }) => ({ topic, partition, timestampMs: typeof at === 'string' ? OFFSET_AT[at] : at }));
    const found = await lookUpOffsets(this.client, list, { isolationLevel: options.isolationLevel ?? 'read_uncommitted' });
    return found.map(({ topic, partition, offset, timestampMs }) => ({ topic, partition, offset: BigInt(offset), timestampMs }));
  }
  deleteRecords(partitions: readonly RecordsToDelete[], options: { readonly timeoutMs?: number } = {}): Promise<(TopicPartition & { readonly lowWatermark: bigint } & Outcome)[]> {
    return deleteRecords(this.client, partitions, options);
  }
  listGroups(): Promise<GroupListing[]> {
    return listGroups(this.client);
  }
  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]> {
    return Promise.all(groupIds.map((it) => describeGroup(this.client, it)));
  }
  /** Rejects with NON_EMPTY_GROUP while it has members, GROUP_ID_NOT_FOUND when there is none. */
  deleteGroup(groupId: string): Promise<void> {
    return deleteGroup(this.client, groupId);
  }
  /** Everything that the group committed, or these partitions of it; without a commit they are left out. */
  listGroupOffsets(groupId: string, partitions?: readonly TopicPartition[]): Promise<GroupOffset[]> {
    return listGroupOffsets(this.client, groupId, partitions);
  }
  /** Only while the group has no members. */
  alterGroupOffsets(groupId: string, offsets: readonly (TopicPartition & { readonly offset: bigint | number; readonly metadata?: string })[]): Promise<void> {
    return alterGroupOffsets(this.client, groupId, offsets);
  }
  /** GROUP_SUBSCRIBED_TO_TOPIC for a topic that the group's members read. */
  deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<(TopicPartition & Outcome)[]> {
    return deleteGroupOffsets(this.client, groupId, partitions);
  }
  close(): Promise<void> {
    if (this.ownsClient) this.client.close();
    return Promise.resolve();
  }
}
