import { topicPartitionName, ZERO_UUID, type BrokerId, type Offset, type TopicPartition, type Uuid } from '@millrace/foundation';
import { CreatePartitions, CreateTopics, DeleteRecords, DeleteTopics, ErrorCode, Metadata, ProtocolError } from '@millrace/protocol';
import type { KafkaClient } from '../cluster/kafka-client.js';
import { topicInfoOf, type TopicInfo } from '../cluster/metadata-cache.js';
import { errorOf, type Outcome } from './outcome.js';

export interface NewTopic {
  readonly name: string;
  /** Left out: the broker's default (needs CreateTopics version 4). */
  readonly partitions?: number;
  readonly replicationFactor?: number;
  /** Replicas of each partition, instead of the two numbers above. */
  readonly assignments?: readonly (readonly BrokerId[])[];
  readonly configs?: Readonly<Record<string, string>>;
}

export interface TopicOutcome extends Outcome {
  readonly name: string;
}

export interface TopicDescription extends TopicInfo, Outcome {
  readonly topicId: Uuid;
}

interface MutationOptions {
  readonly timeoutMs?: number;
  readonly validateOnly?: boolean;
}

/** Requests that change the cluster go to the controller, and again when another broker has become it. */
async function onController<T>(client: KafkaClient, ask: () => Promise<T & { readonly codes: readonly number[] }>): Promise<T> {
  return client.retrying(async () => {
    const answer = await ask();
    if (answer.codes.includes(ErrorCode.NOT_CONTROLLER)) {
      await client.refreshMetadata();
      throw new ProtocolError(ErrorCode.NOT_CONTROLLER);
    }
    return answer;
  });
}

export async function createTopics(client: KafkaClient, topics: readonly NewTopic[], options: MutationOptions): Promise<TopicOutcome[]> {
  const request = {
    topics: topics.map((it) => ({
      name: it.name,
      numPartitions: it.assignments === undefined ? (it.partitions ?? -1) : -1,
      replicationFactor: it.assignments === undefined ? (it.replicationFactor ?? -1) : -1,
      assignments: (it.assignments ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds: [...brokerIds] })),
      configs: Object.entries(it.configs ?? {}).map(([name, value]) => ({ name, value })),
    })),
    timeoutMs: options.timeoutMs ?? client.settings.requestTimeoutMs,
    validateOnly: options.validateOnly ?? false,
  };
  const { list } = await onController(client, async () => {
    const response = await client.requestController(CreateTopics, () => request);
    return { list: response.topics, codes: response.topics.map((it) => it.errorCode) };
  });
  return inOrder(topics.map((it) => it.name), list);
}

export async function deleteTopics(client: KafkaClient, names: readonly string[], options: MutationOptions): Promise<TopicOutcome[]> {
  const timeoutMs = options.timeoutMs ?? client.settings.requestTimeoutMs;
  const { list } = await onController(client, async () => {
    const response = await client.requestController(DeleteTopics, (version) => (version >= 6 ? { topics: names.map((name) => ({ name, topicId: ZERO_UUID })), timeoutMs } : { topicNames: [...names], timeoutMs }));
    return { list: response.responses, codes: response.responses.map((it) => it.errorCode) };
  });
  return inOrder(names, list);
}



function inOrder(names: readonly string[], answers: readonly { readonly name: string | null; readonly errorCode: number; readonly errorMessage: string | null }[]): TopicOutcome[] {
  return names.map((name) => {
    const answer = answers.find((it) => it.name === name);
    return { name, error: answer === undefined ? new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, 'The broker did not answer for this topic') : errorOf(answer.errorCode, answer.errorMessage) };
  });
}

/** `total`: how many partitions the topic shall have. */
export async function createPartitions(client: KafkaClient, topics: readonly { readonly name: string; readonly total: number }[], options: MutationOptions): Promise<TopicOutcome[]> {
  const request = { topics: topics.map(({ name, total }) => ({ name, count: total, assignments: null })), timeoutMs: options.timeoutMs ?? client.settings.requestTimeoutMs, validateOnly: options.validateOnly ?? false };
  const { list } = await onController(client, async () => {
    const response = await client.requestController(CreatePartitions, () => request);
    return { list: response.results, codes: response.results.map((it) => it.errorCode) };
  });
  return inOrder(topics.map((it) => it.name), list);
}

/** Undefined: all of them. A topic that does not exist is not made by being asked for. */
export async function describeTopics(client: KafkaClient, names: readonly string[] | undefined): Promise<TopicDescription[]> {
  const response = await client.retrying(() =>
    client.requestAny(Metadata, (version) => ({ topics: names === undefined ? null : names.map((name) => ({ name })), ...(version >= 4 ? { allowAutoTopicCreation: false } : {}) })),
  );
  client.metadata.update({ ...response, topics: response.topics.filter((it) => it.errorCode === ErrorCode.NONE) }, false);
  const described = response.topics.map((it) => ({ ...topicInfoOf(it), error: errorOf(it.errorCode) }));
  return names === undefined ? described : names.flatMap((name) => described.filter((it) => it.name === name));
}

export interface RecordsToDelete extends TopicPartition {
  /** Everything below goes; -1: everything. */
  readonly beforeOffset: bigint | number;
}

/** Gives the log's new first offset for each partition. */
export async function deleteRecords(client: KafkaClient, partitions: readonly RecordsToDelete[], options: MutationOptions): Promise<(TopicPartition & { readonly lowWatermark: bigint } & Outcome)[]> {
  client.trackTopics(partitions.map((it) => it.topic));
  const timeoutMs = options.timeoutMs ?? client.settings.requestTimeoutMs;
  let open = [...partitions];
  const done: (TopicPartition & { lowWatermark: bigint } & Outcome)[] = [];
  await client.retrying(async () => {
    await client.refreshMetadata();
    const groups = new Map<BrokerId, RecordsToDelete[]>();
    for (const it of open) groups.set(client.metadata.leaderOf(it.topic, it.partition), [...(groups.get(client.metadata.leaderOf(it.topic, it.partition)) ?? []), it]);
    const answers = (await Promise.all([...groups].map(([leader, group]) => deleteOn(client, leader, group, timeoutMs)))).flat();
    const again = answers.filter((it) => it.error?.isRetriable === true);
    done.push(...answers.filter((it) => it.error?.isRetriable !== true));
    open = open.filter((it) => again.some((other) => topicPartitionName(other) === topicPartitionName(it)));
    if (again[0]?.error !== undefined) throw again[0].error;
  });
  return partitions.flatMap((it) => done.filter((other) => topicPartitionName(other) === topicPartitionName(it)));
}

async function deleteOn(client: KafkaClient, leader: BrokerId, group: readonly RecordsToDelete[], timeoutMs: number): Promise<(TopicPartition & { lowWatermark: bigint } & Outcome)[]> {
  if (!client.metadata.brokers.has(leader)) return group.map(({ topic, partition }) => ({ topic, partition, lowWatermark: -1n, error: leaderless(client, topic, partition) }));
  const names = [...new Set(group.map((it) => it.topic))];
  const topics = names.map((name) => ({ name, partitions: group.filter((it) => it.topic === name).map((it) => ({ partitionIndex: it.partition, offset: Number(it.beforeOffset) as Offset })) }));
  const response = await client.request(leader, DeleteRecords, () => ({ topics, timeoutMs }));
  return response.topics.flatMap(({ name, partitions }) => partitions.map((it) => ({ topic: name, partition: it.partitionIndex, lowWatermark: BigInt(it.lowWatermark), error: errorOf(it.errorCode) })));
}

function leaderless(client: KafkaClient, topic: string, partition: number): ProtocolError {
  return new ProtocolError(client.metadata.topics.get(topic)?.partitions[partition] === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.LEADER_NOT_AVAILABLE);
}
